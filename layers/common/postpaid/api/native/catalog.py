"""Items, item prices and customers."""

from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response
from postpaid.api.json_body import read_json_object
from postpaid.api.native.lists import check_query, page
from postpaid.api.native.models import (
    CustomerBody,
    ItemBody,
    ItemPriceBody,
    ItemPriceChange,
    policy_of,
    read,
    tax_of,
)
from postpaid.api.native.shapes import (
    native_from_customer,
    native_from_item,
    native_from_price,
    native_list,
)
from postpaid.application.catalog import (
    ChangeItemPrice,
    CreateItem,
    CreateItemPrice,
    change_item_price,
    create_item,
    create_item_price,
)
from postpaid.application.customers import CreateCustomer, create_customer
from postpaid.domain.catalog import ItemType
from postpaid.domain.errors import Invalid, NotFound
from postpaid.domain.usage import Aggregation, Recording

VERSION_DIGITS_MAX = 9


def post_item(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Create an item: 201, or 200 if an equal one is there."""
    body = read(ItemBody, read_json_object(request.body, request.headers))
    command = CreateItem(
        id=desk.new_id("item") if body.id is None else body.id,
        name=body.name,
        type=ItemType(body.type),
        metered=body.metered,
        unit=body.unit,
        recording=Recording(body.recording),
        aggregation=desk.site.aggregation
        if body.aggregation is None
        else Aggregation(body.aggregation),
    )
    created = create_item(
        command, items=desk.items, families=desk.families, ids=desk.ids, now=desk.now
    )
    return Response(201 if created.new else 200, native_from_item(created.thing))


def get_item(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Show an item."""
    item = desk.items.get(ids[0])
    if item is None:
        raise NotFound("item_not_found", f"there is no item '{ids[0]}'")
    return Response(200, native_from_item(item))


def list_items(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """List items, newest first."""
    return page(desk, request, "items", desk.lists.items, native_from_item)


def post_price(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Create an item price: 201, or 200 if an equal one is there."""
    body = read(ItemPriceBody, read_json_object(request.body, request.headers))
    command = CreateItemPrice(
        id=desk.new_id("price") if body.id is None else body.id,
        item_id=body.item_id,
        name=body.name,
        currency=desk.site.currency if body.currency is None else body.currency,
        pricing=body.pricing(),
        base_fee=body.base_fee,
        tax=tax_of(body.tax),
    )
    created = create_item_price(
        command, items=desk.items, prices=desk.prices, ids=desk.ids, now=desk.now
    )
    return Response(201 if created.new else 200, native_from_price(created.thing))


def get_price(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Show the newest version of an item price."""
    price = desk.prices.newest(ids[0])
    if price is None:
        raise NotFound("item_price_not_found", f"there is no item price '{ids[0]}'")
    return Response(200, native_from_price(price))


def patch_price(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Make a new version of an item price, for terms that begin from now on."""
    body = read(ItemPriceChange, read_json_object(request.body, request.headers))
    fields = body.fields()
    if not fields:
        raise Invalid("missing_field", "name what is to be different")
    command = ChangeItemPrice(id=ids[0], fields=fields)
    price = change_item_price(command, items=desk.items, prices=desk.prices, now=desk.now)
    return Response(200, native_from_price(price))


def get_price_version(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Show one version of an item price: invoices name the ones they were rated with."""
    price_id, text = ids
    if text.isascii() and text.isdecimal() and len(text) < VERSION_DIGITS_MAX:
        pin = (price_id, int(text))
        try:
            return Response(200, native_from_price(desk.prices.versions([pin])[pin]))
        except KeyError:
            pass  # the one refusal below serves every text that is no version of it
    raise NotFound("item_price_not_found", f"item price '{price_id}' has no version '{text}'")


def list_prices(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """List item prices, newest first."""
    return page(desk, request, "item_prices", desk.lists.prices, native_from_price)


def post_customer(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Create a customer: 201, or 200 if an equal one is there."""
    body = read(CustomerBody, read_json_object(request.body, request.headers))
    command = CreateCustomer(
        id=desk.new_id("cus") if body.id is None else body.id,
        address=body.party(),
        closing=policy_of(body.closing),
        tax=tax_of(body.tax),
        series=body.series,
    )
    created = create_customer(
        command, customers=desk.customers, sites=desk.books.sites, ids=desk.ids, now=desk.now
    )
    return Response(201 if created.new else 200, native_from_customer(created.thing))


def get_customer(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Show a customer."""
    customer = desk.customers.get(ids[0])
    if customer is None:
        raise NotFound("customer_not_found", f"there is no customer '{ids[0]}'")
    return Response(200, native_from_customer(customer))


def get_credits(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Show a customer's credit balances, one for each currency, which invoices draw on."""
    check_query(request, set())
    if desk.customers.get(ids[0]) is None:
        raise NotFound("customer_not_found", f"there is no customer '{ids[0]}'")
    owed = [
        {"currency": amount.currency, "amount": str(amount)}
        for amount in desk.credits.of_customer(ids[0])
    ]
    return Response(200, native_list(owed, None))


def list_customers(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """List customers, newest first."""
    return page(desk, request, "customers", desk.lists.customers, native_from_customer)
