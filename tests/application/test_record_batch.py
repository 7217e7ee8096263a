"""A batch: each usage as if it had come alone, the looks behind all puts, one for each term."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from postpaid.application.due_terms import Due
from postpaid.application.ports import Unavailable
from postpaid.application.record_batch import record_batch
from postpaid.application.record_usage import RecordedUsage, RecordUsage
from postpaid.domain.errors import BillingError, Invalid
from postpaid.domain.invoice import Invoice
from postpaid.domain.site import LatePolicy
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import BillingState, Term, TermStatus
from postpaid.domain.usage import Recording, Usage
from postpaid.store import keys
from postpaid.store.memory import MemoryTable
from postpaid.store.usage import StoredUsages, StoredUsagesOf
from tests.support.faults import Killed, Moment, fail
from tests.support.meetings import every_meeting
from tests.support.samples import AUTO_AT_ONCE, MANUAL, OCTOBER, SCOPE, at
from tests.support.world import World, record_command

type Result = RecordedUsage | BillingError | Unavailable

READ, PUT, LOOK = "billing.get", "usages.put", "billing.query"


@pytest.fixture
def months() -> World:
    """The fifth of December 2026: of `sub` October is frozen, November in grace, December open."""
    world = World.at("2026-10-05T12:00")
    world.price("minutes", "0.05", base_fee="10.00")
    world.subscription("minutes", start="2026-10-01", closing=MANUAL)
    world.subscription("minutes", subscription_id="two", start="2026-10-01", closing=AUTO_AT_ONCE)
    world.skip_to("2026-11-01T01:00")
    world.come_to_rest()
    world.close(invoice_of(world, "sub", "2026-10-01"))
    world.skip_to("2026-12-05T12:00")
    world.come_to_rest()
    statuses = [term.status for term in world.terms()]
    assert statuses == [TermStatus.FROZEN, TermStatus.GRACE, TermStatus.OPEN]
    return world


def invoice_of(world: World, subscription_id: str, start: str) -> Invoice:
    [invoice] = [
        each
        for each in world.invoices()
        if (each.subscription_id, each.term_start) == (subscription_id, at(start))
    ]
    return invoice


def states(results: Sequence[Result]) -> list[str]:
    """Say what became of each usage: where it is billed, or why it was refused."""
    return [_state(each) for each in results]


def _state(result: Result) -> str:
    if isinstance(result, RecordedUsage):
        return f"replayed {result.billing.value}" if result.replayed else result.billing.value
    return "unavailable" if isinstance(result, Unavailable) else result.code


def stored(world: World) -> list[tuple[str, str]]:
    """Return days and quantities of what is recorded, whosesoever it is."""
    assert isinstance(world.usages, MemoryTable)
    return sorted((str(each["sk"])[:10], str(each["q"])) for each in world.usages.items())


def made(world: World, commands: Sequence[RecordUsage | BillingError]) -> tuple[list[Result], str]:
    """Record a batch; return what became of it, and the calls that took, named in short."""
    before = len(world.calls.names)
    results = world.record_batch(*commands)
    short = {READ: "r", PUT: "p", LOOK: "l"}
    return results, "".join(short.get(name, "?") for name in world.calls.names[before:])


# --- the outcomes


def test_each_usage_has_its_own_result_in_the_order_it_was_sent(world: World) -> None:
    world.record("22", "2026-10-02")
    world.record("23", "2026-10-03")
    wrong = Invalid("missing_field", "is required", field="quantity")

    results = world.record_batch(
        record_command("21", "2026-10-04"),
        record_command("22", "2026-10-02"),
        record_command("99", "2026-10-03"),
        wrong,
        record_command("1", "2026-10-05", subscription_id="nobody"),
        record_command("1", "2026-10-05", item_price_id="nothing"),
        record_command("1", "2024-10-05"),
        record_command("25", "2026-10-01"),
    )

    assert states(results) == [
        "on_time",
        "replayed on_time",
        "usage_conflict",
        "missing_field",
        "subscription_not_found",
        "line_not_found",
        "usage_date_out_of_range",
        "on_time",
    ]
    assert results[3] is wrong
    assert [each.usage.quantity for each in results if isinstance(each, RecordedUsage)] == [
        *(Decimal(21), Decimal(22), Decimal(25))
    ]
    assert stored(world) == [
        *(("2026-10-01", "25"), ("2026-10-02", "22")),
        *(("2026-10-03", "23"), ("2026-10-04", "21")),
    ]


def test_a_batch_that_is_a_whole_is_refused_by_the_first_that_is_wrong(world: World) -> None:
    wrong: list[tuple[RecordUsage | BillingError, str]] = [
        (record_command("1", "2026-10-05", subscription_id="nobody"), "usages[1]"),
        (record_command("1", "2024-10-05"), "usages[1].usage_date"),
        (Invalid("missing_field", "is required", field="quantity"), "usages[1].quantity"),
    ]

    for command, named in wrong:
        batch = [record_command("21", "2026-10-04"), command, record_command("1", "2023-10-05")]
        with pytest.raises(BillingError) as refused:
            world.record_batch(*batch, whole=True)
        assert refused.value.field == named

    assert stored(world) == []
    assert states(world.record_batch(record_command("21", "2026-10-04"), whole=True)) == ["on_time"]


def test_a_whole_batch_is_not_begun_while_storage_is_silent(world: World) -> None:
    with pytest.raises(Unavailable):
        record_batch(
            [record_command("21", "2026-10-04")],
            subscriptions=_Silent(),
            ledger=world.stores.ledger,
            terms=world.stores.terms,
            now=world.now,
            whole=True,
        )

    assert stored(world) == []


class _Silent:
    def get(self, subscription_id: str, *, fresh: bool = True) -> Subscription | None:
        raise Unavailable("nobody answers")


def test_the_same_batch_again_changes_nothing(world: World) -> None:
    batch = [record_command(str(day), f"2026-10-0{day}", request="digest") for day in (1, 2, 3)]
    first = world.record_batch(*batch)
    before = stored(world)

    again = world.record_batch(*batch)

    assert states(first) == ["on_time"] * 3
    assert states(again) == ["replayed on_time"] * 3
    assert stored(world) == before


def test_a_batch_of_none_is_answered_with_none(world: World) -> None:
    assert made(world, []) == ([], "")


def test_a_deleted_usage_is_recorded_again_but_not_by_the_request_that_was_first(
    world: World,
) -> None:
    first = [
        record_command(quantity, day, request="digest")
        for quantity, day in (
            ("5", "2026-10-02"),
            ("7", "2026-10-03"),
        )
    ]
    for each in world.record_batch(*first):
        assert isinstance(each, RecordedUsage)
        world.delete(each.usage.key)

    assert states(world.record_batch(*first)) == ["usage_deleted"] * 2
    another = [record_command("6", "2026-10-02", request="other")]
    [again] = world.record_batch(*another)

    assert isinstance(again, RecordedUsage)
    assert (again.usage.version, again.replayed) == (3, False)


def test_external_ids_and_a_maximum_are_judged_usage_by_usage(world: World) -> None:
    world.subscription("minutes", subscription_id="two", start="2026-10-01", usage_records_max=2)

    results = world.record_batch(
        record_command("1", "2026-10-02", external_id="x"),
        record_command("2", "2026-10-03", external_id="x"),
        record_command("3", "2026-10-02", subscription_id="two"),
        record_command("4", "2026-10-03", subscription_id="two", external_id="y"),
        record_command("5", "2026-10-04", subscription_id="two"),
        record_command("6", "2026-10-04"),
    )

    assert states(results) == [
        *("on_time", "external_id_taken", "on_time", "on_time", "usage_limit_reached", "on_time")
    ]


# --- one usage twice


@pytest.mark.parametrize(
    ("second", "why"),
    [
        (record_command("22", "2026-10-02"), "the same"),
        (record_command("23", "2026-10-02"), "another quantity"),
        (record_command("22", "2026-10-02T02:00:00+02:00"), "the date in other words"),
        (record_command("22", "2026-10-02", item_price_id=None, line_id="minutes"), "by its line"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_batch_that_names_a_usage_twice_is_refused_whole(
    world: World, second: RecordUsage, why: str
) -> None:
    batch: list[RecordUsage | BillingError] = [
        record_command("21", "2026-10-01"),
        record_command("22", "2026-10-02"),
        Invalid("missing_field", "is required", field="quantity"),
        second,
    ]

    with pytest.raises(Invalid) as refused:
        world.record_batch(*batch)

    assert refused.value.code == "usage_repeated", why
    assert refused.value.field == "usages[3]"
    assert refused.value.details == {"first": "usages[1]"}
    assert stored(world) == []
    assert "usages.put" not in world.calls.names


def test_the_same_date_is_another_usage_for_another_event_line_or_subscription(
    world: World,
) -> None:
    world.price("texts", "0.01", recording=Recording.EVENTS)
    world.subscription("minutes", "texts", subscription_id="two", start="2026-10-01")
    day = "2026-10-02"
    texts = {"item_price_id": "texts", "subscription_id": "two"}

    results = world.record_batch(
        record_command("1", day),
        record_command("1", day, subscription_id="two"),
        record_command("1", day, event_id="a", **texts),
        record_command("1", day, event_id="b", **texts),
    )

    assert states(results) == ["on_time"] * 4
    assert len(stored(world)) == 4


# --- what is read, and when


@pytest.mark.parametrize(
    ("days", "calls"),
    [
        (["2026-12-01"], "rpl"),
        (["2026-12-04", "2026-12-01", "2026-12-02"], "rpppl"),
        (["2026-11-02", "2026-12-02", "2026-11-30", "2026-12-01"], "rppppll"),
        (["2026-10-02", "2026-11-02", "2026-12-02", "2026-10-31", "2026-11-01"], "rppppplll"),
    ],
)
def test_a_batch_reads_a_subscription_once_and_looks_once_for_each_term_behind_all_puts(
    months: World, days: list[str], calls: str
) -> None:
    batch = [record_command("1", day) for day in days]

    results, done = made(months, batch)

    assert done == calls
    told = {"10": "late", "11": "on_time", "12": "on_time"}
    assert states(results) == [told[day[5:7]] for day in days]


def test_subscriptions_are_looked_at_each_for_itself(months: World) -> None:
    batch = [
        record_command("1", day, subscription_id=each)
        for day in ("2026-11-02", "2026-12-02")
        for each in ("sub", "two")
    ]

    results, done = made(months, batch)

    assert done == "rrppppllll"
    assert states(results) == ["on_time", "late", "on_time", "on_time"]


def test_an_unknown_subscription_is_looked_for_twice_however_often_it_is_named(
    world: World,
) -> None:
    batch = [record_command("1", f"2026-10-0{day}", subscription_id="nobody") for day in (1, 2, 3)]

    results, done = made(world, batch)

    assert states(results) == ["subscription_not_found"] * 3
    assert done == "rr"


def closing_november(world: World) -> None:
    world.calls.arm("usages.query", Moment.BEFORE, fail(Killed()))
    with pytest.raises(Killed):
        world.close(invoice_of(world, "sub", "2026-11-01"))


def ended_now(world: World) -> None:
    world.cancel("now")
    world.come_to_rest()
    world.close(invoice_of(world, "sub", "2026-12-01"))


def year_ended(world: World) -> None:
    world.clock.now = at("2027-01-01T01:00")


@pytest.mark.parametrize(
    ("happened", "told"),
    [
        (lambda _: None, {"late", "on_time"}),
        (closing_november, {"late", "pending", "on_time"}),
        (ended_now, {"late", "on_time"}),
        (year_ended, {"late", "on_time"}),
    ],
    ids=["as it is", "November is closing", "it has ended", "December has, unnoticed"],
)
def test_each_usage_is_told_what_it_would_have_been_told_alone(
    months: World, happened: Callable[[World], None], told: set[str]
) -> None:
    happened(months)
    days = [f"2026-{month}-{day:02d}" for month in (11, 12, 10) for day in (4, 1, 5)]
    if months.now.year > 2026:
        days.append("2027-01-01")

    alone = [months.copy().record("1", day) for day in days]
    together = months.copy().record_batch(*(record_command("1", day) for day in days))

    assert together == alone
    assert {each.billing.value for each in alone} == told


def test_where_nothing_late_is_taken_the_look_before_the_put_is_not_the_one_behind_it(
    months: World,
) -> None:
    world = months
    world.subscription(
        "minutes", subscription_id="strict", start="2026-12-01", late=LatePolicy.REFUSE
    )
    days = ["2026-12-01", "2026-12-04", "2026-12-03"]
    batch = [record_command("1", day, subscription_id="strict") for day in days]

    results, done = made(world, batch)

    assert states(results) == ["on_time"] * 3
    # Before the puts as few as the order of dates allows, behind them one.
    assert done == "rlplppl"

    world.skip_to("2027-01-02T01:00")
    world.come_to_rest()
    late = [record_command("1", day, subscription_id="strict") for day in (*days, "2026-12-09")]
    assert states(world.record_batch(*late)) == [*(["replayed late"] * 3), "term_closed"]


# --- storage that has no answer


@dataclass
class SilentLedger:
    """Usages, of which there are some that storage has no answer about."""

    inner: StoredUsages
    ids: tuple[str, ...]
    asked: list[str] = field(default_factory=list)

    def of(self, subscription: Subscription) -> StoredUsagesOf:
        usages = self.inner.of(subscription)
        if subscription.id in self.ids:
            usages.add = self._add  # type: ignore[method-assign]
        return usages

    def place(self, usage: Usage) -> str:
        return self.inner.place(usage)

    def _add(self, usage: Usage, *, records_max: int | None = None) -> Usage | None:
        self.asked.append(usage.key.subscription_id)
        raise Unavailable("no answer")


@dataclass
class SilentReads:
    """Subscriptions and terms, of which there are some that storage has no answer about."""

    world: World
    ids: tuple[str, ...]
    asked: list[str] = field(default_factory=list)

    def get(self, subscription_id: str, *, fresh: bool = True) -> Subscription | None:
        self._ask(subscription_id)
        return self.world.stores.subscriptions.get(subscription_id, fresh=fresh)

    def look(self, subscription_id: str, instant: datetime) -> Term | None:
        self._ask(subscription_id)
        return self.world.stores.terms.look(subscription_id, instant)

    def _ask(self, subscription_id: str) -> None:
        if subscription_id in self.ids:
            self.asked.append(subscription_id)
            raise Unavailable("no answer")


@pytest.fixture
def four(world: World) -> World:
    for each in ("two", "three", "four"):
        world.subscription("minutes", subscription_id=each, start="2026-10-01")
    return world


BATCH = [
    record_command("1", day, subscription_id=each)
    for each in ("sub", "two", "three", "four")
    for day in ("2026-10-02", "2026-10-03")
]
GOOD, OPEN, NOTHING = ["on_time"] * 2, ["pending"] * 2, ["unavailable"] * 2


def recorded(world: World, **ports: Any) -> list[str]:
    stores = world.stores
    usual: dict[str, Any] = {
        "subscriptions": stores.subscriptions,
        "ledger": StoredUsages(world.usages, SCOPE),
        "terms": stores.terms,
    }
    return states(record_batch(BATCH, **(usual | ports), now=world.now))


def test_a_put_without_an_answer_leaves_the_other_subscriptions_alone(four: World) -> None:
    silent = SilentLedger(StoredUsages(four.usages, SCOPE), ("two",))

    assert recorded(four, ledger=silent) == [*GOOD, *NOTHING, *GOOD, *GOOD]

    assert silent.asked == ["two"], "its second usage would only wait as long"
    assert recorded(four) == [*(["replayed on_time"] * 2), *GOOD, *(["replayed on_time"] * 4)]
    assert len(stored(four)) == 8


def test_behind_the_second_subscription_without_an_answer_no_other_is_tried(four: World) -> None:
    silent = SilentLedger(StoredUsages(four.usages, SCOPE), ("sub", "three", "four"))

    assert recorded(four, ledger=silent) == [*NOTHING, *GOOD, *NOTHING, *NOTHING]

    assert silent.asked == ["sub", "three"]


def test_a_subscription_that_cannot_be_read_is_no_obstacle_to_others(four: World) -> None:
    silent = SilentReads(four, ("two",))

    assert recorded(four, subscriptions=silent) == [*GOOD, *NOTHING, *GOOD, *GOOD]

    assert silent.asked == ["two"]


def test_what_is_durable_is_pending_where_a_look_has_no_answer(four: World) -> None:
    silent = SilentReads(four, ("two",))
    assert recorded(four.copy(), terms=silent) == [*GOOD, *OPEN, *GOOD, *GOOD]
    assert silent.asked == ["two"]

    silent = SilentReads(four, ("sub", "two", "four"))
    results = recorded(four, terms=silent)

    # The latest dates are looked at first; behind the second silence nobody is looked at.
    assert results == [*OPEN, *OPEN, *OPEN, *OPEN]
    assert silent.asked == ["sub", "two"]
    assert len(stored(four)) == 8


def test_a_kept_subscription_takes_usages_and_only_a_fresh_one_refuses_them(world: World) -> None:
    world.price("texts", "0.01")
    fresh = world.subscription("minutes", "texts", subscription_id="two", start="2026-10-01")
    kept = replace(fresh, lines=fresh.lines[:1])
    asked: list[bool] = []

    class Kept:
        def get(self, subscription_id: str, *, fresh: bool = True) -> Subscription | None:
            asked.append(fresh)
            return world.subscription_of(subscription_id) if fresh else kept

    batch = [
        record_command("1", "2026-10-04", subscription_id="two", item_price_id=each)
        for each in ("minutes", "texts", "disk", "nothing")
    ]
    stores = world.stores
    results = record_batch(
        batch, subscriptions=Kept(), ledger=stores.ledger, terms=stores.terms, now=world.now
    )

    assert states(results) == ["on_time", "on_time", "line_not_found", "line_not_found"]
    assert asked == [False, True], "once each"


# --- beside a close, and with faults


def ended_october() -> World:
    """An hour after the end of October, of which nobody has taken notice yet."""
    world = World.voip()
    world.record("61", "2026-10-04")
    world.skip_to("2026-11-01T01:00")
    return world


def batch_over_the_end(world: World) -> list[Result]:
    return world.record_batch(
        record_command("101", "2026-10-05", request="digest"),
        record_command("103", "2026-11-01", request="digest"),
        record_command("107", "2026-10-31", request="digest"),
    )


def visit(world: World) -> object:
    """Roll and close what is due, as a worker does."""
    assert world.visit(Due(*keys.term(SCOPE, "sub", OCTOBER.start)))
    return None


def billed_first(world: World) -> dict[str, str]:
    """Return what October's invoice bills, by place."""
    return {
        place: quantity
        for place, _, quantity in world.content(invoice_of(world, "sub", "2026-10-01")).manifest
    }


