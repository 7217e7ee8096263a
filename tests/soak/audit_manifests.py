"""Is every usage billed, once, and where its client was told? Manifests, without seeing them all.

The API shows the later manifests of a term, the supplements, usage by usage; of the first it shows
one quantity for each line. So a usage's part of the first is reckoned backwards: it is where the
first supplement that names it says it began, and what there is in the end if none does. If the sum
of those parts is the quantity on the term's invoice, they are the manifest; quantities are drawn so
that another sum by chance is as good as impossible.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import inf

from tests.soak.audit_records import History
from tests.soak.books import Place, Told, shown
from tests.soak.ending import Ending, Entry, Shown, Step
from tests.soak.findings import Finding, Kind

type _Term = tuple[str, str]  # a subscription, and the start of one of its terms

_NONE = Told(id="", version=0, quantity=Fraction(0), deleted=True)


@dataclass(frozen=True, slots=True)
class Billed:
    """How one usage was billed: *first* on its term's invoice, then by supplements."""

    history: History
    first: Told
    steps: tuple[tuple[Entry, Step], ...]

    @property
    def place(self) -> Place:
        """Which usage it is."""
        return self.history.place


def billed_usages(
    known: Mapping[Place, History], places: Mapping[tuple[str, str], Place], ending: Ending
) -> tuple[dict[Place, Billed], list[Finding]]:
    """Return how each usage was billed, and what supplements name that nobody ever saw."""
    steps = defaultdict(list)
    strangers = []
    for entry, step in ending.steps():
        place = places.get((entry.subscription_id, step.usage_id))
        if place in known:
            steps[place].append((entry, step))
        else:
            said = f"{entry} bills usage {step.usage_id}, which nobody was told of"
            strangers.append(Finding(Kind.INVENTED, "I-02", said))
    billed = {
        place: Billed(history, _first(history, steps[place]), tuple(steps[place]))
        for place, history in known.items()
    }
    return billed, strangers


def audit_manifests(billed: Mapping[Place, Billed], ending: Ending) -> Iterator[Finding]:
    """Find what is not billed, billed twice, or billed elsewhere than was promised."""
    frozen = _frozen_by(billed, ending)
    for each in billed.values():
        yield from _entries_follow(each)
        term = _term_of(each.place, ending)
        if term is not None:
            yield from _promise_kept(each, ending.firsts[term][0], frozen.get(term, inf))
    sums: dict[tuple[str, str, str], list[Billed]] = defaultdict(list)
    for each in billed.values():
        term = _term_of(each.place, ending)
        if term is None:
            if each.history.live is not None:
                said = "no invoice bills its term"
                yield each.history.finding(Kind.LOST, "I-01", said)
            continue
        sums[*term, each.place.line_id].append(each)
    for (subscription_id, start), invoices in ending.firsts.items():
        for line_id, quantity in _quantities(invoices[0]).items():
            yield from _first_adds_up(
                invoices[0], line_id, quantity, sums.pop((subscription_id, start, line_id), [])
            )
    for (subscription_id, start, line_id), parts in sums.items():
        invoice = ending.firsts[subscription_id, start][0]
        yield from _first_adds_up(invoice, line_id, Fraction(0), parts)


def _first(history: History, steps: list[tuple[Entry, Step]]) -> Told:
    if not steps:
        return history.live or _NONE
    step = steps[0][1]
    return Told(
        id=step.usage_id,
        version=step.billed_version,
        quantity=step.billed_quantity,
        deleted=step.billed_quantity == 0,
    )


def _entries_follow(billed: Billed) -> Iterator[Finding]:
    """I-01, I-05, I-09: what bills a usage begins where the one before ended; the last is all."""
    history, now = billed.history, billed.first
    yield from _is_fact(history, now)
    for entry, step in billed.steps:
        if (step.billed_version, step.billed_quantity) != (now.version, now.counts):
            kind = Kind.DOUBLED if step.billed_version < now.version else Kind.LOST
            said = f"{entry} bills it from version {step.billed_version}, not {now.version}"
            yield history.finding(kind, "I-05", said)
        now = Told(
            id=step.usage_id,
            version=step.version,
            quantity=step.quantity,
            deleted=step.quantity == 0,
        )
        yield from _is_fact(history, now)
        if not entry.start <= billed.place.at < entry.end:
            yield history.finding(Kind.TERM, "I-01", f"{entry} bills it, which is of another term")
    there = history.live or _NONE
    if now.counts != there.counts:
        kind = Kind.LOST if now.counts < there.counts else Kind.DOUBLED
        invariant = "I-09" if history.live is None else "I-01"
        said = f"{shown(now.counts)} is billed, and {shown(there.counts)} is there"
        yield history.finding(kind, invariant, said)
    elif history.live is not None and now.version != there.version:
        said = f"version {now.version} is billed, and version {there.version} is there"
        yield history.finding(Kind.LOST, "I-01", said)


