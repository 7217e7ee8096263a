"""Packages: a customer's lines, invoiced at a paycycle."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from postpaid.api.chargeover.bodies import NOT_KEPT, Fields, Key, Text, read_fields, read_new
from postpaid.api.chargeover.customers import customer_of
from postpaid.api.chargeover.envelope import answer, changed, created
from postpaid.api.chargeover.find import EXTERNAL_KEY, id_of, line_named
from postpaid.api.chargeover.lists import ListOf, Source, counted, listed, whole_row
from postpaid.api.chargeover.package_lines import (
    AskedLine,
    LineFields,
    Ref,
    asked_line,
    by_lines,
    line_ids,
    read_line,
)
from postpaid.api.chargeover.package_shape import (
    ADDRESSES,
    LINE_ITEMS,
    Shelf,
    line_notes,
    shown_package,
)
from postpaid.api.chargeover.paycycles import read_paycycle
from postpaid.api.chargeover.successors import SUCCESSOR
from postpaid.api.chargeover.things import CUSTOM, annotations, kept, split_custom
from postpaid.api.chargeover.times import read_time
from postpaid.api.chargeover.where import Asked
from postpaid.api.desk import Desk
from postpaid.api.desk_calls import change_settings, subscribe
from postpaid.api.http import Request, Response
from postpaid.api.spelling import spelled
from postpaid.application.catalog import Created
from postpaid.application.change_closing import ChangeClosing
from postpaid.application.edit_subscription import Request as ChangeRequest
from postpaid.application.make_line import CreateLine
from postpaid.application.ports import Unavailable
from postpaid.application.roll_term import known_subscription
from postpaid.application.subscriptions import CreateSubscription, LaterLine
from postpaid.domain.annotations import SUBSCRIPTION_BYTES_MAX, annotations_text
from postpaid.domain.calendar import Cadence, Schedule
from postpaid.domain.errors import Conflict, Invalid, NotFound
from postpaid.domain.identifiers import check_id
from postpaid.domain.instants import instant_text, zone
from postpaid.domain.invoice import invoice_id
from postpaid.domain.line import LINES_MAX
from postpaid.domain.site import ClosingMode, ClosingPolicy
from postpaid.domain.subscription import Subscription

_NO_CARDS = "nothing is collected here: paymethod is inv"
_OF_CUSTOMER = "is kept with the customer"
REFUSED = {
    **dict.fromkeys(("creditcard_id", "ach_id", "tokenized_id", "token_id"), _NO_CARDS),
    **dict.fromkeys(("creditcard", "ach", "tokenized"), _NO_CARDS),
    "coupon": "there are no coupons here",
    "discount": "there are no discounts here",
    "terms_id": "how long there is to pay is said with the customer, by terms_days",
    "currency_id": "each price has its own currency",
    **dict.fromkeys(ADDRESSES, _OF_CUSTOMER),
    **dict.fromkeys(("brand_id", "class_id", "admin_id", "campaign_id"), NOT_KEPT),
    "invoice_delivery": _OF_CUSTOMER,
}
_BY_ACTION = {
    LINE_ITEMS: "is changed by the action upgrade",
    "paycycle": "is changed by the action paycycle",
    "holduntil_datetime": "is changed by the action hold",
    "customer_id": "never changes here",
    "customer_external_key": "never changes here",
}
NAMES = {
    "id": "external_key",
    "customer_id": "customer_id",
    "anchor": "holduntil_datetime",
    "hold_until": "holduntil_datetime",
    "annotations": "custom_1",
}
# Usage counts until its term ends; what comes later is billed with the next invoice.
AT_ONCE = ClosingPolicy(ClosingMode.AUTO, after_hours=0)
_TRIES = 4
_PAGE = 100
LIST = ListOf(
    fields=frozenset(
        {
            *("package_id", "customer_id", "customer_external_key", "external_key", "token"),
            *("paymethod", "paycycle", "nickname", "package_status_str", "package_status_state"),
            *("write_datetime", "mod_datetime", "cancel_datetime", "customer.superuser_email"),
            *("line_items.external_key", "line_items.item_id", "line_items.line_item_id"),
            *("line_items.item_external_key", "bill_state", "ship_state", *CUSTOM),
            *(f"line_items.{each}" for each in CUSTOM),
        }
    ),
    sorts=frozenset(
        {
            *("package_id", "customer_id", "external_key", "nickname"),
            *("write_datetime", "mod_datetime"),
        }
    ),
    synonyms={"customer.users.email": "customer.superuser_email"},
)


class PackageFields(Fields):
    """What a package is created with, and may be changed to."""

    external_key: Key | None = None
    customer_id: Ref = None
    customer_external_key: Ref = None
    nickname: Text | None = None
    paymethod: Text | None = None
    paycycle: Text | None = None
    holduntil_datetime: Text | None = None
    line_items: list[Any] | None = None


def create(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Create a package; an external key that is taken is refused."""
    plain, custom = split_custom(read_new(request))
    fields = read_fields(PackageFields, plain, refused=REFUSED)
    check_paymethod(fields.paymethod)
    customer_id = _customer_id(desk, fields)
    cadence = read_paycycle(fields.paycycle or "mon", "paycycle")
    identifier = check_id(fields.external_key or desk.new_id("pkg"), "external_key")
    if desk.subscriptions.get(identifier) is not None:
        raise _taken()
    asked = _lines(desk, fields, cadence)
    names = line_ids(asked, set())
    known = {"nickname": fields.nickname, **custom, **_notes(names, asked)}
    check_notes(known)
    hold = _hold(desk, fields)
    begins = None if hold is None else _grid(hold, cadence, desk.site.timezone)
    command = CreateSubscription(
        id=identifier,
        customer_id=customer_id,
        timezone=None,
        start=None,
        lines=[_line(desk, each, name, begins) for each, name in zip(asked, names, strict=True)],
        closing=AT_ONCE,
        cadence=cadence,
        prorate=False,
        anchor=None if begins is None else instant_text(begins),
        hold_until=None if hold is None else instant_text(hold),
        annotations=annotations(known),
    )
    made = _made(desk, command)
    if not made.new:
        raise _taken()
    package = made.thing
    if hold is None and any(not line.metered for line in package.lines):
        # What is charged in advance is due: a sweep would find it minutes later.
        desk.hasten([invoice_id(desk.scope, package.id, package.start, 0)])
    return created(package.number, _location(package))


