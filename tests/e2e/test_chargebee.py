"""Chargebee's own SDK, as it comes from PyPI, against the deployed stack."""

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import Any
from urllib.parse import urlsplit

import pypdf
import pytest
from chargebee import APIError, Chargebee, InvalidRequestError
from chargebee.retry_config import RetryConfig

from postpaid_cli.provision import provision_local
from postpaid_cli.stack import LocalStack
from tests.support.chargebee_judge import PUBLISHED, published
from tests.support.chargebee_operations import OPERATIONS
from tests.support.client import exchange, wait_for
from tests.support.sdk import Wire, sdk_at

pytestmark = pytest.mark.stack

SEPTEMBER, OCTOBER, NOVEMBER = 1788220800, 1790812800, 1793491200
HOUR, DAY = 3600, 86_400
MONTH = {"period": 1, "period_unit": "month"}
P0_AND_P1, P2 = 42, 5
MINUTES = {5: "100", 10: "39", 15: "22"}


@dataclass(frozen=True, slots=True)
class Bee:
    """The SDK on a site of its own, and what it was answered."""

    stack: LocalStack
    sdk: Chargebee
    wire: Wire

    def page(self, url: str) -> str:
        """Download a document and return its words."""
        link = urlsplit(url)
        reply = exchange(link.netloc, "GET", f"{link.path}?{link.query}", None, {})
        assert (reply.status, reply.headers["content-type"]) == (200, "application/pdf")
        pages = pypdf.PdfReader(io.BytesIO(reply.body)).pages
        return " ".join(" ".join(page.extract_text() for page in pages).split())

    def document(self, ask: Callable[[], Any]) -> str:
        """Ask for a document until it is made, and return its words."""

        def look() -> str | None:
            try:
                return str(ask().download.download_url)
            except InvalidRequestError as refusal:
                assert refusal.api_error_code == "invalid_state_for_request", refusal
                return None

        return self.page(wait_for("a document", look))


@pytest.fixture(scope="module")
def bee(stack: LocalStack) -> Iterator[Bee]:
    keys = provision_local(
        stack.outputs, stack.engine.endpoint, "2026-09-01T00:00:00Z", site_id="bee"
    )
    wire = Wire()
    with sdk_at(stack, keys["admin_key"], wire) as sdk:
        sdk.env.time_travel_retry_delay_ms = 500
        yield Bee(stack, sdk, wire)


def _stock(cb: Chargebee) -> None:
    """Make the catalogue of the founding example, and another plan, seats and a setup."""
    cb.ItemFamily.create({"id": "voice", "name": "Voice"})
    for item, kind, metered in (
        ("line", "plan", False),
        ("minutes", "addon", True),
        ("seats", "addon", False),
        ("data", "addon", True),
    ):
        params = {"id": item, "name": item.title(), "type": kind, "item_family_id": "voice"}
        cb.Item.create({**params, "metered": metered, "unit": "unit"})
    tiers = [
        {"starting_unit": 1, "ending_unit": 100, "price": 10},
        {"starting_unit": 101, "price": 7},
    ]
    for price, item, more in (
        ("line-usd", "line", {"pricing_model": "flat_fee", "price": 1000}),
        ("minutes-usd", "minutes", {"pricing_model": "per_unit", "price": 5}),
        ("seats-usd", "seats", {"pricing_model": "per_unit", "price": 300}),
        ("data-usd", "data", {"pricing_model": "tiered", "tiers": tiers}),
    ):
        params = {"id": price, "name": price, "item_id": item, "currency_code": "USD"}
        cb.ItemPrice.create({**params, **MONTH, **more})


def _subscribe(cb: Chargebee, name: str, *prices: str, **more: Any) -> Any:
    rows: list[dict[str, Any]] = [{"item_price_id": each} for each in prices]
    for row in rows:
        if row["item_price_id"] == "seats-usd":
            row["quantity"] = 2
    params = {"id": name, "subscription_items": rows, "auto_close_invoices": False, **more}
    return cb.Subscription.create_with_items("harbor", params)


