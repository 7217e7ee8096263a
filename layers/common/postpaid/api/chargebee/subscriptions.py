"""Subscriptions, by items."""

from datetime import UTC, datetime

from postpaid.api.chargebee.customers import policy, whole_customer
from postpaid.api.chargebee.filters import Kind
from postpaid.api.chargebee.forms import read_form
from postpaid.api.chargebee.invoice_reading import view_of, whole_invoice
from postpaid.api.chargebee.lists import (
    NO_CHANNELS,
    NO_ENTITIES,
    SORTED_MAX,
    Asked,
    ListOf,
    Resource,
    Source,
    page,
    read_asked,
)
from postpaid.api.chargebee.params import read
from postpaid.api.chargebee.subscription_lines import NAMES, check_one_plan, new_lines, priced
from postpaid.api.chargebee.subscription_params import REFUSED, NewSubscription
from postpaid.api.chargebee.subscription_shape import Shelf, chargebee_from_subscription, shown
from postpaid.api.chargebee.things import annotations, made
from postpaid.api.desk import Desk
from postpaid.api.desk_calls import subscribe
from postpaid.api.http import Request, Response
from postpaid.api.spelling import spelled
from postpaid.application.close_invoice import close_invoice
from postpaid.application.customers import known_customer
from postpaid.application.ports import Unavailable
from postpaid.application.roll_term import known_subscription
from postpaid.application.subscriptions import CreateSubscription
from postpaid.domain.calendar import MONTHLY
from postpaid.domain.catalog import ItemType
from postpaid.domain.errors import Invalid
from postpaid.domain.instants import YEAR_MAX, instant_text
from postpaid.domain.invoice import Invoice, InvoiceStatus, invoice_id
from postpaid.domain.subscription import Subscription

_NARROW_MAX = 20
_LIST = ListOf(
    name="subscriptions",
    kinds={
        **dict.fromkeys(("id", "customer_id", "item_id", "item_price_id"), Kind.TEXT),
        "cancel_reason_code": Kind.TEXT,
        "status": Kind.CHOICE,
        **dict.fromkeys(
            (*("created_at", "activated_at", "next_billing_at", "cancelled_at", "updated_at"),),
            Kind.STAMP,
        ),
        "remaining_billing_cycles": Kind.NUMBER,
        "auto_close_invoices": Kind.FLAG,
        "create_pending_invoices": Kind.FLAG,
        "has_scheduled_changes": Kind.FLAG,
    },
    sorts=frozenset({"created_at", "updated_at"}),
    flags=frozenset({"include_deleted"}),
    refused={
        "business_entity_id": NO_ENTITIES,
        "channel": NO_CHANNELS,
        "cancel_reason": "is not known here: filter by cancel_reason_code",
        "decommissioned": "is not known here",
        "offline_payment_method": "is kept with the customer",
        "override_relationship": "there are no account hierarchies here",
        "plan_id": "plans are items here: filter by item_id",
    },
)


