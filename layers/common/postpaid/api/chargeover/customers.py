"""Customers."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from postpaid.api.chargeover.bodies import (
    NOT_KEPT,
    Fields,
    Flag,
    Key,
    Text,
    Whole,
    read_fields,
    read_new,
)
from postpaid.api.chargeover.envelope import answer, changed, created, done
from postpaid.api.chargeover.find import EXTERNAL_KEY, id_of
from postpaid.api.chargeover.lists import ListOf, Row, Source, counted, listed, whole_row
from postpaid.api.chargeover.things import (
    CUSTOM,
    annotations,
    currency_shown,
    custom_shown,
    kept,
    split_custom,
    terms_shown,
    token,
)
from postpaid.api.chargeover.where import Asked
from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response
from postpaid.api.spelling import spelled
from postpaid.application.customers import (
    ChangeCustomer,
    CreateCustomer,
    change_customer,
    create_customer,
    known_customer,
)
from postpaid.application.delete_customer import delete_customer
from postpaid.domain.customer import PAYMENT_DAYS_MAX, Customer
from postpaid.domain.errors import Conflict, Invalid, NotFound
from postpaid.domain.site import Address

_BILL = ("addr1", "addr2", "addr3", "city", "state", "postcode", "country")
_ADDRESSES = tuple(f"{where}_{part}" for where in ("bill", "ship") for part in _BILL)
_SUPERUSER = ("name", "first_name", "last_name", "email", "phone")
_PERSON = tuple(f"superuser_{part}" for part in _SUPERUSER)
_ECHOED = (
    *("company", *_ADDRESSES, *_PERSON),
    *("no_dunning", "invoice_delivery", "dunning_delivery"),
)
REFUSED = {
    "terms_id": "terms have numbers of their own there: say terms_days, how many days there are",
    "currency_id": "each price has its own currency",
    "language_id": NOT_KEPT,
    "brand_id": NOT_KEPT,
    "class_id": NOT_KEPT,
    "admin_id": NOT_KEPT,
    "campaign_id": NOT_KEPT,
    "no_taxes": "taxes are set in the native API",
    "tags": NOT_KEPT,
}
NAMES = {"id": "external_key"}
LIST = ListOf(
    fields=frozenset(
        {
            *("customer_id", "external_key", "token", "company", "superuser_email"),
            *("bill_state", "bill_country", "ship_state", "ship_country"),
            *("write_datetime", "mod_datetime", *CUSTOM),
        }
    ),
    sorts=frozenset({"customer_id", "external_key", "company", "write_datetime", "mod_datetime"}),
)
Email = Annotated[Text, StringConstraints(max_length=254, pattern=r"^([^@\s]+@[^@\s]+)?$")]


class CustomerFields(Fields):
    """What a customer is created with, and may be changed to."""

    external_key: Key | None = None
    company: Text | None = None
    bill_addr1: Text | None = None
    bill_addr2: Text | None = None
    bill_addr3: Text | None = None
    bill_city: Text | None = None
    bill_state: Text | None = None
    bill_postcode: Text | None = None
    bill_country: Text | None = None
    ship_addr1: Text | None = None
    ship_addr2: Text | None = None
    ship_addr3: Text | None = None
    ship_city: Text | None = None
    ship_state: Text | None = None
    ship_postcode: Text | None = None
    ship_country: Text | None = None
    superuser_name: Text | None = None
    superuser_first_name: Text | None = None
    superuser_last_name: Text | None = None
    superuser_email: Email | None = None
    superuser_phone: Text | None = None
    no_dunning: Flag | None = None
    invoice_delivery: Text | None = None
    dunning_delivery: Text | None = None
    terms_days: Annotated[Whole, Field(ge=0, le=PAYMENT_DAYS_MAX)] | None = None


def create(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Create a customer; an external key that is taken is refused."""
    plain, custom = split_custom(read_new(request))
    fields = read_fields(CustomerFields, plain, refused=REFUSED)
    known = {**fields.said(_ECHOED), **custom}
    identifier = fields.external_key or desk.new_id("cus")
    command = CreateCustomer(
        id=identifier,
        address=_address(known),
        closing=None,
        payment_days=fields.terms_days or 0,
        annotations=annotations(known),
    )
    with spelled(NAMES):
        made = create_customer(
            command, customers=desk.customers, sites=desk.books.sites, ids=desk.ids, now=desk.now
        )
    if not made.new:
        raise Conflict("already_exists", "another customer has it", field="external_key")
    return created(made.thing.number, f"/api/v3/customer/{made.thing.number}")