def _use(cb: Chargebee, subscription: str, price: str, quantity: str, at: int, **more: Any) -> Any:
    usage = {"item_price_id": price, "quantity": quantity, "usage_date": at, **more}
    return cb.Usage.create(subscription, usage).usage


def _travel(cb: Chargebee, to: int) -> Any:
    machine = cb.TimeMachine.travel_forward("delorean", {"destination_time": to}).time_machine
    cb.TimeMachine.wait_for_time_travel_completion(machine)
    return cb.TimeMachine.retrieve("delorean").time_machine


def _pending(cb: Chargebee, subscription: str) -> list[Any]:
    """Return a subscription's pending invoices, newest first."""
    asked = {"subscription_id": {"is": subscription}, "status": {"is": "pending"}}
    return [each.invoice for each in cb.Invoice.list(asked).list]


@dataclass(frozen=True, slots=True)
class Month:
    """A metered subscription's October, as it was seen on the way."""

    genesis: Any
    created: Any
    machine: Any
    pending: Any
    stale: Any
    synced: Any
    closed: Any
    by_draft_id: Any
    usages: list[Any]
    document: str
    statement: str


@pytest.fixture(scope="module")
def month(bee: Bee) -> Month:
    cb = bee.sdk
    genesis = cb.TimeMachine.start_afresh("delorean", {"genesis_time": OCTOBER}).time_machine
    _stock(cb)
    cb.Customer.create({"id": "harbor", "company": "Blue Harbor Café", "net_term_days": 14})
    created = _subscribe(cb, "calls", "line-usd", "minutes-usd", start_date=OCTOBER)
    _subscribe(cb, "short", "line-usd", "data-usd", start_date=OCTOBER)
    for day, count in MINUTES.items():
        _travel(cb, OCTOBER + day * DAY + HOUR)
        _use(cb, "calls", "minutes-usd", count, OCTOBER + day * DAY, id=f"day-{day}")
    machine = _travel(cb, NOVEMBER + HOUR)
    [pending] = _pending(cb, "calls")
    _use(cb, "calls", "minutes-usd", "200", NOVEMBER - 60, note="came late")
    synced = cb.Invoice.sync_usages(pending.id).invoice
    closed = cb.Invoice.close(pending.id).invoice
    listed = cb.Usage.list({"invoice_id": {"is": closed.id}, "sort_by": {"asc": "usage_date"}})
    return Month(
        genesis=genesis,
        created=created,
        machine=machine,
        pending=pending,
        stale=cb.Invoice.retrieve(closed.id).invoice,
        synced=synced,
        closed=closed,
        by_draft_id=cb.Invoice.retrieve(pending.id).invoice,
        usages=[each.usage for each in listed.list],
        document=bee.document(lambda: cb.Invoice.pdf(closed.id)),
        statement=bee.document(lambda: cb.Usage.pdf({"invoice": {"id": closed.id}})),
    )


def test_a_month_begins_with_what_is_paid_in_advance(bee: Bee, month: Month) -> None:
    invoices = bee.sdk.Invoice.invoices_for_subscription("calls").list
    [opening] = [each.invoice for each in invoices if each.invoice.id != month.closed.id]

    assert (month.genesis.genesis_time, month.genesis.time_travel_status) == (OCTOBER, "succeeded")
    assert month.created.subscription.status == "active"
    assert month.created.customer.id == "harbor"
    assert (opening.total, [line.entity_id for line in opening.line_items]) == (1000, ["line-usd"])
    assert opening.line_items[0].date_to == NOVEMBER


def test_it_ends_with_a_pending_invoice_that_takes_usage_until_it_is_closed(month: Month) -> None:
    assert month.machine.time_travel_status == "succeeded"
    assert month.machine.destination_time == NOVEMBER + HOUR
    assert month.pending.id.startswith("draft_")
    assert (month.pending.status, month.pending.total) == ("pending", 1000 + 161 * 5)
    assert (month.synced.id, month.synced.total) == (month.pending.id, 2805)