def create(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Create a subscription; what is paid in advance is invoiced at once."""
    form = read_form(request.body, request.headers)
    params = read(NewSubscription, form, refused=REFUSED)
    params.check()
    if params.invoice_immediately is False:
        raise Invalid("not_supported", "what is due is invoiced", field="invoice_immediately")
    known_customer(ids[0], desk.customers)
    if not params.subscription_items:
        raise Invalid("missing_field", "is required", field="subscription_items[item_price_id][0]")
    found = priced(desk, params.subscription_items)
    check_one_plan([item for _, _, item in found])
    params.check_pending(metered=any(item.metered for _, _, item in found))
    [plan] = [price for _, price, item in found if item.type is ItemType.PLAN]
    identifier = params.id or desk.new_id("sub")
    command = CreateSubscription(
        id=identifier,
        customer_id=ids[0],
        timezone=None,
        start=_start(desk, request, identifier, params.start_date),
        lines=new_lines(found, params.item_tiers),
        closing=policy(params.auto_close_invoices, desk.site),
        cadence=plan.cadence or MONTHLY,
        trial_end=_trial_end(params.trial_end),
        cycles=params.billing_cycles,
        opening_pending=bool(params.first_invoice_pending),
        annotations=annotations(params.echoed({})),
    )
    with spelled(NAMES):
        created = subscribe(desk, command)
        subscription = made(created, request, "subscription", identifier)
    answer, opening = show(desk, subscription), _opening(desk, subscription)
    if opening is None:
        return answer
    invoice = whole_invoice(desk, opening, view_of(desk))
    return Response(200, {**answer.body, "invoice": invoice})


def retrieve(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Show a subscription."""
    return show(desk, known_subscription(desk.subscriptions, ids[0]))


def list_all(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """List subscriptions and their customers, newest first unless they are to be sorted."""
    asked = read_asked(request, _LIST)
    shelf = Shelf(desk)
    source = Source[Subscription](
        read=desk.lists.subscriptions,
        place=lambda subscription: desk.place_of(subscription.created_at, subscription.id),
        show=lambda subscription: _resource(subscription, shelf),
        wrap=lambda subscription, resource: _pair(desk, subscription, resource),
        get=desk.subscriptions.get,
        among=lambda asked: _of_customers(desk, asked),
    )
    return page(desk, request, _LIST, asked, source)


def show(desk: Desk, subscription: Subscription) -> Response:
    """Answer with a subscription and its customer, which clients rely on."""
    return Response(200, _pair(desk, subscription, _resource(subscription, Shelf(desk))))


def _resource(subscription: Subscription, shelf: Shelf) -> Resource:
    term = shelf.desk.terms.look(subscription.id, shelf.desk.now)
    return chargebee_from_subscription(subscription, term, shelf)


def _pair(desk: Desk, subscription: Subscription, resource: Resource) -> Resource:
    customer = known_customer(subscription.customer_id, desk.customers, even_deleted=True)
    return {"subscription": shown(resource), "customer": whole_customer(desk, customer)}


def _of_customers(desk: Desk, asked: Asked) -> list[Subscription] | None:
    """Return the subscriptions of the only customers that a filter leaves."""
    customer_ids = asked.only("customer_id")
    if customer_ids is None or len(customer_ids) > _NARROW_MAX:
        return None
    found: list[Subscription] = []
    for customer_id in customer_ids:
        ids = desk.customers.subscriptions(customer_id, after=None, limit=SORTED_MAX + 1)
        found += [each for one in ids if (each := desk.subscriptions.get(one)) is not None]
    return found


def _start(desk: Desk, request: Request, identifier: str, asked: datetime | None) -> str:
    """Return where a subscription starts: now, unless it is said, or was made by this request."""
    if asked is not None:
        return instant_text(asked)
    if request.again:
        there = desk.subscriptions.get(identifier)
        if there is not None:
            return instant_text(there.start)
    return instant_text(desk.now)


def _trial_end(stamp: int | None) -> str | None:
    """Return the end of a trial; Chargebee's 0 is that there is none."""
    if not stamp:
        return None
    try:
        return instant_text(datetime.fromtimestamp(stamp, UTC))
    except (ValueError, OverflowError, OSError):
        raise Invalid(
            "invalid_field", f"must be seconds since 1970, up to {YEAR_MAX}", field="trial_end"
        ) from None


def _opening(desk: Desk, subscription: Subscription) -> Invoice | None:
    """Close the invoice of what is paid in advance, if it is due; else a sweep does, in time."""
    is_due = subscription.start <= desk.now and subscription.trial_end is None
    if not is_due or all(line.metered for line in subscription.lines):
        return None
    identifier = invoice_id(desk.scope, subscription.id, subscription.start, 0)
    if subscription.opening_pending:
        return desk.invoices.get(identifier)
    try:
        invoice = close_invoice(identifier, books=desk.books, run=desk.new_run(), now=desk.now)
    except Unavailable:
        desk.hasten([identifier])
        return None
    return invoice if invoice.status is not InvoiceStatus.SKIPPED else None
