"""A customer is deleted once it has no subscription, and gets none afterwards, whoever is first."""

from dataclasses import replace

import pytest

from postpaid.application.cancel_subscription import (
    CancelSubscription,
    cancel_subscription,
    uncancel_subscription,
)
from postpaid.application.ports import Unavailable
from postpaid.domain.customer import Customer
from postpaid.domain.errors import BillingError, Conflict, NotFound
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import TermStatus
from postpaid.store.tables import TransactionRefused
from tests.support.faults import Moment, fail
from tests.support.meetings import Process, Run, every_meeting
from tests.support.samples import AUTO_AT_ONCE, MANUAL
from tests.support.world import Clock, World

pytestmark = pytest.mark.usefixtures("few_shards")


@pytest.fixture
def bare() -> World:
    """A customer without subscriptions, and something to sell."""
    world = World.at("2026-10-05T12:00")
    world.price("minutes", "0.05")
    return world


def delete(world: World) -> Customer:
    return world.delete_customer()


def subscribe(world: World) -> Subscription:
    return world.subscription("minutes", start="2026-10-01", closing=AUTO_AT_ONCE)


def come_and_go(world: World) -> Subscription:
    subscribe(world)
    return world.cancel("now").subscription


def pay_later(world: World) -> Customer:
    return world.change_customer(payment_days=9)


def refused(world: World) -> Conflict:
    with pytest.raises(Conflict) as refusal:
        delete(world)
    assert refusal.value.code == "customer_in_use"
    return refusal.value


def test_a_customer_without_subscriptions_is_deleted_for_good(bare: World) -> None:
    before = bare.customer_of()

    deleted = delete(bare)

    assert deleted == replace(before, deleted=True, version=2, changed_at=bare.now)
    assert bare.customer_of() == deleted
    assert delete(bare) == deleted, "once more changes nothing"
    with pytest.raises(Conflict) as taken:
        bare.customer()
    assert taken.value.code == "already_exists"
    for process in (subscribe, pay_later):
        with pytest.raises(NotFound) as refusal:
            process(bare)
        assert refusal.value.code == "customer_not_found"


def test_a_customer_that_is_not_there_is_not_deleted(bare: World) -> None:
    with pytest.raises(NotFound) as refusal:
        bare.delete_customer("nobody")

    assert refusal.value.code == "customer_not_found"


def test_a_customer_with_a_subscription_is_not_deleted(bare: World) -> None:
    subscribe(bare)
    assert refused(bare).details == {"subscription_id": "sub"}

    bare.cancel("term_end")
    refused(bare)
    bare.skip_to("2026-11-01T00:30")
    refused(bare)  # where the clock is a little behind, its last term may still be changed
    bare.sweep()
    invoices = bare.invoices()

    assert delete(bare).deleted
    assert bare.invoices() == invoices
    assert bare.term("2026-10-01").status is not TermStatus.OPEN


def test_one_subscription_among_many_is_enough(bare: World) -> None:
    for n in range(120):
        name = f"over-{n:03d}"
        bare.subscription("minutes", subscription_id=name, start="2027-01-01")
        withdrawal = CancelSubscription(subscription_id=name, at="now")
        cancel_subscription(withdrawal, office=bare.office)
    subscribe(bare)
    assert refused(bare).details == {"subscription_id": "sub"}

    bare.cancel("now")

    assert delete(bare).deleted


def test_an_invoice_that_waits_is_made_after_the_end_of_its_customer(bare: World) -> None:
    bare.subscription("minutes", start="2026-10-01", closing=MANUAL)
    bare.record("100", "2026-10-05")
    bare.cancel("now")
    delete(bare)

    [invoice] = bare.invoices()
    issued = bare.close(invoice)

    assert str(issued.total) == "5.00"
    assert bare.content(issued).customer.name == "Globex"