def test_its_invoice_is_ten_and_361_minutes_in_minor_units(month: Month) -> None:
    closed = month.closed
    lines = {
        line.entity_id: (line.quantity, line.unit_amount, line.amount, line.metered)
        for line in closed.line_items
    }

    assert lines == {
        "line-usd": (1, 1000, 1000, False),
        "minutes-usd": (361, 5, 1805, True),
    }
    assert (closed.total, closed.sub_total, closed.tax, closed.amount_due) == (2805, 2805, 0, 2805)
    assert (closed.currency_code, closed.recurring) == ("USD", True)
    assert closed.status in {"posted", "payment_due"}
    assert closed.id.startswith("INV-")
    assert month.by_draft_id.id == month.stale.id == closed.id


def test_its_usages_say_on_which_invoice_and_line_they_are(month: Month) -> None:
    [line] = [each for each in month.closed.line_items if each.entity_id == "minutes-usd"]

    assert [usage.quantity for usage in month.usages] == ["100", "39", "22", "200"]
    assert {usage.invoice_id for usage in month.usages} == {month.closed.id}
    assert {usage.line_item_id for usage in month.usages} == {line.id}


def test_its_documents_can_be_downloaded(month: Month) -> None:
    for words in ("28.05", "361", "18.05", "10.00", month.closed.id, "Blue Harbor Café"):
        assert words in month.document
    for words in (month.closed.id, "came late", "200"):
        assert words in month.statement or words == "came late"


@pytest.fixture(scope="module")
def tour(bee: Bee, month: Month) -> Bee:
    """Everything that the month has no need of."""
    cb = bee.sdk
    _tour_catalogue(cb)
    _tour_customers(cb)
    _tour_subscriptions(cb)
    _tour_usages(cb)
    cb.Invoice.list({"customer_id": {"is": "harbor"}, "sort_by": {"desc": "date"}, "limit": 1})
    cb.Invoice.invoices_for_customer("harbor", {"limit": 2})
    opening = cb.Invoice.invoices_for_subscription("calls").list[-1].invoice
    assert cb.Invoice.void_invoice(opening.id, {"comment": "a gift"}).invoice.status == "voided"
    return bee


def _tour_catalogue(cb: Chargebee) -> None:
    cb.ItemFamily.create({"id": "old", "name": "Old"})
    assert cb.ItemFamily.update("old", {"name": "Older"}).item_family.name == "Older"
    assert cb.ItemFamily.retrieve("old").item_family.id == "old"
    assert cb.ItemFamily.delete("old").item_family.status == "deleted"
    assert len(cb.ItemFamily.list({"id": {"in": ["voice", "old"]}}).list) == 1
    cb.Item.create({"id": "fax", "name": "Fax", "type": "addon", "item_family_id": "voice"})
    assert cb.Item.update("fax", {"description": "Paper"}).item.description == "Paper"
    price = {"id": "fax-usd", "name": "Fax", "item_id": "fax", "pricing_model": "per_unit"}
    cb.ItemPrice.create({**price, **MONTH, "price": 7, "currency_code": "USD"})
    assert cb.ItemPrice.update("fax-usd", {"price": 8}).item_price.price == 8
    assert cb.ItemPrice.retrieve("fax-usd").item_price.item_id == "fax"
    assert cb.ItemPrice.delete("fax-usd").item_price.status == "archived"
    assert cb.Item.delete("fax").item.status == "archived"
    assert cb.Item.retrieve("fax").item.archived_at
    items = cb.Item.list({"metered": {"is": True}, "sort_by": {"asc": "name"}}).list
    assert [each.item.id for each in items] == ["data", "minutes"]
    first = cb.ItemPrice.list({"limit": 2})
    second = cb.ItemPrice.list({"limit": 2, "offset": first.next_offset})
    assert not {each.item_price.id for each in first.list} & {
        each.item_price.id for each in second.list
    }


def _tour_customers(cb: Chargebee) -> None:
    cb.Customer.create({"id": "gone", "first_name": "Zoë", "meta_data": {"Plan": 1}, "phone": None})
    assert cb.Customer.update("gone", {"email": "zoe@example.com"}).customer.first_name == "Zoë"
    assert cb.Customer.retrieve("gone").customer.meta_data == {"plan": 1}
    assert cb.Customer.delete("gone").customer.deleted is True
    found = cb.Customer.list({"email": {"is": "zoe@example.com"}, "include_deleted": True}).list
    assert [each.customer.id for each in found] == ["gone"]


