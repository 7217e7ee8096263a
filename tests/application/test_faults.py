"""One fault at every call of a scenario: nothing is lost, nothing is billed twice.

The scenario is run clean once, to count the calls by which processes reach out. Then it is run for
each of these calls and each kind of fault: an answer that says "not now" or never comes, before or
after the call had its effect, and the end of the process at that place. Afterwards clients repeat
what they got no answer to, sweeps run until nothing is due, and the books are audited.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from postpaid.application.ports import Unavailable
from postpaid.application.record_usage import RecordedUsage
from postpaid.domain.invoice import Invoice, InvoiceStatus, RenderState
from postpaid.domain.site import ClosingPolicy
from postpaid.domain.term import BillingState, TermStatus
from postpaid.domain.usage import UsageKey
from postpaid.store import keys
from postpaid.store.memory import MemoryTable
from postpaid.store.tables import Range, TransactionRefused
from tests.support.faults import Killed, Moment, fail
from tests.support.samples import MANUAL, SCOPE, at
from tests.support.world import World

pytestmark = pytest.mark.usefixtures("few_shards")

FAULTS = [
    pytest.param(error, moment, id=f"{error.__name__} {moment.value}")
    for error in (Unavailable, Killed)
    for moment in Moment
]


@dataclass
class Client:
    """Asks for things, remembers the answers, and what it got none to."""

    world: World
    answers: list[RecordedUsage] = field(default_factory=list)
    unanswered: list[Callable[[], object]] = field(default_factory=list)

    def ask(self, request: Callable[[], object]) -> None:
        """Ask once."""
        try:
            answer = request()
        except (Unavailable, Killed) as fault:
            self.unanswered.append(request)
            forget(self.world, fault)
        else:
            if isinstance(answer, RecordedUsage):
                self.answers.append(answer)

    def insist(self, request: Callable[[], object]) -> None:
        """Ask until there is an answer."""
        self.ask(request)
        self.repeat()

    def repeat(self) -> None:
        """Ask again for what there was no answer to."""
        requests, self.unanswered = self.unanswered, []
        for request in requests:
            self.ask(request)
        assert self.unanswered == [], "there was one fault only"


def forget(world: World, fault: BaseException) -> None:
    """A process that ends takes what it remembered with it."""
    if isinstance(fault, Killed):
        world.blocks.clear()


def run_once(world: World, work: Callable[[], object]) -> None:
    """Let the platform run something, whatever becomes of it."""
    try:
        work()
    except (Unavailable, Killed) as fault:
        forget(world, fault)


def october(closing: ClosingPolicy | None = None, usage_shards: int = 1) -> World:
    """The last hour of October."""
    world = World.at("2026-10-31T23:00")
    world.price("minutes", "0.05", base_fee="10.00")
    world.subscription("minutes", start="2026-10-01", closing=closing, usage_shards=usage_shards)
    return world


# --- the scenarios


def record_roll_close_render(client: Client, ask: Callable[[Callable[[], object]], None]) -> None:
    """Three requests, one of them a repeat of another; then October ends."""
    world = client.world
    for quantity, day in (("100", "2026-10-05"), ("261", "2026-10-06"), ("100", "2026-10-05")):
        ask(lambda quantity=quantity, day=day: world.record(quantity, day))  # type: ignore[misc]
    for now in ("2026-11-01T00:30", "2026-11-01T01:30"):
        world.clock.now = at(now)
        run_once(world, world.dispatch)
        run_once(world, world.work)
    run_once(world, world.render)


def correct_and_close_by_request(client: Client) -> None:
    """A usage is corrected by deleting it; a month later somebody closes the invoice."""
    world = client.world
    client.insist(lambda: world.record("9", "2026-10-05"))
    client.insist(lambda: world.delete(UsageKey("sub", at("2026-10-05"), "minutes")))
    client.insist(lambda: world.record("361", "2026-10-05"))
    world.clock.now = at("2026-11-01T00:30")
    run_once(world, world.dispatch)
    run_once(world, world.work)
    client.insist(lambda: close_the_pending(world))
    run_once(world, world.render)


def close_the_pending(world: World) -> Invoice | None:
    """Close October's invoice, if October has ended."""
    invoice = next(iter(world.invoices()), None)
    return None if invoice is None else world.close(invoice)


# --- the audit


def audit(world: World, client: Client) -> Invoice:
    """Check what must hold whatever happened; return October's invoice."""
    [invoice] = world.invoices()
    ended, begun = world.terms()
    assert (ended.status, begun.status) == (TermStatus.FROZEN, TermStatus.OPEN)
    assert ended.invoice_id == invoice.id
    assert ended.manifest_hash == invoice.content_hash
    assert ended.due_at is None
    assert (invoice.status, invoice.serial) == (InvoiceStatus.ISSUED, 1)
    assert (invoice.render, invoice.pdf_hash in world.objects) == (RenderState.DONE, True)
    audit_numbers(world, [invoice])

    content = world.content(invoice)
    billed = [place for place, _, _ in content.manifest]
    assert len(set(billed)) == len(billed)
    quantity = sum((Decimal(quantity) for _, _, quantity in content.manifest), Decimal(0))
    assert invoice.total is not None
    assert invoice.total.decimal == Decimal(10) + quantity * Decimal("0.05")

    stored = {keys.usage_sk(usage.key): usage for usage in world.ledger().in_period(ended.period)}
    for answer in client.answers:
        place = keys.usage_sk(answer.usage.key)
        assert place in stored, "what was acknowledged is durable"
        if answer.billing is BillingState.ON_TIME and not stored[place].deleted:
            assert place in billed, "on time is on the invoice of its own term"
    for place, version, text in content.manifest:
        assert (stored[place].version, stored[place].quantity) == (version, Decimal(text))
    return invoice