def test_a_creation_that_comes_again_finds_the_subscription_that_ended(bare: World) -> None:
    come_and_go(bare)
    delete(bare)

    assert subscribe(bare) == bare.subscription_of()


# --- whoever comes first


def consistent(run: Run) -> None:
    """No subscription of a deleted customer goes on, and what anybody was told is so."""
    world = run.world
    customer = world.customer_of()
    found = world.stores.subscriptions.get("sub")
    going_on = found is not None and world.terms()[-1].status is TermStatus.OPEN
    assert not (customer.deleted and going_on)
    for came in (run.first, run.second):
        if isinstance(came, Customer) and came.deleted:
            assert customer.deleted
        if isinstance(came, Subscription):
            assert found is not None


@pytest.mark.parametrize(
    ("first", "second"), [(delete, subscribe), (subscribe, delete)], ids=["delete", "subscribe"]
)
def test_of_a_deletion_and_a_beginning_one_is_done(
    bare: World, first: Process, second: Process
) -> None:
    done = set()
    for run in every_meeting(bare, first, second):
        consistent(run)
        came = (run.first, run.second)
        [refusal] = [each for each in came if isinstance(each, BillingError)]
        [other] = [each for each in came if not isinstance(each, BillingError)]
        expected = "customer_not_found" if isinstance(other, Customer) else "customer_in_use"
        assert refusal.code == expected
        done.add(type(other))
    assert done == {Customer, Subscription}, "each of them comes first somewhere"


def test_a_deletion_meets_a_subscription_that_comes_and_goes(bare: World) -> None:
    for run in every_meeting(bare, delete, come_and_go):
        consistent(run)
        assert run.world.customer_of().deleted


@pytest.mark.parametrize("second", [delete, pay_later])
def test_a_deletion_meets_another_change_of_the_customer(bare: World, second: Process) -> None:
    for run in every_meeting(bare, delete, second):
        consistent(run)
        customer = run.world.customer_of()
        assert customer.deleted
        assert run.first == customer or second is delete
        if second is pay_later:
            assert (customer.payment_days == 9) == isinstance(run.second, Customer)


def test_a_deletion_meets_a_cancellation_that_is_taken_back(bare: World) -> None:
    """One machine's clock has reached the end, the other's not yet."""
    subscribe(bare)
    bare.cancel("2026-10-20")
    bare.skip_to("2026-10-19T23:59:59")

    def ahead(world: World) -> object:
        late = replace(world, clock=Clock(world.now.replace(day=20, hour=0, minute=0, second=9)))
        late.sweep()
        return late.delete_customer()

    def behind(world: World) -> object:
        return uncancel_subscription("sub", office=world.office)

    came = set()
    for run in every_meeting(bare, ahead, behind):
        consistent(run)
        came.add(type(run.first))
    assert came == {Customer, Conflict}


@pytest.mark.parametrize("process", [delete, subscribe])
@pytest.mark.parametrize("moment", Moment)
def test_without_an_answer_either_is_safe_to_repeat(
    bare: World, process: Process, moment: Moment
) -> None:
    bare.calls.arm("billing.transact", moment, fail(Unavailable("no answer")))
    with pytest.raises(Unavailable):
        process(bare)

    assert process(bare) == process(bare)


def test_what_meets_another_transaction_is_tried_again(bare: World) -> None:
    """DynamoDB refuses a transaction beside another one over the same tally."""
    bare.calls.arm("billing.transact", Moment.BEFORE, fail(TransactionRefused({})))
    assert subscribe(bare) == bare.subscription_of()

    bare.cancel("now")
    bare.calls.arm("billing.transact", Moment.BEFORE, fail(TransactionRefused({})))
    assert delete(bare).deleted


@pytest.mark.parametrize("process", [delete, subscribe])
def test_what_is_refused_every_time_is_told_to_wait(
    bare: World, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise TransactionRefused({})

    monkeypatch.setattr(type(bare.billing), "transact", refuse)

    with pytest.raises(Unavailable):
        process(bare)
