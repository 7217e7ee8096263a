"""Customers."""

from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response
from postpaid.api.json_body import read_json_object
from postpaid.api.native.catalog_models import CustomerBody, CustomerChange
from postpaid.api.native.lists import One, check_query, page
from postpaid.api.native.models import policy_of, read, tax_of
from postpaid.api.native.shapes import native_from_customer, native_list
from postpaid.application.customers import (
    ChangeCustomer,
    CreateCustomer,
    change_customer,
    create_customer,
)
from postpaid.application.delete_customer import delete_customer
from postpaid.domain.errors import Invalid, NotFound


def post_customer(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Create a customer: 201, or 200 if an equal one is there."""
    body = read(CustomerBody, read_json_object(request.body, request.headers))
    command = CreateCustomer(
        id=desk.new_id("cus") if body.id is None else body.id,
        address=body.party(),
        closing=policy_of(body.closing),
        tax=tax_of(body.tax),
        series=body.series,
        payment_days=body.payment_days,
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


def patch_customer(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Change a customer; invoices that are issued say what they said."""
    fields = read(CustomerChange, read_json_object(request.body, request.headers)).fields()
    if not fields:
        raise Invalid("missing_field", "name what is to be different")
    command = ChangeCustomer(id=ids[0], **fields)
    customer = change_customer(
        command, customers=desk.customers, sites=desk.books.sites, now=desk.now
    )
    return Response(200, native_from_customer(customer))


def remove_customer(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Delete a customer without subscriptions, and show it; its invoices stay."""
    customer = delete_customer(
        ids[0],
        customers=desk.customers,
        subscriptions=desk.subscriptions,
        terms=desk.terms,
        now=desk.now,
    )
    return Response(200, native_from_customer(customer))


def list_customers(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """List customers, newest first, or find one by its integer."""
    one = One("customer", desk.customers.get)
    return page(desk, request, "customers", desk.lists.customers, native_from_customer, one)
