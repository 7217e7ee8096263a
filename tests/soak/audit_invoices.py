"""Are the invoices right? Their terms, lines and supplements, reckoned anew from the plan."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from tests.soak.books import Place
from tests.soak.ending import Ending, Entry, Shown
from tests.soak.findings import Finding, Kind
from tests.soak.plan import Plan, Price
from tests.soak.reckoning import base_fee, cents_of, charge

type Places = Mapping[tuple[str, str], Place]


def audit_terms(plan: Plan, ending: Ending) -> Iterator[Finding]:
    """I-10, I-12: each term that is over has one invoice, and the present one follows."""
    present = ending.subscriptions[plan.id]["current_term"]["start"]
    wanted, start = set(), plan.at(plan.start)
    for start, end in plan.terms():
        if end > present:
            break
        wanted.add((start, end))
    if present != start:
        yield Finding(Kind.TERM, "I-12", f"{plan.id}: no term begins at {present}")
    there = [
        (start, invoice["period"]["end"])
        for (subscription_id, start), invoices in ending.firsts.items()
        for invoice in invoices
        if subscription_id == plan.id
    ]
    for start, end in sorted(wanted ^ {*there}):
        what = "has no invoice" if (start, end) in wanted else "is no term, and has an invoice"
        yield Finding(Kind.TERM, "I-12", f"{plan.id}: {start} to {end} {what}")
    for (subscription_id, start), invoices in ending.firsts.items():
        if subscription_id == plan.id and len(invoices) > 1:
            named = " and ".join(invoice["id"] for invoice in invoices)
            text = f"{plan.id}: {named} are of the same term, from {start}"
            yield Finding(Kind.DOUBLED, "I-10", text)


def audit_amounts(plan: Plan, ending: Ending, places: Places) -> Iterator[Finding]:
    """I-06, I-16: the lines of a term's manifests come to the price of its usage, each time."""
    entries: dict[str, list[Entry]] = defaultdict(list)
    for entry in ending.entries:
        if entry.subscription_id == plan.id:
            entries[entry.start].append(entry)
    for (subscription_id, start), [invoice, *_] in ending.firsts.items():
        if subscription_id != plan.id or "lines" not in invoice:
            continue
        later = entries.pop(start, [])
        numbers = [entry.k for entry in later]
        if numbers != list(range(1, len(later) + 1)):
            text = f"{plan.id} from {start} has the supplements {numbers}"
            yield Finding(Kind.DOUBLED, "I-06", text)
        known = {each.id for each in plan.prices}
        if strange := {line["line_id"] for line in invoice["lines"]} - known:
            yield Finding(Kind.AMOUNT, "I-16", f"{_name(invoice)} has lines {sorted(strange)}")
        for price in plan.prices:
            yield from _fee(price, invoice)
            yield from _usage(price, invoice, later, places)
    for start in entries:
        text = f"{plan.id} from {start} has supplements and no invoice"
        yield Finding(Kind.TERM, "I-06", text)


def audit_supplements(ending: Ending) -> Iterator[Finding]:
    """I-01: each supplement is on the invoice it names, once, and invoices have no others."""
    owed: dict[str, list[str]] = defaultdict(list)
    for entry in ending.entries:
        amounts = [cents_of(line["amount"]) for line in entry.lines]
        if sum(amounts) != cents_of(entry.amount):
            yield _wrong(str(entry), cents_of(entry.amount), sum(amounts))
        if entry.invoice_id is not None:
            owed[entry.invoice_id] += map(_told, entry.lines)
        elif any(amounts):
            text = f"{entry} over {entry.amount} is on no invoice"
            yield Finding(Kind.LOST, "I-01", text)
    for invoice_id in {*owed} - {*ending.by_id}:
        yield Finding(Kind.LOST, "I-01", f"{invoice_id} is to bill supplements and is not there")
    for invoice in ending.invoices:
        told = sorted(_told(line) for line in _lines(invoice, None, "supplement"))
        due = sorted(owed.get(invoice["id"], ()))
        if told != due:
            kind = Kind.LOST if len(told) < len(due) else Kind.DOUBLED
            text = f"{_name(invoice)} bills {len(told)} supplement lines in place of {len(due)}"
            evidence = (*(f"there: {each}" for each in told), *(f"due: {each}" for each in due))
            yield Finding(kind, "I-01", text, evidence)


def _fee(price: Price, invoice: Shown) -> Iterator[Finding]:
    fees = [cents_of(line["amount"]) for line in _lines(invoice, price.id, "base_fee")]
    due = [base_fee(price)] if price.base_fee else []
    if fees != due:
        yield _wrong(f"{_name(invoice)}, base fee of {price.id}", sum(fees), sum(due))


def _usage(
    price: Price, invoice: Shown, later: Sequence[Entry], places: Places
) -> Iterator[Finding]:
    used = _lines(invoice, price.id, "usage")
    if len(used) > 1:
        text = f"{_name(invoice)}: {len(used)} lines bill the usage of {price.id}"
        yield Finding(Kind.DOUBLED, "I-16", text)
    quantity = sum((Fraction(line["quantity"]) for line in used), Fraction(0))
    billed = sum(cents_of(line["amount"]) for line in used)
    if billed != charge(price, quantity):
        yield _wrong(f"{_name(invoice)}, {price.id}", billed, charge(price, quantity))
    for entry in later:
        quantity += sum(
            (
                step.quantity - step.billed_quantity
                for step in entry.steps
                if _line_of(entry, step.usage_id, places) == price.id
            ),
            Fraction(0),
        )
        lines = [line for line in entry.lines if line["line_id"] == price.id]
        amount = sum(cents_of(line["amount"]) for line in lines)
        if billed + amount != charge(price, quantity):
            yield _wrong(f"{entry}, {price.id}", amount, charge(price, quantity) - billed)
        for line in lines:
            if Fraction(line["quantity"]) != quantity or cents_of(line["billed_before"]) != billed:
                text = f"{entry}, {price.id}: {line['quantity']}, {line['billed_before']} before"
                yield Finding(Kind.AMOUNT, "I-16", text)
        billed += amount


def _line_of(entry: Entry, usage_id: str, places: Places) -> str | None:
    place = places.get((entry.subscription_id, usage_id))
    return None if place is None else place.line_id


def _lines(invoice: Shown, line_id: str | None, kind: str) -> list[Shown]:
    return [
        line
        for line in invoice.get("lines", ())
        if line["kind"] == kind and line_id in {None, line["line_id"]}
    ]


def _told(line: Shown) -> str:
    names = ("line_id", "quantity", "amount", "billed_before")
    return ", ".join([str(line["period"]["start"]), *(f"{name} {line[name]}" for name in names)])


def _name(invoice: Shown) -> str:
    return str(invoice["number"] or invoice["id"])


def _wrong(where: str, amount: int, due: int) -> Finding:
    return Finding(Kind.AMOUNT, "I-16", f"{where}: {amount} cents in place of {due}")