def _is_fact(history: History, billed: Told) -> Iterator[Finding]:
    """I-09: a version is never billed with the quantity of another."""
    fact = history.fact(billed.version)
    if fact is not None and fact.counts != billed.counts:
        said = f"version {billed.version} is billed with {shown(billed.counts)}"
        yield history.finding(Kind.DOUBLED, "I-09", said)
    elif billed.counts and not history.might_be(billed.version, billed.counts):
        said = f"{shown(billed.counts)} is billed, which only refused requests asked for"
        yield history.finding(Kind.INVENTED, "I-02", said)


def _promise_kept(billed: Billed, invoice: Shown, frozen: float) -> Iterator[Finding]:
    """I-04: what was told `on_time` is on its own term's invoice, or a later version of it is."""
    first, attempts = billed.first, billed.history.attempts
    for attempt in attempts:
        told = attempt.told
        if told is None or told.billing != "on_time" or told.version <= first.version:
            continue
        if first.counts:
            said = (
                f"version {told.version} was told on_time; {_name(invoice)} bills {first.version}"
            )
            yield billed.history.finding(Kind.FALSE, "I-04", said)
        elif not told.deleted and not billed.history.might_have_deleted(told.version, frozen):
            said = f"version {told.version} was told on_time; {_name(invoice)} is without it"
            yield billed.history.finding(Kind.FALSE, "I-04", said)


def _frozen_by(billed: Mapping[Place, Billed], ending: Ending) -> dict[_Term | None, float]:
    """Return by when terms were frozen, as far as clients can tell: when one was told `late`.

    A deletion that began before may be what the close met in place of a version that was there.
    """
    frozen: dict[_Term | None, float] = {}
    for each in billed.values():
        late = [
            attempt.ended
            for attempt in each.history.attempts
            if attempt.told is not None and attempt.told.billing == "late"
        ]
        if late:
            term = _term_of(each.place, ending)
            frozen[term] = min(*late, frozen.get(term, inf))
    return frozen


def _term_of(place: Place, ending: Ending) -> _Term | None:
    """Return the term that has a usage's date, if there is an invoice of it."""
    for term, [invoice, *_] in ending.firsts.items():
        period = invoice["period"]
        if term[0] == place.subscription_id and period["start"] <= place.at < period["end"]:
            return term
    return None


def _quantities(invoice: Shown) -> dict[str, Fraction]:
    found: dict[str, Fraction] = defaultdict(Fraction)
    for line in invoice.get("lines", ()):
        if line["kind"] == "usage":
            found[line["line_id"]] += Fraction(line["quantity"])
    return dict(found)


def _first_adds_up(
    invoice: Shown, line_id: str, quantity: Fraction, parts: list[Billed]
) -> Iterator[Finding]:
    """I-01, I-09, I-16: a term's first manifest adds up to the quantity of its line."""
    over = quantity - sum((each.first.counts for each in parts), Fraction(0))
    if not over:
        return
    kind = Kind.DOUBLED if over > 0 else Kind.LOST
    where = f"{_name(invoice)}, line {line_id}"
    said = f"{where}: {shown(quantity)} is billed, {shown(over)} more than its usages come to"
    culprits = [each for each in parts if _accounts_for(each, over)]
    if not culprits:
        yield Finding(kind, "I-16", said)
    for each in culprits:
        yield each.history.finding(kind, "I-01", said)
        if over < 0 and any(told.billing == "on_time" for told in each.history.told):
            yield each.history.finding(Kind.FALSE, "I-04", f"it is not on {where}")


def _name(invoice: Shown) -> str:
    return str(invoice["number"] or invoice["id"])


def _accounts_for(each: Billed, over: Fraction) -> bool:
    """Tell whether one version of a usage in place of another is all the difference."""
    counted = {Fraction(0), *(told.counts for told in each.history.told)}
    return any(one - other == over for one in counted for other in counted)