@pytest.mark.parametrize("closer_first", [True, False])
def test_what_each_usage_of_a_batch_is_told_beside_a_close_is_true(closer_first: bool) -> None:
    told: set[tuple[str, ...]] = set()
    pair = (visit, batch_over_the_end) if closer_first else (batch_over_the_end, visit)

    for run in every_meeting(ended_october(), *pair):
        results = run.second if closer_first else run.first
        assert isinstance(results, list)
        said = tuple(states(results))
        told.add(said)
        billed = billed_first(run.world)
        for result in results:
            assert isinstance(result, RecordedUsage)
            place = keys.usage_sk(result.usage.key)
            if result.billing is BillingState.ON_TIME and result.usage.key.at < OCTOBER.end:
                assert billed[place] == str(result.usage.quantity)
            if result.billing is BillingState.LATE and closer_first:
                assert place not in billed
        assert said[1] in {"on_time", "pending"}, "November goes on"
        run.world.come_to_rest()
        assert billed_first(run.world) == billed, "what is issued never changes"

    assert {said[0] for said in told} >= {"on_time", "late"}
    assert all(said[0] == said[2] for said in told), "one look for both"


@pytest.mark.parametrize(
    ("error", "moment"),
    [(error, moment) for error in (Unavailable, Killed) for moment in Moment],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_with_a_fault_at_any_call_the_same_batch_again_completes_it(
    error: type[BaseException], moment: Moment
) -> None:
    begin = ended_october()
    clean = begin.copy()
    batch_over_the_end(clean)
    # October has not been rolled: one look finds it for all three.
    assert clean.calls.names == [READ, PUT, PUT, PUT, LOOK]

    for at_call in range(5):
        world = begin.copy()
        world.calls.arm(at_call, moment, fail(error("a fault")))
        try:
            first = batch_over_the_end(world)
        except Killed:
            first = []
        assert world.calls.sprung
        visit(world)
        again = batch_over_the_end(world)

        assert all(isinstance(each, RecordedUsage) for each in again), again
        assert len(stored(world)) == 4
        billed = {place[:10] for place in billed_first(world)}
        for result in first:
            if isinstance(result, RecordedUsage) and result.billing is BillingState.ON_TIME:
                assert result.usage.key.at >= OCTOBER.end or str(result.usage.key.at)[:10] in billed
        late = reconciled(world)
        assert reconciled(world) == set()
        assert billed | late == {"2026-10-04", "2026-10-05", "2026-10-31"}
        assert not billed & late, "once"


def reconciled(world: World) -> set[str]:
    """Reconcile October; return the days that this bills."""
    found = world.reconcile()
    assert found is not None
    if found.supplement is None:
        return set()
    return {each.place[:10] for each in found.supplement.differences}
