"""What must hold: of every store, of every step, and when all is quiet.

Each is a function that says what is wrong, or nothing; the numbers are those of `docs/protocol.md`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise

from spec.items import (
    Appended,
    Billing,
    Bound,
    Content,
    Count,
    Head,
    Invoice,
    Key,
    Number,
    Status,
    Term,
    Usage,
)
from spec.stores import Store, fold
from spec.writers import Answer, Command, Delete, Record, Told
from spec.writes import said

type Wrong = Iterator[str]

# --- of every store


def entries_telescope(store: Store) -> Wrong:
    """I-05: what a manifest bills begins where the one before it ended."""
    for term in store.terms():
        billed: dict[Key, tuple[int, int]] = {}
        manifests = [term.first or (), *(each.entries for each in store.log(term.start))]
        for k, manifest in enumerate(manifests):
            for entry in manifest:
                was = billed.get(entry.key, (0, 0))
                if entry.was != was or entry.now[0] <= was[0]:
                    billed_so_far = f"v{was[0]}:{was[1]}"
                    yield f"manifest {term.start}.{k} has {entry} over {billed_so_far}"
                billed[entry.key] = entry.now


def indices_have_no_hole(store: Store) -> Wrong:
    """I-06: the manifests of a term are numbered without a hole, and the term counts them."""
    for term in store.terms():
        indices = [each.bill.k for each in store.log(term.start)]
        if term.first is not None:
            indices.insert(0, 0)
        if indices != list(range(term.manifests)):
            yield f"term {term.start} counts {term.manifests} manifests and has {indices}"


def tombstones_are_not_billed(store: Store) -> Wrong:
    """I-09: what is billed of a version is what was written; of a tombstone nothing."""
    for term in store.terms():
        for manifest in [term.first or (), *(each.entries for each in store.log(term.start))]:
            for entry in manifest:
                version, quantity = entry.now
                written = [
                    usage.billable for usage in store.written(entry.key) if usage.version == version
                ]
                if quantity not in written:
                    yield f"{entry} is billed, and v{version} was written as {written}"


def an_invoice_has_one_number(store: Store) -> Wrong:
    """I-10: there is one invoice for a term and k, and it has one number."""
    drawn = [number.bill for number in store.each(Number)]
    for bill in sorted(set(drawn)):
        if drawn.count(bill) > 1:
            yield f"invoice {bill} is issued {drawn.count(bill)} times"


def terms_tile(store: Store) -> Wrong:
    """I-12: terms follow each other without gap or overlap, to the end of the subscription.

    Only the newest may be OPEN.
    """
    terms = store.terms()
    for term, after in pairwise(terms):
        if term.end != after.start:
            yield f"term {term} is followed by {after}"
        if term.status is Status.OPEN:
            yield f"term {term} is open, and {after} began"
    end = store.subscription().end
    if end is not None and terms[-1].end > end:
        yield f"the subscription ends at {end}, and its last term is {terms[-1]}"


def numbers_do_not_repeat(store: Store) -> Wrong:
    """I-15: no two invoices have the same number."""
    numbers = _issued(store)
    if len(set(numbers)) < len(numbers):
        yield f"the numbers {numbers} are issued"


def _issued(store: Store) -> list[int]:
    return sorted(each.number for each in store.each(Invoice) if each.head is Head.ISSUED)


def frozen_terms_have_their_content(store: Store) -> Wrong:
    """I-14: what a frozen term names is there."""
    for term in store.terms():
        if term.first is not None and Content(term.first).name not in store.items:
            yield f"term {term.start} names content that is not stored"


def a_name_and_its_usage_are_there_together(store: Store) -> Wrong:
    """I-61: an entry of the register names a usage that is there, and a named usage has one."""
    for entry in store.each(Bound):
        if store.usage(entry.key) is None:
            yield f"{entry}, which is not there"
    for usage in store.each(Usage):
        if usage.external_id and store.bound(usage.external_id) != usage.key:
            yield f"{usage} is named, and that names {store.bound(usage.external_id)}"


def the_count_is_of_what_there_is(store: Store) -> Wrong:
    """I-62: under a maximum the count is that of the usages there ever were, and at most that."""
    for count in store.each(Count):
        usages = sum(1 for _ in store.each(Usage))
        if not usages == count.counted <= count.maximum:
            yield f"{count} are counted, and {usages} are there"


# --- of every step

_STEPS: Mapping[Status, frozenset[Status]] = {
    Status.OPEN: frozenset({Status.OPEN, Status.GRACE}),
    Status.GRACE: frozenset({Status.GRACE, Status.CLOSING}),
    Status.CLOSING: frozenset({Status.CLOSING, Status.FROZEN}),
    Status.FROZEN: frozenset({Status.FROZEN}),
}


def status_goes_forward(before: Store, after: Store) -> Wrong:
    """I-13: a term goes from OPEN to GRACE to CLOSING to FROZEN, an invoice leaves PENDING once."""
    for term in before.terms():
        now = after.term(term.start)
        if now is None or now.status not in _STEPS[term.status]:
            yield f"term {term} becomes {now}"
    for invoice in before.each(Invoice):
        then = after.invoice(invoice.bill)
        if then != invoice and (then is None or invoice.head is not Head.PENDING):
            yield f"invoice {invoice.bill}, {invoice}, becomes {then}"


def what_is_frozen_stays(before: Store, after: Store) -> Wrong:
    """I-14: the period and the manifests of a frozen term never change; its log only grows."""
    for term in before.terms():
        now = after.term(term.start)
        if term.status is Status.FROZEN and now is not None and _frozen(term) != _frozen(now):
            first, other = said(term.first or ()), said(now.first or ())
            yield f"term {term} was frozen with {first} and has {other} now"
    for appended in before.appended():
        there = after.items[appended.name]
        assert isinstance(there, Appended)
        if there.entries != appended.entries:
            yield f"{appended} said {said(appended.entries)} and says {said(there.entries)} now"
        elif appended.billed_in is not None and there.billed_in != appended.billed_in:
            yield f"{appended} was billed in {appended.billed_in} and is in {there.billed_in} now"


def a_name_is_for_ever(before: Store, after: Store) -> Wrong:
    """I-60: what an external id names never changes."""
    for entry in before.each(Bound):
        if after.bound(entry.external_id) != entry.key:
            yield f"{entry}, and then names {after.bound(entry.external_id)}"


def _frozen(term: Term) -> tuple[object, ...]:
    return term.start, term.end, term.run, term.first


# --- when all is quiet: *store* is what it became after sweeps ran undisturbed

type Ledger = Iterable[tuple[Command, Answer]]


def acknowledged_is_billed_once(store: Store, ledger: Ledger) -> Wrong:
    """I-01: a version that was acknowledged is billed, unless a later one took its place; once."""
    for command, answer in ledger:
        if answer.told is not Told.OK or answer.usage is None:
            continue
        key, usage = command.key, answer.usage
        there = store.usage(key)
        versions = [each for each in store.written(key) if each.version == usage.version]
        same = [
            each.deleted == usage.deleted and each.quantity == usage.quantity for each in versions
        ]
        if there is None or there.version < usage.version or not same or not all(same):
            yield f"{usage} was acknowledged, and {there or 'nothing'} is there"
        elif billed(store, key) != there.billable:
            yield f"{usage} was acknowledged, {there} is there, and {billed(store, key)} is billed"


def supplements_are_on_an_invoice(store: Store, _ledger: Ledger) -> Wrong:
    """I-01: a later manifest is on an invoice, and that one is out."""
    for appended in store.appended():
        invoice = appended.billed_in and store.invoice(appended.billed_in)
        if not invoice or invoice.head is not Head.ISSUED:
            yield f"{appended} is billed by {appended.billed_in}, which is {invoice}"


def refused_is_not_billed(store: Store, ledger: Ledger) -> Wrong:
    """I-02: what only refused requests asked for is not billed."""
    asked: dict[tuple[Key, int], list[Told]] = {}
    for command, answer in ledger:
        if not isinstance(command, Delete):
            asked.setdefault((command.key, command.quantity), []).append(answer.told)
    for (key, quantity), told in asked.items():
        if all(each is Told.REFUSED for each in told) and billed(store, key) == quantity:
            yield f"{key} = {quantity} was refused and is billed"


def table_and_bill_agree(store: Store, ledger: Ledger) -> Wrong:
    """I-03: what got no answer is billed once or not at all, as the table has it."""
    for key in {command.key for command, _ in ledger}:
        there = store.usage(key)
        quantity = there.billable if there else 0
        if billed(store, key) != quantity:
            yield f"{there} is there, and {billed(store, key)} is billed"


def on_time_is_on_its_own_invoice(store: Store, ledger: Ledger) -> Wrong:
    """I-04: a version of which a client was told `on_time` is in the first manifest of its term."""
    for _, answer in ledger:
        if answer.billing is not Billing.ON_TIME or answer.usage is None:
            continue
        usage = answer.usage
        term = term_of(store, usage.key)
        first = {entry.key: entry.now for entry in (term and term.first) or ()}
        seen = first.get(usage.key)
        if seen is None:
            # Not mentioned: right only if a tombstone, this one or a later, was what was read.
            later = (each for each in store.written(usage.key) if each.version >= usage.version)
            right = any(each.deleted for each in later)
        else:
            right = seen[0] >= usage.version
        if not right:
            yield f"{usage} was told on_time, and term {term} froze with {seen or 'nothing of it'}"


def a_request_is_recorded_once(store: Store, ledger: Ledger) -> Wrong:
    """I-07: a request that is repeated under its key is recorded once, also behind a deletion."""
    for key in sorted({command.key for command, _ in ledger}):
        # A live version over a live one is a correction, and keeps the request that recorded it.
        over = (None, *store.written(key))
        made = [
            each.request
            for before, each in zip(over, store.written(key), strict=False)
            if each.request and not each.deleted and (before is None or before.deleted)
        ]
        if len(set(made)) < len(made):
            yield f"{key} was recorded by the requests {made}"


def what_is_recorded_is_not_refused(store: Store, ledger: Ledger) -> Wrong:
    """I-63: nobody is refused who asks for just what is there, and never was otherwise."""
    for command, answer in ledger:
        if not isinstance(command, Record) or answer.told is not Told.REFUSED:
            continue
        written = store.written(command.key)
        if written and all(not each.deleted and command.is_said_by(each) for each in written):
            yield f"to {command} was refused, and that is there"


def numbers_have_no_gap(store: Store, ledger: Ledger) -> Wrong:
    """I-15: the numbers of issued invoices are 1 to n, and the counter is at n + 1."""
    del ledger
    if _issued(store) != list(range(1, store.upcoming())):
        yield f"the numbers {_issued(store)} are issued, and the next is {store.upcoming()}"


def every_term_is_frozen(store: Store, ledger: Ledger) -> Wrong:
    """I-30: no term that has ended stays behind."""
    del ledger
    for term in store.terms():
        if term.status in {Status.GRACE, Status.CLOSING}:
            yield f"term {term} does not close"


def term_of(store: Store, key: Key) -> Term | None:
    """Return the term that bills a usage: by its date, or the last one if that lies behind it."""
    term = store.newest(key.date)
    if term is None or key.date < term.end or store.subscription().is_last(term):
        return term
    return None


def billed(store: Store, key: Key) -> int:
    """Return the quantity that all manifests of all terms bill of a usage."""
    quantities = [fold(term, store.log(term.start)).get(key, (0, 0))[1] for term in store.terms()]
    return sum(quantities)


STORE_INVARIANTS: tuple[Callable[[Store], Wrong], ...] = (
    entries_telescope,
    indices_have_no_hole,
    tombstones_are_not_billed,
    an_invoice_has_one_number,
    terms_tile,
    numbers_do_not_repeat,
    frozen_terms_have_their_content,
    a_name_and_its_usage_are_there_together,
    the_count_is_of_what_there_is,
)
STEP_INVARIANTS: tuple[Callable[[Store, Store], Wrong], ...] = (
    status_goes_forward,
    what_is_frozen_stays,
    a_name_is_for_ever,
)
QUIET_INVARIANTS: tuple[Callable[[Store, Ledger], Wrong], ...] = (
    acknowledged_is_billed_once,
    supplements_are_on_an_invoice,
    refused_is_not_billed,
    table_and_bill_agree,
    on_time_is_on_its_own_invoice,
    a_request_is_recorded_once,
    what_is_recorded_is_not_refused,
    numbers_have_no_gap,
    every_term_is_frozen,
)


def number_of(invariant: Callable[..., Wrong]) -> str:
    """Return an invariant's number, which its docstring begins with."""
    assert invariant.__doc__, "an invariant says what it is"
    return invariant.__doc__.partition(":")[0]