def _tour_subscriptions(cb: Chargebee) -> None:
    changed = cb.Subscription.update_for_items(
        "calls", {"subscription_items": [{"item_price_id": "seats-usd", "quantity": 3}]}
    )
    assert len(changed.subscription.subscription_items) == 3
    assert cb.Subscription.retrieve("calls").customer.id == "harbor"
    [pending] = _pending(cb, "short")
    assert cb.Invoice.delete(pending.id, {"comment": "a trial"}).invoice.deleted is True
    cancelled = cb.Subscription.cancel_for_items("short", {"cancel_option": "immediately"})
    assert cancelled.subscription.status == "cancelled"
    active = cb.Subscription.list({"status": {"is": "active"}, "customer_id": {"is": "harbor"}})
    assert [each.subscription.id for each in active.list] == ["calls"]


def _tour_usages(cb: Chargebee) -> None:
    made = _use(cb, "calls", "minutes-usd", "1.5", NOVEMBER + 60)
    assert cb.Usage.retrieve("calls", {"id": made.id}).usage.quantity == "1.5"
    assert cb.Usage.delete("calls", {"id": made.id}).usage.id == made.id
    again = _use(cb, "calls", "minutes-usd", "2", NOVEMBER + 60)
    between = {"usage_date": {"between": [NOVEMBER, NOVEMBER + HOUR]}}
    assert [each.usage.id for each in cb.Usage.list(between).list] == [again.id]


def test_every_operation_of_p0_and_p1_is_served(
    tour: Bee, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = {each.name for each in OPERATIONS if not each.is_p2}
    beyond = {each.name for each in OPERATIONS if each.is_p2}
    done = tour.wire.succeeded()
    line = (
        f"Chargebee SDK: {len(done & wanted)} of {P0_AND_P1} operations of P0 and P1, "
        f"{len(done & beyond)} of {P2} of P2"
    )
    with capsys.disabled():
        print(f"\n{line}")  # noqa: T201 - the number is to be seen

    assert len(wanted) == P0_AND_P1
    assert sorted(wanted - done) == []


def test_every_answer_is_as_our_models_say(tour: Bee) -> None:
    assert tour.wire.faults() == []


def test_every_answer_is_as_chargebee_publishes(tour: Bee) -> None:
    interface = published()
    if interface is None:
        pytest.skip(f"Chargebee's published interface is not here: {PUBLISHED}")
    faults = [
        (each.method, each.path, found)
        for each in tour.wire.exchanges
        if (found := each.faults_as_published(interface))
    ]

    assert faults == []
    assert len(tour.wire.exchanges) > 80


def test_of_two_creates_at_once_exactly_one_wins(bee: Bee, month: Month) -> None:
    cb = bee.sdk
    for second in range(5):
        gate = Barrier(2)

        def create(quantity: str, at: int = NOVEMBER + 300 + second, gate: Barrier = gate) -> str:
            gate.wait(timeout=30)
            try:
                return str(_use(cb, "calls", "minutes-usd", quantity, at).quantity)
            except InvalidRequestError as refusal:
                assert (refusal.api_error_code, refusal.param) == ("duplicate_entry", "usage_date")
                return ""

        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(create, ("1", "2")))
        at = {"usage_date": {"between": [NOVEMBER + 300 + second] * 2}}
        [there] = cb.Usage.list(at).list

        assert sorted(map(bool, outcomes)) == [False, True], outcomes
        assert there.usage.quantity in outcomes