def retrieve(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Show a package with its lines."""
    row = shown_package(package_of(desk, ids[0]), Shelf(desk), frozenset({LINE_ITEMS}))
    return answer(whole_row(desk, row))


def list_all(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """List packages; their lines are there if they are asked for."""
    return answer(listed(desk, request, LIST, _source(desk)))


def count(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Count packages."""
    return answer(counted(desk, request, LIST, _source(desk)))


def update(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Change what is only kept of a package: all else is changed by actions."""
    package = package_of(desk, ids[0])
    plain, custom = split_custom(read_new(request))
    fields = read_fields(PackageFields, plain, refused=REFUSED | _BY_ACTION)
    check_paymethod(fields.paymethod)
    if fields.external_key not in {None, package.id}:
        raise Invalid("not_supported", "never changes here", field="external_key")
    said = {**fields.said(("nickname",)), **custom}
    note(desk, package, lambda known: {**known, **said})
    return changed(package.number, _location(package))


def package_of(desk: Desk, text: str, field: str | None = None) -> Subscription:
    """Return a package by its integer or `external_key:…`; raises `NotFound`."""
    try:
        return known_subscription(desk.subscriptions, id_of(desk, "subscription", text, field))
    except NotFound as error:
        error.field = field
        raise


def check_paymethod(value: str | None) -> None:
    """Refuse any way to pay but to be sent an invoice; raises `Invalid`."""
    if value not in {None, "", "inv"}:
        raise Invalid("not_supported", _NO_CARDS, field="paymethod")


def check_notes(known: Mapping[str, Any], package: Subscription | None = None) -> None:
    """Refuse more than can be kept with a package; raises `LimitExceeded`."""
    annotations_text(annotations(known, package), SUBSCRIPTION_BYTES_MAX, "custom_1")


def note(
    desk: Desk, package: Subscription, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> Subscription:
    """Change what this door keeps with a package, over whatever others kept meanwhile."""
    for _ in range(_TRIES):
        known = change(kept(package))
        check_notes(known, package)
        if annotations(known, package) == package.annotations:
            return package
        command = ChangeClosing(
            subscription_id=package.id,
            annotations=annotations(known, package),
            request=ChangeRequest(version=package.version),
        )
        try:
            return close_by(desk, command)
        except Conflict as error:
            if error.code != "version_mismatch":
                raise
            package = known_subscription(desk.subscriptions, package.id)
    raise Unavailable("other changes came first every time")


def close_by(desk: Desk, command: ChangeClosing) -> Subscription:
    """Change how invoices of a package close, or what is kept with it."""
    with spelled(NAMES):
        return change_settings(desk, command)


def with_line_notes(
    known: Mapping[str, Any], package: Subscription, said: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return what is kept with a package, with what is *said* of its lines.

    Of lines that were cancelled only that is kept which one took their place: there is little room.
    """
    there = {line.id for line in package.lines if line.until is None}
    lines = {
        name: notes if name in there else {SUCCESSOR: notes[SUCCESSOR]}
        for name, notes in line_notes(package).items()
        if name in there or SUCCESSOR in notes
    }
    for line_id, notes in said.items():
        merged = {n: v for n, v in {**lines.get(line_id, {}), **notes}.items() if v is not None}
        lines = {n: v for n, v in lines.items() if n != line_id}
        lines |= {line_id: merged} if merged else {}
    return {**known, "lines": lines or None}


def _made(desk: Desk, command: CreateSubscription) -> Created[Subscription]:
    with spelled(NAMES), by_lines():
        return subscribe(desk, command)


def _customer_id(desk: Desk, fields: PackageFields) -> str:
    if fields.customer_id:
        if fields.customer_external_key:
            why = "give it, or customer_external_key, but not both"
            raise Invalid("invalid_field", why, field="customer_id")
        return customer_of(desk, fields.customer_id, "customer_id").id
    key = fields.customer_external_key
    if not key:
        raise Invalid("missing_field", "is required", field="customer_id")
    return customer_of(desk, f"{EXTERNAL_KEY}{key}", "customer_external_key").id


def _lines(desk: Desk, fields: PackageFields, cadence: Cadence) -> list[AskedLine]:
    rows = fields.line_items or []
    if not 1 <= len(rows) <= LINES_MAX:
        if not rows:
            raise Invalid("missing_field", "is required", field=LINE_ITEMS)
        raise Invalid("invalid_field", f"has at most {LINES_MAX} lines", field=LINE_ITEMS)
    found = []
    for index, plain in enumerate(rows):
        place = f"{LINE_ITEMS}.{index}"
        line, custom = read_line(LineFields, plain, place)
        found.append(asked_line(desk, line, custom, place, (cadence,)))
    return found


def _line(desk: Desk, asked: AskedLine, name: str, begins: datetime | None) -> CreateLine:
    """Return a line; one that is charged in advance begins when the hold is over."""
    fields: dict[str, Any] = {
        "item_price_id": asked.price_id(desk),
        "id": name,
        "quantity": asked.quantity,
        "label": asked.label,
        "usage_url": asked.usage_url,
    }
    if begins is None or asked.item.metered:
        return CreateLine(**fields)
    return LaterLine(**fields, since=instant_text(begins))


def _notes(names: Sequence[str], asked: Sequence[AskedLine]) -> dict[str, Any]:
    said = {
        name: {n: v for n, v in each.notes.items() if v is not None}
        for name, each in zip(names, asked, strict=True)
    }
    lines = {name: notes for name, notes in said.items() if notes}
    return {"lines": lines or None}


def _hold(desk: Desk, fields: PackageFields) -> datetime | None:
    """Return until when a new package is held; a hold that is over holds nothing."""
    if not fields.holduntil_datetime:
        return None
    place = zone(desk.site.timezone)
    hold = read_time(fields.holduntil_datetime, place, "holduntil_datetime")
    return hold if hold > desk.now else None


def _grid(hold: datetime, cadence: Cadence, timezone: str) -> datetime:
    """Return where regular terms begin: when the hold is over, or the 1st or 16th after that."""
    there = Schedule(hold, hold, zone(timezone), cadence).interval(hold)
    return hold if there.start == hold else there.end


def _taken() -> Conflict:
    return Conflict("already_exists", "another package has it", field="external_key")


def _location(package: Subscription) -> str:
    return f"/api/v3/package/{package.number}"


def _source(desk: Desk) -> Source[Subscription]:
    shelf = Shelf(desk)
    return Source[Subscription](
        read=lambda after, limit: desk.lists.subscriptions(after, limit, ascending=True),
        show=lambda package, children: shown_package(package, shelf, children),
        among=lambda asked: _only(desk, asked),
    )


def _only(desk: Desk, asked: Asked) -> list[Subscription] | None:
    """Return the only packages that clauses can mean, None for any."""
    try:
        for field in ("external_key", "package_id", "line_items.line_item_id"):
            value = asked.only(field)
            if value is not None:
                found = _named(desk, field, value)
                return [] if found is None else [found]
        customer = asked.only("customer_external_key")
        number = asked.only("customer_id")
        if customer is None and number is None:
            return None
        return _of_customer(desk, customer or id_of(desk, "customer", str(number)))
    except NotFound:
        return []


def _named(desk: Desk, field: str, value: str) -> Subscription | None:
    if field == "external_key":
        return desk.subscriptions.get(value)
    if field == "package_id":
        return desk.subscriptions.get(id_of(desk, "subscription", value))
    name = line_named(desk, value)
    return None if name is None else desk.subscriptions.get(name.subscription_id)


def _of_customer(desk: Desk, customer_id: str) -> list[Subscription]:
    found: list[Subscription] = []
    after: str | None = None
    while page := desk.customers.subscriptions(customer_id, after=after, limit=_PAGE):
        found += [each for each in map(desk.subscriptions.get, page) if each is not None]
        after = page[-1]
    return sorted(found, key=lambda each: each.number)