def audit_numbers(world: World, issued: list[Invoice]) -> None:
    """Check that numbers are given once and without a gap."""
    series = keys.series_counter(SCOPE, "main").pk
    register = world.billing.query(Range(pk=series, first="NO#", last="NO#~"))
    assert [row["invoice_id"] for row in register] == [invoice.id for invoice in issued]
    assert world.stores.closing(world.now).next_serial("main")[0] == len(issued) + 1
    assert isinstance(world.billing, MemoryTable)
    heads = [item for item in world.billing.items() if "serial" in item]
    assert sorted(str(item["serial"]) for item in heads) == [str(n + 1) for n in range(len(issued))]


@contextmanager
def noted(world: World, at_call: int) -> Iterator[None]:
    """Say of a failure at which call the fault was."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"the fault was at call {at_call}, {world.calls.names[at_call]}")
        raise


def each_fault(
    begin: World,
    scenario: Callable[[Client], None],
    error: type[BaseException],
    moment: Moment,
) -> Iterator[tuple[World, Client]]:
    """Run a scenario once per call, with a fault at that call; yield each when it is at rest."""
    clean = begin.copy()
    scenario(Client(clean))
    calls = len(clean.calls.names)
    assert calls > 40

    for at_call in range(calls):
        world = begin.copy()
        client = Client(world)
        world.calls.arm(at_call, moment, fail(error("a fault")))
        scenario(client)
        assert world.calls.sprung
        with noted(world, at_call):
            client.repeat()
            world.come_to_rest()
            yield world, client


@pytest.mark.parametrize("usage_shards", [1, 3])
@pytest.mark.parametrize(("error", "moment"), FAULTS)
def test_a_client_that_repeats_at_once_is_billed_for_everything_on_time(
    error: type[BaseException], moment: Moment, usage_shards: int
) -> None:
    def scenario(client: Client) -> None:
        record_roll_close_render(client, client.insist)

    begin = october(usage_shards=usage_shards)
    for world, client in each_fault(begin, scenario, error, moment):
        invoice = audit(world, client)
        assert str(invoice.total) == "28.05"
        assert len(client.answers) == 3
        states = [answer.billing for answer in client.answers]
        # A look that got no answer leaves it open, and that is true as well.
        assert states.count(BillingState.ON_TIME) >= 2
        assert BillingState.LATE not in states


@pytest.mark.parametrize(("error", "moment"), FAULTS)
def test_a_client_that_repeats_after_the_close_is_billed_once_or_late(
    error: type[BaseException], moment: Moment
) -> None:
    def scenario(client: Client) -> None:
        record_roll_close_render(client, client.ask)

    for world, client in each_fault(october(), scenario, error, moment):
        invoice = audit(world, client)
        assert len(client.answers) == 3
        billed = {place for place, _, _ in world.content(invoice).manifest}
        for answer in client.answers:
            if keys.usage_sk(answer.usage.key) not in billed:
                assert answer.billing is BillingState.LATE


def test_a_transaction_that_meets_another_is_done_anew() -> None:
    """DynamoDB may refuse a transaction because another one holds an item, and nothing else."""

    def scenario(client: Client) -> None:
        record_roll_close_render(client, client.insist)

    begin = october()
    clean = begin.copy()
    scenario(Client(clean))
    calls = [n for n, name in enumerate(clean.calls.names) if name == "billing.transact"]
    assert len(calls) == 2  # the roll and the freeze

    for at_call in calls:
        world = begin.copy()
        client = Client(world)
        world.calls.arm(at_call, Moment.BEFORE, fail(TransactionRefused({})))
        scenario(client)
        assert world.calls.sprung
        world.come_to_rest()
        assert str(audit(world, client).total) == "28.05"


@pytest.mark.parametrize(("error", "moment"), FAULTS)
def test_a_correction_and_a_close_by_request_happen_once(
    error: type[BaseException], moment: Moment
) -> None:
    for world, client in each_fault(october(MANUAL), correct_and_close_by_request, error, moment):
        if world.invoices()[0].status is InvoiceStatus.PENDING:
            # The sweep that was to end October failed; the request found nothing to close.
            client.insist(lambda world=world: close_the_pending(world))  # type: ignore[misc]
            world.come_to_rest()
        invoice = audit(world, client)
        assert str(invoice.total) == "28.05"
        assert world.content(invoice).manifest == (("2026-10-05T00:00:00Z#minutes", 3, "361"),)
