"""Usage URLs: asked when a term is to close, billed once, waited for, never taken for nothing."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from postpaid.application.change_closing import ChangeClosing
from postpaid.application.change_lines import LineAction, LineChange
from postpaid.application.due_terms import Due
from postpaid.application.invoice_now import invoice_now
from postpaid.application.ports import Unavailable
from postpaid.application.pull_usage import FAILURES_MAX, Pulled, Unanswered, pull_usage
from postpaid.domain.api_key import usage_url_token
from postpaid.domain.asking import ASKED_FOR, Question
from postpaid.domain.errors import BillingError, Conflict
from postpaid.domain.invoice import Invoice, InvoiceStatus
from postpaid.domain.term import BillingState, TermStatus
from postpaid.domain.usage import Recording, UsageKey, UsageSource
from postpaid.domain.usage_url import UsageUrl
from postpaid.store import keys
from postpaid.store.memory import MemoryTable
from postpaid.store.site_secrets import StoredSiteSecrets
from postpaid.store.tables import Table
from tests.support.faults import Killed, Moment, fail
from tests.support.meetings import every_meeting, outcome
from tests.support.samples import AUTO_AT_ONCE, MANUAL, SCOPE, at
from tests.support.world import World

URL = "https://usage.example.com/minutes"
DUE = Due(*keys.term(SCOPE, "sub", at("2026-10-01")))
ANSWER = UsageKey("sub", at("2026-10-31T23:59:59"), "minutes")


def a_world(*, answers: Mapping[str, str] | None = None, **subscription: object) -> World:
    """Return the first of November: October's minutes are to be asked for, nothing was done yet."""
    world = World.at("2026-10-05T12:00")
    world.price("minutes", "0.05", base_fee="10.00")
    settings = {"closing": AUTO_AT_ONCE, "urls": {"minutes": URL}, **subscription}
    world.subscription("minutes", start="2026-10-01", **settings)  # type: ignore[arg-type]
    world.answers.update({URL: "361"} if answers is None else answers)
    world.skip_to("2026-11-01T00:10")
    return world


@pytest.fixture
def world() -> World:
    return a_world()


def invoice_of(world: World, start: str = "2026-10-01") -> Invoice:
    found = [each for each in world.invoices() if each.term_start == at(start)]
    assert len(found) == 1
    return found[0]


def lines_of(world: World, invoice: Invoice) -> list[tuple[str, str]]:
    return [(line.kind.value, str(line.amount)) for line in world.content(invoice).lines]


def billed(world: World) -> Decimal:
    """Return what all invoices bill of October's minutes, supplements included."""
    return sum(
        (
            line.quantity or Decimal(0)
            for invoice in world.issued()
            for line in world.content(invoice).lines
            if line.kind.value == "usage"
        ),
        Decimal(0),
    )


def items_of(table: Table) -> list[object]:
    assert isinstance(table, MemoryTable)
    return [*table.items()]


def set_url(world: World, url: str | None, line_id: str = "minutes") -> None:
    urls = {line_id: None if url is None else UsageUrl(url)}
    world.change_closing(ChangeClosing(subscription_id="sub", usage_urls=urls))


def refusal_of(act: Callable[[], object]) -> BillingError:
    with pytest.raises(BillingError) as raised:
        act()
    return raised.value


def to_grace(world: World) -> None:
    """Let a worker end October, and ask for its usage."""
    world.dispatch()
    world.work()
    assert world.term("2026-10-01").status is TermStatus.GRACE
    assert world.pull_queue == [DUE]


# --- the ordinary way


def test_a_term_closes_with_what_its_usage_url_answered(world: World) -> None:
    world.come_to_rest()

    [invoice] = world.issued()
    assert lines_of(world, invoice) == [("base_fee", "10.00"), ("usage", "18.05")]
    usage = world.ledger().get(ANSWER)
    assert usage is not None
    assert (usage.quantity, usage.source) == (Decimal(361), UsageSource.USAGE_URL)


def test_the_close_worker_asks_and_leaves_the_term_due(world: World) -> None:
    to_grace(world)

    term = world.term("2026-10-01")
    assert term.due_at == at("2026-11-01")
    assert term.asked_since == world.now
    assert invoice_of(world).asks == ("minutes",)


