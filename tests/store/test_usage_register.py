"""What goes with a usage in its transaction: the register of external ids, and the count."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Barrier

import pytest

from postpaid.application.ports import ExternalIdTaken, LedgerFull, Unavailable
from postpaid.domain.period import Period
from postpaid.domain.site import Scope
from postpaid.domain.subscription import USAGE_SHARDS_MAX
from postpaid.domain.usage import Usage, UsageKey
from postpaid.store import keys
from postpaid.store.memory import MemoryTable
from postpaid.store.tables import Item, Range, Table, TransactionRefused, Write
from postpaid.store.usage import StoredUsages, StoredUsagesOf
from tests.support.samples import OCTOBER, SCOPE, a_subscription, a_usage

ODD = ["x", "a#b", "~", "%23", "#~%" * 33, "META", "a b"]


@dataclass(frozen=True, slots=True)
class Ledger:
    """The usages of a site, whose subscriptions all have so many shards."""

    table: Table
    scope: Scope = SCOPE
    shards: int = 1

    def of(self, subscription_id: str) -> StoredUsagesOf:
        return StoredUsages(self.table, self.scope).of(
            a_subscription(subscription_id, usage_shards=self.shards)
        )

    def add(self, usage: Usage, *, records_max: int | None = None) -> Usage | None:
        return self.of(usage.key.subscription_id).add(usage, records_max=records_max)

    def add_again(self, usage: Usage, over: Usage) -> Usage | None:
        return self.of(usage.key.subscription_id).add_again(usage, over)

    def correct(self, usage: Usage, over: Usage) -> Usage | None:
        return self.of(usage.key.subscription_id).correct(usage, over)

    def delete(self, usage: Usage) -> Usage | None:
        return self.of(usage.key.subscription_id).delete(usage)

    def get(self, key: UsageKey) -> Usage | None:
        return self.of(key.subscription_id).get(key)

    def named(self, external_id: str) -> UsageKey | None:
        return StoredUsages(self.table, self.scope).named(external_id)

    def in_period(self, subscription_id: str, period: Period) -> Sequence[Usage]:
        return self.of(subscription_id).in_period(period)


@pytest.fixture(params=[1, 3, USAGE_SHARDS_MAX])
def ledger(usages: Table, request: pytest.FixtureRequest) -> Ledger:
    """In one partition, in some, in as many as there can be."""
    return Ledger(usages, shards=request.param)


def taken_by(add: Callable[[], object]) -> object:
    """Add what must be refused for its external id; return the identity of the one that has it."""
    with pytest.raises(ExternalIdTaken) as refusal:
        add()
    return refusal.value.key


def found(ledger: Ledger, external_id: str) -> Usage | None:
    """Read the usage that an external id is bound to."""
    key = ledger.named(external_id)
    return None if key is None else ledger.get(key)


def tombstone(ledger: Ledger, usage: Usage) -> Usage:
    """Delete a usage that is there."""
    deleted = ledger.delete(usage)
    assert deleted is not None
    return deleted


def counted(table: Table, subscription_id: str = "sub") -> object:
    """Return how many usages of a subscription are counted, None if none ever was."""
    item = table.get(keys.usage_count(SCOPE, subscription_id))
    return None if item is None else item["n"]


# --- the register


@pytest.mark.parametrize("external_id", ODD)
def test_a_usage_is_found_by_its_external_id(ledger: Ledger, external_id: str) -> None:
    usage = a_usage(subscription_id="a#b~c", line_id="l#1", external_id=external_id)

    assert found(ledger, external_id) is None
    assert ledger.add(usage) is None

    assert found(ledger, external_id) == usage
    assert ledger.get(usage.key) == usage
    assert ledger.in_period("a#b~c", OCTOBER) == [usage]


def test_the_same_usage_again_is_shown_and_changes_nothing(ledger: Ledger) -> None:
    first = a_usage(quantity="1", external_id="x")
    ledger.add(first)

    assert ledger.add(first) == first
    assert ledger.add(replace(first, quantity=a_usage(quantity="2").quantity)) == first
    assert found(ledger, "x") == ledger.get(first.key) == first


@pytest.mark.parametrize(
    "other",
    [
        a_usage("2026-10-06"),
        a_usage("2026-10-05T00:00:01"),
        a_usage(line_id="texts"),
        a_usage(subscription_id="other"),
        a_usage(event_id="e"),
    ],
    ids=["date", "second", "line", "subscription", "event"],
)
def test_an_external_id_never_names_two_usages(ledger: Ledger, other: Usage) -> None:
    first = a_usage(external_id="x")
    ledger.add(first)

    assert taken_by(lambda: ledger.add(replace(other, external_id="x"))) == first.key
    assert ledger.get(other.key) is None
    assert found(ledger, "x") == first
    # Under another one, or none, it is as good as any.
    assert ledger.add(replace(other, external_id="y")) is None


def test_an_identity_that_is_taken_is_shown_whatever_its_external_id(ledger: Ledger) -> None:
    plain, named = a_usage("2026-10-04"), a_usage("2026-10-05", external_id="x")
    ledger.add(plain)
    ledger.add(named)

    for external_id in ("x", "y"):
        assert ledger.add(replace(plain, external_id=external_id)) == plain
    assert ledger.add(replace(named, external_id="y")) == named
    assert ledger.add(replace(named, external_id=None)) == named
    assert found(ledger, "y") is None, "what was not stored bound nothing"


def test_an_external_id_is_of_one_site(usages: Table) -> None:
    first = a_usage(external_id="x")
    Ledger(usages, SCOPE).add(first)

    for scope in (Scope("acme", 2), Scope("acm"), Scope("acme-2")):
        other = Ledger(usages, scope)
        assert found(other, "x") is None
        assert other.add(a_usage("2026-10-09", external_id="x")) is None
    assert found(Ledger(usages, SCOPE), "x") == first


def test_a_deletion_leaves_the_external_id_with_its_usage(ledger: Ledger) -> None:
    first = a_usage(external_id="x")
    ledger.add(first)
    deleted = tombstone(ledger, first)

    assert deleted.external_id == "x"
    assert found(ledger, "x") == deleted
    other = a_usage("2026-10-06", external_id="x")
    assert taken_by(lambda: ledger.add(other)) == first.key
    assert ledger.get(other.key) is None


def test_a_correction_keeps_the_external_id(ledger: Ledger) -> None:
    first = a_usage(external_id="x")
    ledger.add(first)
    second = replace(first, quantity=a_usage(quantity="9").quantity, version=2)

    assert ledger.correct(second, over=first) is None

    assert found(ledger, "x") == second


def test_a_usage_is_added_again_under_the_same_another_or_no_external_id(
    ledger: Ledger,
) -> None:
    usage = a_usage(external_id="x")
    ledger.add(usage)

    for external_id in ("x", "y", None, "x"):
        deleted = tombstone(ledger, usage)
        usage = replace(usage, version=deleted.version + 1, external_id=external_id)
        assert ledger.add_again(usage, over=deleted) is None
        assert ledger.get(usage.key) == usage

    # Each that it ever had is still its own.
    for external_id in ("x", "y"):
        assert found(ledger, external_id) == usage
        stranger = a_usage("2026-10-06", external_id=external_id)
        assert taken_by(lambda stranger=stranger: ledger.add(stranger)) == usage.key  # type: ignore[misc]


def test_nothing_is_added_again_under_the_external_id_of_another_usage(
    ledger: Ledger,
) -> None:
    other, usage = a_usage("2026-10-04", external_id="x"), a_usage("2026-10-05", external_id="y")
    ledger.add(other)
    ledger.add(usage)
    deleted = tombstone(ledger, usage)
    again = replace(usage, version=3, external_id="x")

    assert taken_by(lambda: ledger.add_again(again, over=deleted)) == other.key

    assert ledger.get(usage.key) == deleted
    assert found(ledger, "x") == other


def test_a_request_that_was_delayed_past_another_deletion_binds_nothing(
    ledger: Ledger,
) -> None:
    usage = a_usage()
    ledger.add(usage)
    old = tombstone(ledger, usage)
    ledger.add_again(a_usage(version=3), over=old)
    new = tombstone(ledger, a_usage(version=3))

    assert ledger.add_again(a_usage(version=3, external_id="x"), over=old) == new
    assert found(ledger, "x") is None


# --- the count


def test_a_subscription_takes_as_many_usages_as_it_may_have(usages: Table, ledger: Ledger) -> None:
    for day in ("2026-10-01", "2026-10-02"):
        assert ledger.add(a_usage(day), records_max=2) is None

    with pytest.raises(LedgerFull) as refusal:
        ledger.add(a_usage("2026-10-03"), records_max=2)

    assert refusal.value.count == counted(usages) == 2
    assert ledger.get(a_usage("2026-10-03").key) is None
    # Another subscription has a count of its own.
    assert ledger.add(a_usage(subscription_id="other"), records_max=1) is None


def test_what_is_there_is_shown_however_full_it_is(usages: Table, ledger: Ledger) -> None:
    first = a_usage(quantity="1", external_id="x")
    ledger.add(first, records_max=1)

    assert ledger.add(first, records_max=1) == first
    assert ledger.add(replace(first, external_id=None), records_max=1) == first
    deleted = tombstone(ledger, first)
    assert ledger.add(first, records_max=1) == deleted
    assert ledger.add_again(replace(first, version=3), over=deleted) is None
    assert counted(usages) == 1
    # Deleted or not, it was one.
    tombstone(ledger, replace(first, version=3))
    with pytest.raises(LedgerFull):
        ledger.add(a_usage("2026-10-06"), records_max=1)


def test_only_what_is_recorded_under_a_maximum_is_counted(usages: Table, ledger: Ledger) -> None:
    days = [f"2026-10-{day:02d}" for day in range(1, 9)]
    for day, records_max in zip(days[:5], (None, 9, None, 1000, None), strict=True):
        assert ledger.add(a_usage(day), records_max=records_max) is None
    assert counted(usages) == 2

    for day in days[5:7]:  # lowered below what is counted, and to exactly that
        for records_max in (1, 2):
            with pytest.raises(LedgerFull) as refusal:
                ledger.add(a_usage(day), records_max=records_max)
            assert refusal.value.count == 2
    assert ledger.add(a_usage(days[7]), records_max=3) is None
    assert counted(usages) == 3


def test_neither_is_written_where_the_other_refuses(usages: Table, ledger: Ledger) -> None:
    first = a_usage(external_id="x")
    ledger.add(first, records_max=1)

    with pytest.raises(LedgerFull):
        ledger.add(a_usage("2026-10-06", external_id="y"), records_max=1)
    assert found(ledger, "y") is None
    # What can never be is said before what a higher maximum would change.
    other = a_usage("2026-10-06", external_id="x")
    for records_max in (1, 5):
        add = lambda records_max=records_max: ledger.add(other, records_max=records_max)  # noqa: E731
        assert taken_by(add) == first.key
    assert counted(usages) == 1


def test_no_query_of_usages_meets_what_goes_with_them(usages: Table, ledger: Ledger) -> None:
    usage = a_usage(subscription_id="META", external_id="META")
    ledger.add(usage, records_max=5)

    spans = [
        Range(pk=keys.usage_pk(SCOPE, "META", slot), first="0", last="~")
        for slot in keys.usage_slots(ledger.shards)
    ]
    rows = [row for span in spans for row in usages.query(span)]

    assert [row["sk"] for row in rows] == [keys.usage_sk(usage.key)]


# --- many at once


def at_once[Answer](asks: Sequence[Callable[[], Answer]]) -> list[Answer | Exception]:
    """Let all ask at the same moment; return what each is told."""
    barrier = Barrier(len(asks))

    def ask(one: Callable[[], Answer]) -> Answer | Exception:
        barrier.wait()
        try:
            return one()
        except (ExternalIdTaken, LedgerFull) as refusal:
            return refusal

    with ThreadPoolExecutor(len(asks)) as pool:
        return list(pool.map(ask, asks))


def test_of_many_who_give_one_external_id_to_different_dates_one_wins(
    ledger: Ledger,
) -> None:
    those = [a_usage(f"2026-10-{day:02d}", external_id="x") for day in range(1, 13)]

    told = at_once([lambda usage=usage: ledger.add(usage) for usage in those])  # type: ignore[misc]

    [won] = ledger.in_period("sub", OCTOBER)
    assert found(ledger, "x") == won
    assert told.count(None) == 1
    refusals = [each for each in told if isinstance(each, ExternalIdTaken)]
    assert [each.key for each in refusals] == [won.key] * (len(those) - 1)


def test_of_many_who_record_at_once_exactly_so_many_are_taken(
    usages: Table, ledger: Ledger
) -> None:
    # Each of them twice, for a repeat may overtake its first.
    those = [a_usage(f"2026-10-{day:02d}") for day in range(1, 11)] * 2

    told = at_once([lambda usage=usage: ledger.add(usage, records_max=6) for usage in those])  # type: ignore[misc]

    stored = ledger.in_period("sub", OCTOBER)
    assert len(stored) == counted(usages) == told.count(None) == 6
    for usage, answer in zip(those, told, strict=True):
        assert isinstance(answer, LedgerFull) is (usage not in stored)


# --- other transactions in the way


@dataclass
class Busy:
    """A table whose transactions are refused by a script before they reach it."""

    inner: MemoryTable
    refusals: list[TransactionRefused]
    meanwhile: Callable[[], object] = lambda: None
    tries: list[int] = field(default_factory=list)

    def transact(self, writes: Sequence[Write]) -> None:
        self.tries.append(len(writes))
        if self.refusals:
            refusal = self.refusals.pop(0)
            if not self.refusals:
                self.meanwhile()
            raise refusal
        self.inner.transact(writes)

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)


def refused(*conflicts: int, failed: Mapping[int, Item | None] | None = None) -> TransactionRefused:
    return TransactionRefused(failed or {}, frozenset(conflicts))


def on(table: Busy) -> Ledger:
    return Ledger(table)  # type: ignore[arg-type]


@pytest.mark.parametrize("times", [1, 5])
def test_a_transaction_that_meets_another_is_tried_again(times: int) -> None:
    table = Busy(MemoryTable(), [refused(0) for _ in range(times)])

    assert on(table).add(a_usage(external_id="x"), records_max=5) is None

    assert table.tries == [3] * (times + 1)
    assert found(on(table), "x") == a_usage(external_id="x")


def test_a_transaction_that_meets_others_every_time_is_unavailable_and_wrote_nothing() -> None:
    table = Busy(MemoryTable(), [refused(0, 1) for _ in range(6)])

    with pytest.raises(Unavailable):
        on(table).add(a_usage(external_id="x"))

    assert len(table.tries) == 6
    assert table.inner.items() == []


def test_nobody_is_told_that_it_is_full_while_their_own_usage_is_on_its_way() -> None:
    """The count shows the last usage there may be before that one itself does."""
    inner = MemoryTable()
    usage = a_usage(external_id="x")
    full: Item = {"pk": "p", "sk": "META", "n": 1}
    table = Busy(
        inner,
        [refused(0, failed={2: full})],
        meanwhile=lambda: Ledger(inner, SCOPE).add(usage, records_max=1),
    )

    assert on(table).add(usage, records_max=1) == usage

    assert len(table.tries) == 2


@pytest.mark.parametrize("is_there", [True, False])
def test_a_refusal_that_names_the_count_alone_is_believed_only_if_the_usage_is_not_there(
    is_there: bool,
) -> None:
    inner = MemoryTable()
    usage = a_usage()
    if is_there:
        Ledger(inner, SCOPE).add(usage)
    table = Busy(inner, [refused(failed={1: {"pk": "p", "sk": "META", "n": 7}})])

    if is_there:
        assert on(table).add(usage, records_max=7) == usage
        return
    with pytest.raises(LedgerFull) as refusal:
        on(table).add(usage, records_max=7)
    assert refusal.value.count == 7


def test_the_register_refuses_whatever_else_is_in_the_way() -> None:
    inner = MemoryTable()
    first = a_usage(external_id="x")
    Ledger(inner, SCOPE).add(first)
    entry = inner.get(keys.external_id(SCOPE, "x"))
    other = a_usage("2026-10-06", external_id="x")
    table = Busy(inner, [refused(0, failed={1: entry})])

    assert taken_by(lambda: on(table).add(other)) == first.key