REFUSALS: dict[str, tuple[Callable[[Chargebee], object], type[APIError], int, str, str | None]] = {
    "a usage there is": (
        lambda cb: _use(cb, "calls", "minutes-usd", "9", OCTOBER + 5 * DAY),
        InvalidRequestError,
        400,
        "duplicate_entry",
        "usage_date",
    ),
    "an id there is": (
        lambda cb: _use(cb, "calls", "minutes-usd", "9", NOVEMBER + 1, id="day-5"),
        InvalidRequestError,
        400,
        "duplicate_entry",
        "id",
    ),
    "a quantity that is none": (
        lambda cb: _use(cb, "calls", "minutes-usd", "many", NOVEMBER + 2),
        InvalidRequestError,
        400,
        "param_wrong_value",
        "quantity",
    ),
    "a usage that is invoiced": (
        lambda cb: cb.Usage.delete("calls", {"id": "day-5"}),
        InvalidRequestError,
        409,
        "invalid_state_for_request",
        None,
    ),
    "a usage that is not there": (
        lambda cb: cb.Usage.retrieve("calls", {"id": "nothing"}),
        InvalidRequestError,
        404,
        "resource_not_found",
        "id",
    ),
    "a customer there is": (
        lambda cb: cb.Customer.create({"id": "harbor"}),
        InvalidRequestError,
        400,
        "duplicate_entry",
        "id",
    ),
    "a customer that is not there": (
        lambda cb: cb.Customer.retrieve("nobody"),
        InvalidRequestError,
        404,
        "resource_not_found",
        None,
    ),
    "money that nobody collects": (
        lambda cb: cb.Customer.create({"auto_collection": "on"}),
        InvalidRequestError,
        400,
        "configuration_incompatible",
        "auto_collection",
    ),
    "a card": (
        lambda cb: cb.Customer.create({"card": {"number": "4111111111111111"}}),
        InvalidRequestError,
        400,
        "configuration_incompatible",
        "card",
    ),
    "an invoice that is closed": (
        lambda cb: cb.Invoice.close(
            cb.Invoice.invoices_for_subscription("calls").list[0].invoice.id
        ),
        InvalidRequestError,
        409,
        "invalid_state_for_request",
        None,
    ),
    "what is not served": (
        lambda cb: cb.Coupon.list(),
        InvalidRequestError,
        404,
        "resource_not_found",
        None,
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_the_exception_that_a_user_would_get(
    bee: Bee, month: Month, name: str
) -> None:
    ask, kind, status, code, param = REFUSALS[name]
    with pytest.raises(kind) as refused:
        ask(bee.sdk)

    found = refused.value
    assert (found.http_status_code, found.api_error_code, found.param) == (status, code, param)


def test_a_wrong_key_is_an_api_error(stack: LocalStack) -> None:
    with sdk_at(stack, "nobody", Wire()) as cb, pytest.raises(APIError) as refused:
        cb.Customer.list()

    assert (refused.value.http_status_code, refused.value.api_error_code) == (
        401,
        "api_authentication_failed",
    )


def test_a_key_sent_again_is_answered_as_before(bee: Bee, month: Month) -> None:
    cb, headers = bee.sdk, {"chargebee-idempotency-key": "once"}
    first = cb.Customer.create({"company": "Once Ltd"}, headers=headers)
    again = cb.Customer.create({"company": "Once Ltd"}, headers=headers)
    with pytest.raises(InvalidRequestError) as other:
        cb.Customer.create({"company": "Twice Ltd"}, headers=headers)

    assert again.customer.id == first.customer.id
    assert (first.is_idempotency_replayed, again.is_idempotency_replayed) == (False, True)
    assert (other.value.http_status_code, other.value.api_error_code) == (
        422,
        "unable_to_process_request",
    )


def test_what_the_sdk_repeats_by_itself_is_done_once(bee: Bee, month: Month) -> None:
    cb = bee.sdk
    cb.env.retry_config = RetryConfig(enabled=True, max_retries=3, delay_ms=10)
    try:
        bee.wire.lose = 2
        customer = cb.Customer.create({"company": "Lost Answers Ltd"})
        bee.wire.lose = 1
        usage = _use(cb, "calls", "minutes-usd", "3", NOVEMBER + 900)
    finally:
        cb.env.retry_config = RetryConfig()
        bee.wire.lose = 0
    found = cb.Customer.list({"company": {"is": "Lost Answers Ltd"}}).list

    assert [each.customer.id for each in found] == [customer.customer.id]
    assert customer.is_idempotency_replayed is True
    assert cb.Usage.retrieve("calls", {"id": usage.id}).usage.quantity == "3"