@pytest.mark.parametrize("secret", ["s" * 43, None])
def test_a_question_has_the_token_of_the_site_and_none_is_made(
    world: World, secret: str | None
) -> None:
    to_grace(world)
    StoredSiteSecrets(world.billing).add("globex", "g" * 43)
    if secret is not None:
        StoredSiteSecrets(world.billing).add(SCOPE.site, secret)
    before = world.copy().billing
    tokens: list[str | None] = []

    def ask(_: UsageUrl, question: Question) -> Decimal:
        tokens.append(question.security_token)
        return Decimal(361)

    pulled = pull_usage("sub", at("2026-10-01"), puller=replace(world.puller({}), ask=ask))

    assert pulled is not None
    assert pulled.answered == ("minutes",)
    assert tokens == [None if secret is None else usage_url_token(secret)]
    assert items_of(world.billing) == items_of(before)


def test_a_secret_that_cannot_be_read_has_nobody_asked(world: World) -> None:
    to_grace(world)
    puller = world.puller({URL: "361"})

    class Away:
        def get(self, site_id: str) -> str | None:
            raise Unavailable(site_id)

        def add(self, site_id: str, secret: str) -> None:
            raise AssertionError(site_id, secret)

    with pytest.raises(Unavailable):
        pull_usage("sub", at("2026-10-01"), puller=replace(puller, secrets=Away()))

    assert world.ledger().get(ANSWER) is None


def test_an_answer_is_beside_what_clients_recorded(world: World) -> None:
    world.record("39", "2026-10-07")

    world.come_to_rest()

    assert billed(world) == 400


def test_a_line_that_records_events_gets_an_event() -> None:
    world = World.at("2026-10-05T12:00")
    world.price("minutes", "0.05", recording=Recording.EVENTS)
    world.subscription("minutes", start="2026-10-01", closing=AUTO_AT_ONCE, urls={"minutes": URL})
    world.answers[URL] = "7"
    world.skip_to("2026-11-01T00:10")

    world.come_to_rest()

    key = UsageKey("sub", at("2026-10-31T23:59:59"), "minutes", "usage_url")
    usage = world.ledger().get(key)
    assert usage is not None
    assert usage.quantity == 7


@pytest.mark.parametrize("amount", ["0", "0.00"])
def test_an_answer_of_nothing_records_nothing_and_is_not_asked_for_again(amount: str) -> None:
    world = a_world(answers={URL: amount})

    world.come_to_rest()

    [invoice] = world.issued()
    assert lines_of(world, invoice) == [("base_fee", "10.00")]
    assert world.ledger().get(ANSWER) is None
    assert world.term("2026-10-01").answered == ("minutes",)


def test_a_term_without_usage_urls_asks_nobody() -> None:
    world = a_world(urls={})

    world.come_to_rest()

    assert "pull_queue.send" not in world.calls.names
    assert len(world.issued()) == 1


def test_nothing_is_asked_for_a_trial() -> None:
    world = a_world(trial_end="2026-11-01")

    world.come_to_rest()

    assert "pull_queue.send" not in world.calls.names


def test_a_line_that_ended_within_the_term_answers_for_its_last_second() -> None:
    world = a_world()
    world.clock.now = at("2026-10-20T12:00")
    world.price("other", "0.01")
    world.change_lines(
        LineChange(action=LineAction.ADD, id="other", item_price_id="other"),
        LineChange(action=LineAction.REMOVE, id="minutes"),
        effective="2026-10-21",
    )
    world.skip_to("2026-11-01T00:10")

    world.come_to_rest()

    last = UsageKey("sub", at("2026-10-20T23:59:59"), "minutes")
    assert world.ledger().get(last) is not None
    assert billed(world) == 361
    # In November the line is not there, and is not asked.
    world.skip_to("2026-12-01T00:10")
    world.come_to_rest()
    assert invoice_of(world, "2026-11-01").asks == ()


def test_each_line_is_asked_by_its_own_url() -> None:
    world = World.at("2026-10-05T12:00")
    for name in ("minutes", "disk", "mail"):
        world.price(name, "0.05")
    urls = {name: f"https://usage.example.com/{name}" for name in ("minutes", "disk")}
    world.subscription(
        "minutes", "disk", "mail", start="2026-10-01", closing=AUTO_AT_ONCE, urls=urls
    )
    world.answers.update({urls["minutes"]: "3", urls["disk"]: "5"})
    world.skip_to("2026-11-01T00:10")

    world.come_to_rest()

    [invoice] = world.issued()
    said = {line.line_id: line.quantity for line in world.content(invoice).lines}
    assert said == {"minutes": 3, "disk": 5}


# --- failure