def retrieve(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Show a customer."""
    return answer(whole_row(desk, shown_customer(desk, customer_of(desk, ids[0]))))


def list_all(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """List customers."""
    return answer(listed(desk, request, LIST, _source(desk)))


def count(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Count customers."""
    return answer(counted(desk, request, LIST, _source(desk)))


def update(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Change a customer; invoices that are out say what they said."""
    customer = customer_of(desk, ids[0])
    plain, custom = split_custom(read_new(request))
    fields = read_fields(CustomerFields, plain, refused=REFUSED)
    if fields.external_key not in {None, customer.id}:
        raise Invalid("not_supported", "never changes here", field="external_key")
    known = {**known_of(customer), **fields.said(_ECHOED), **custom}
    command = ChangeCustomer(
        id=customer.id,
        address=_address(known, tax_id=customer.address.tax_id),
        payment_days=customer.payment_days if fields.terms_days is None else fields.terms_days,
        annotations=annotations(known, customer),
    )
    change_customer(command, customers=desk.customers, sites=desk.books.sites, now=desk.now)
    return changed(customer.number, f"/api/v3/customer/{customer.number}")


def delete(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Delete a customer without packages that run; what was invoiced stays."""
    customer = customer_of(desk, ids[0])
    delete_customer(
        customer.id,
        customers=desk.customers,
        subscriptions=desk.subscriptions,
        terms=desk.terms,
        now=desk.now,
    )
    return done()


def customer_of(desk: Desk, text: str, field: str | None = None) -> Customer:
    """Return a customer by its integer or `external_key:…`; raises `NotFound`."""
    return known_customer(id_of(desk, "customer", text, field), desk.customers, field)


def shown_customer(desk: Desk, customer: Customer) -> Row:
    """Show a customer."""
    known = known_of(customer)
    person = _joined(known, " ", "superuser_first_name", "superuser_last_name")
    return {
        "customer_id": customer.number,
        "external_key": customer.id,
        "token": token(desk.scope, "customer", customer.number),
        "company": known.get("company") or customer.address.name,
        "display_as": customer.address.name,
        **{name: known.get(name) or "" for name in (*_ADDRESSES, *_PERSON)},
        "superuser_id": customer.number,
        "superuser_name": known.get("superuser_name") or person or "",
        "bill_block": "\n".join([customer.address.name, *customer.address.lines]),
        "ship_block": "\n".join(_lines(known, "ship")),
        **terms_shown(customer.payment_days),
        **currency_shown(desk.site.currency),
        "no_taxes": False,
        "no_dunning": bool(known.get("no_dunning")),
        "invoice_delivery": known.get("invoice_delivery") or "email",
        "dunning_delivery": known.get("dunning_delivery") or "email",
        "customer_status_id": 1,
        "customer_status_name": "Current",
        "customer_status_str": "active-current",
        "customer_status_state": "a",
        "write_datetime": customer.created_at,
        "mod_datetime": customer.updated_at,
        **custom_shown(known),
    }


def known_of(customer: Customer) -> dict[str, Any]:
    """Return what is known of a customer by parts, as other doors have it where they changed it."""
    mine, there = kept(customer), customer.address
    made = _address(mine) if mine else None
    if made is None or made.name != there.name:
        mine["company"] = there.name
    if made is None or made.email != there.email:
        mine["superuser_email"] = there.email
    if made is None or made.lines != there.lines:
        mine |= dict.fromkeys(f"bill_{part}" for part in _BILL)
        mine |= {f"bill_addr{n}": line for n, line in enumerate(there.lines[:3], start=1)}
    return mine


def _source(desk: Desk) -> Source[Customer]:
    def among(asked: Asked) -> list[Customer] | None:
        found = _only(desk, asked)
        return None if found is None else [each for each in found if each is not None]

    return Source[Customer](
        read=lambda after, limit: desk.lists.customers(after, limit, ascending=True),
        show=lambda customer, _: shown_customer(desk, customer),
        among=among,
        hides=lambda customer: customer.deleted,
    )


def _only(desk: Desk, asked: Asked) -> list[Customer | None] | None:
    key, number = asked.only("external_key"), asked.only("customer_id")
    if key is None and number is None:
        return None
    try:
        named = str(number) if key is None else f"{EXTERNAL_KEY}{key}"
        identifier = id_of(desk, "customer", named)
    except NotFound:
        return []
    return [desk.customers.get(identifier)]


def _address(known: Mapping[str, Any], *, tax_id: str | None = None) -> Address:
    """Return how documents name a customer: its company or name, and where it is."""
    person = known.get("superuser_name") or _joined(
        known, " ", "superuser_first_name", "superuser_last_name"
    )
    name = known.get("company") or person
    if not name:
        raise Invalid("missing_field", "is required", field="company")
    attention = [person] if person and person != name else []
    return Address(
        name=name,
        lines=(*attention, *_lines(known, "bill")),
        email=known.get("superuser_email") or None,
        tax_id=tax_id,
    )


def _lines(known: Mapping[str, Any], where: str) -> list[str]:
    """Return the lines of an address: `Salem, MA 01970` is the one of the town."""
    behind = _joined(known, " ", f"{where}_state", f"{where}_postcode")
    town = ", ".join(part for part in (known.get(f"{where}_city"), behind) if part)
    lines = [
        *(known.get(f"{where}_addr{n}") for n in (1, 2, 3)),
        town,
        known.get(f"{where}_country"),
    ]
    return [line for line in lines if line]


def _joined(values: Mapping[str, Any], between: str, *names: str) -> str:
    return between.join(str(values[name]) for name in names if values.get(name))