def test_what_is_not_answered_is_not_billed_as_nothing() -> None:
    world = a_world(answers={})

    world.sweep()

    term = world.term("2026-10-01")
    assert world.issued() == []
    assert term.due_at == world.now + timedelta(minutes=5)
    assert term.unanswered == "the usage URL of line 'minutes' did not answer"


def test_it_is_asked_again_at_growing_pauses_and_then_parked() -> None:
    world = a_world(answers={})
    begin = world.now
    asked = []

    for _ in range(20):
        before = len(world.calls.names)
        world.dispatch()
        world.work()
        if "pull_queue.send" in world.calls.names[before:]:
            asked.append(world.now - begin)
        world.pull()
        due_at = world.term("2026-10-01").due_at
        if due_at is None:
            break
        world.skip_to(f"{due_at:%Y-%m-%dT%H:%M}")

    minutes = [each // timedelta(minutes=1) for each in asked]
    assert minutes == [0, 5, 10, 20, 40, 80, 160, 320, 640, 1280]
    assert world.now - begin == ASKED_FOR
    invoice = invoice_of(world)
    assert invoice.parked == "the usage URL of line 'minutes' did not answer"
    assert invoice.status is InvoiceStatus.PENDING


def parked() -> World:
    """Return a world where October was asked for a day in vain."""
    world = a_world(answers={})
    world.sweep()
    world.skip_to("2026-11-02T00:20")
    world.sweep()
    assert invoice_of(world).parked is not None
    assert world.term("2026-10-01").due_at is None
    return world


def test_a_parked_invoice_is_asked_for_anew_when_it_is_refreshed() -> None:
    world = parked()
    world.answers[URL] = "361"

    world.sync(invoice_of(world))
    world.come_to_rest()

    assert billed(world) == 361


def test_a_refresh_gives_it_another_day() -> None:
    world = parked()

    world.sync(invoice_of(world))
    world.clock.now += timedelta(minutes=6)
    world.sweep()

    assert invoice_of(world).parked is None
    assert world.term("2026-10-01").asked_since == world.now


def test_a_parked_invoice_closes_without_its_urls_by_request() -> None:
    world = parked()

    assert refusal_of(lambda: world.close(invoice_of(world))).code == "usage_url_unanswered"
    closed = world.close(invoice_of(world), without_usage_urls=True)

    assert closed.status is InvoiceStatus.ISSUED
    assert lines_of(world, closed) == [("base_fee", "10.00")]


def test_what_was_never_asked_is_parked_as_well_when_nobody_reports() -> None:
    """The bound holds even if no puller runs."""
    world = a_world()
    to_grace(world)
    world.pull_queue.clear()

    world.skip_to("2026-11-02T00:20")
    world.dispatch()
    world.work()

    assert invoice_of(world).parked == "its usage URLs could not be asked"


def test_a_url_that_is_taken_away_is_waited_for_no_more() -> None:
    world = a_world(answers={})
    world.sweep()

    set_url(world, None)
    world.come_to_rest()

    [invoice] = world.issued()
    assert lines_of(world, invoice) == [("base_fee", "10.00")]


def test_a_url_that_is_set_counts_for_the_terms_that_end_from_then_on() -> None:
    world = a_world(urls={}, closing=MANUAL)
    world.come_to_rest()

    set_url(world, URL)

    assert world.close(invoice_of(world)).status is InvoiceStatus.ISSUED
    world.skip_to("2026-12-01T00:10")
    world.come_to_rest()
    assert invoice_of(world, "2026-11-01").asks == ("minutes",)


def test_one_customer_whose_url_does_not_answer_delays_no_other() -> None:
    """I-35."""
    world = a_world(answers={})
    world.subscription("minutes", subscription_id="two", start="2026-10-01", closing=AUTO_AT_ONCE)

    world.sweep()
    world.sweep()

    assert [each.subscription_id for each in world.issued()] == ["two"]


def test_a_visit_ends_after_some_failures() -> None:
    world = World.at("2026-10-05T12:00")
    names = [f"line{n}" for n in range(FAILURES_MAX + 2)]
    for name in names:
        world.price(name, "0.05")
    urls = {name: f"https://usage.example.com/{name}" for name in names}
    world.subscription(*names, start="2026-10-01", closing=AUTO_AT_ONCE, urls=urls)
    world.skip_to("2026-11-01T00:10")
    to_grace(world)
    asked: list[str] = []

    def ask(url: UsageUrl, question: object) -> Decimal:
        asked.append(url.text)
        raise Unanswered("did not answer")

    puller = world.puller({})
    object.__setattr__(puller, "ask", ask)
    pulled = pull_usage("sub", at("2026-10-01"), puller=puller)

    assert len(asked) == FAILURES_MAX
    assert pulled == Pulled((), (), "the usage URL of line 'line0' did not answer")


def test_a_visit_that_is_late_goes_on_in_another_one() -> None:
    world = World.at("2026-10-05T12:00")
    names = ("disk", "mail", "minutes")
    for name in names:
        world.price(name, "0.05")
    urls = {name: f"https://usage.example.com/{name}" for name in names}
    world.subscription(*names, start="2026-10-01", closing=AUTO_AT_ONCE, urls=urls)
    world.answers.update(dict.fromkeys(urls.values(), "2"))
    world.skip_to("2026-11-01T00:10")
    to_grace(world)
    puller = world.puller(world.answers)
    object.__setattr__(puller, "is_late", lambda: True)

    pulled = pull_usage("sub", at("2026-10-01"), puller=puller)
    assert pulled is not None
    assert pulled.answered == ("disk",)
    world.pull_queue.clear()
    world.hear((DUE, pulled.answered, None, False))

    assert world.pull_queue == [DUE]
    world.come_to_rest()
    assert billed(world) == 6


# --- requests


def test_a_request_to_close_asks_no_url_itself() -> None:
    world = a_world(closing=MANUAL)
    world.come_to_rest()

    refusal = refusal_of(lambda: world.close(invoice_of(world)))

    assert (refusal.code, refusal.details) == ("usage_url_unanswered", {"line_ids": ["minutes"]})
    assert "'minutes'" in refusal.message
    assert world.term("2026-10-01").status is TermStatus.GRACE
    assert world.term("2026-10-01").due_at is None


def test_a_request_to_close_may_leave_out_what_was_not_answered() -> None:
    world = a_world(closing=MANUAL)
    world.come_to_rest()

    closed = world.close(invoice_of(world), without_usage_urls=True)

    assert closed.status is InvoiceStatus.ISSUED


def test_invoice_now_is_refused_before_anything_ends() -> None:
    world = a_world()
    world.come_to_rest()
    before = world.terms()

    refusal = refusal_of(lambda: invoice_now("sub", office=world.office, to_close_at_once=True))

    assert refusal.code == "usage_url_unanswered"
    assert world.terms() == before
    # One that is left to close by itself asks.
    world.answers[URL] = "22"
    world.clock.now = at("2026-11-05T08:00")
    invoice_now("sub", office=world.office)
    world.come_to_rest()
    cut = UsageKey("sub", at("2026-11-05T07:59:59"), "minutes")
    assert world.ledger().get(cut) is not None


def test_an_invoice_that_is_closed_by_hand_asks_when_it_is_refreshed() -> None:
    world = a_world(closing=MANUAL)
    world.come_to_rest()
    assert "pull_queue.send" not in world.calls.names

    world.sync(invoice_of(world))
    world.pull()

    assert world.term("2026-10-01").due_at is None
    assert world.close(invoice_of(world)).status is InvoiceStatus.ISSUED
    assert billed(world) == 361


def test_what_is_answered_is_not_asked_for_by_another_refresh() -> None:
    world = a_world(closing=MANUAL)
    world.come_to_rest()
    world.sync(invoice_of(world))
    world.pull()

    world.sync(invoice_of(world))

    assert world.pull_queue == []


# --- the place of an answer


def test_what_a_client_recorded_in_the_place_of_an_answer_holds_the_invoice_up() -> None:
    world = a_world()
    world.record("5", "2026-10-31T23:59:59Z")

    world.sweep()

    term = world.term("2026-10-01")
    assert world.issued() == []
    assert term.unanswered is not None
    assert "another usage is recorded in the last second of its term" in term.unanswered


def test_an_answer_that_was_deleted_is_neither_asked_for_nor_recorded_again() -> None:
    world = a_world(closing=MANUAL)
    world.come_to_rest()
    assert world.pull_term(DUE) is not None
    world.delete(ANSWER)

    pulled = world.pull_term(DUE)

    assert pulled is not None
    assert (pulled.answered, pulled.recorded) == (("minutes",), ())
    found = world.ledger().get(ANSWER)
    assert found is not None
    assert found.deleted


def test_an_answer_beyond_the_maximum_of_usages_is_a_failure() -> None:
    world = a_world(usage_records_max=1)
    world.record("5", "2026-10-07")

    world.sweep()

    assert world.issued() == []
    assert "cannot be recorded" in (world.term("2026-10-01").unanswered or "")


# --- what comes at the same time, or dies


FAULTS = [
    pytest.param(error, moment, id=f"{error.__name__} {moment.value}")
    for error in (Unavailable, Killed)
    for moment in Moment
]


def calls_to_ask(world: World) -> None:
    """Sweep, ask and close, as far as it goes."""
    with suppress(Unavailable, Killed):
        world.sweep()
        world.sweep()


@pytest.mark.usefixtures("few_shards")
@pytest.mark.parametrize(("error", "moment"), FAULTS)
def test_whatever_fails_at_any_call_it_is_billed_once(
    error: type[BaseException], moment: Moment
) -> None:
    begin = a_world()
    clean = begin.copy()
    calls_to_ask(clean)
    names = [*clean.calls.names]
    assert len(clean.issued()) == 1

    for at_call, name in enumerate(names):
        world = begin.copy()
        world.calls.arm(at_call, moment, fail(error()))
        calls_to_ask(world)
        assert world.calls.sprung, name
        again = world.another_process()
        again.come_to_rest()

        [invoice] = again.issued()
        assert (invoice.total and str(invoice.total)) == "28.05", name


def in_grace(**subscription: object) -> World:
    world = a_world(**subscription)  # type: ignore[arg-type]
    world.come_to_rest() if subscription.get("closing") is MANUAL else to_grace(world)
    return world


def puller_of(answer: str) -> Callable[[World], object]:
    return lambda world: world.pull_term(DUE, {URL: answer})


@pytest.mark.usefixtures("few_shards")
def test_of_two_pullers_that_are_told_different_things_one_is_billed() -> None:
    for run in every_meeting(in_grace(), puller_of("361"), puller_of("400")):
        run.world.pull_queue.clear()
        run.world.come_to_rest()

        assert billed(run.world) in {361, 400}
        assert len(run.world.issued()) == 1


@pytest.mark.usefixtures("few_shards")
def test_of_a_puller_and_a_close_by_request_it_is_billed_once() -> None:
    begin = in_grace(closing=MANUAL)

    def close(world: World) -> object:
        return world.close(invoice_of(world), without_usage_urls=True)

    for first, second in ((puller_of("361"), close), (close, puller_of("361"))):
        for run in every_meeting(begin, first, second):
            world = run.world
            world.come_to_rest()
            world.reconcile()
            world.skip_to("2026-12-01T00:10")
            world.answers[URL] = "0"
            world.come_to_rest()
            outcome(
                lambda world: world.close(invoice_of(world, "2026-11-01"), without_usage_urls=True),
                world,
            )

            charged = sum(
                (each.total.minor for each in world.issued() if each.total is not None), 0
            )
            found = world.ledger().get(ANSWER)
            assert charged == 1_000 + 1_000 + (0 if found is None else 1_805)


@pytest.mark.usefixtures("few_shards")
def test_of_a_puller_and_a_client_at_the_same_second_nothing_is_counted_twice() -> None:
    begin = in_grace()

    def record(world: World) -> object:
        return world.record("39", "2026-10-31T23:59:59Z")

    for run in every_meeting(begin, puller_of("361"), record):
        found = run.world.ledger().get(ANSWER)
        assert found is not None
        if isinstance(run.second, Conflict):
            assert (found.quantity, found.source) == (Decimal(361), UsageSource.USAGE_URL)
        else:
            assert (found.quantity, found.source) == (Decimal(39), UsageSource.API)
            assert isinstance(run.first, Pulled)
            assert run.first.failure is not None


def test_an_answer_that_comes_behind_the_close_is_late_usage_like_any_other() -> None:
    begin = in_grace(closing=MANUAL)
    puller = begin.puller({URL: "361"})
    asked = puller.ask

    def ask(url: UsageUrl, question: object) -> Decimal:
        begin.close(invoice_of(begin), without_usage_urls=True)
        return asked(url, question)  # type: ignore[arg-type]

    object.__setattr__(puller, "ask", ask)
    pulled = pull_usage("sub", at("2026-10-01"), puller=puller)

    assert pulled is not None
    assert [each.billing for each in pulled.recorded] == [BillingState.LATE]
    begin.hear((DUE, pulled.answered, pulled.failure, True))
    reconciled = begin.reconcile()
    assert reconciled is not None
    assert reconciled.supplement is None  # it is billed already
    assert begin.stores.manifests.waiting("sub", 5) != []
