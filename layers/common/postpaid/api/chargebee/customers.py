"""Customers: who receives invoices."""

from dataclasses import fields
from typing import Annotated, Any, Literal

from pydantic import Field

from postpaid.api.chargebee.filters import Kind
from postpaid.api.chargebee.forms import Form, read_form
from postpaid.api.chargebee.lists import (
    NO_CHANNELS,
    NO_ENTITIES,
    ListOf,
    Resource,
    Source,
    page,
    read_asked,
)
from postpaid.api.chargebee.params import (
    NO_PAYMENTS,
    NO_TAXES,
    NOT_KEPT,
    Flag,
    Id50,
    Metadata,
    Params,
    Text50,
    Text150,
    Text250,
    Text2000,
    Whole,
    read,
)
from postpaid.api.chargebee.things import (
    annotations,
    kept,
    made,
    metadata_shown,
    resource_version,
    seconds,
    without_none,
)
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
from postpaid.domain.customer import Customer
from postpaid.domain.errors import Invalid
from postpaid.domain.site import Address, ClosingMode, ClosingPolicy, Site

EMAIL = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$"
Email = Annotated[str, Field(max_length=70, pattern=EMAIL)]
COLLECTS_NOTHING = "nothing is collected here yet: leave it out, or say off"
_NAMES = {"payment_days": "net_term_days", "annotations": "meta_data"}
# Chargebee's own fields (`cf_…`) are kept and shown as they came.
CUSTOM = "cf_"
CUSTOM_MAX = 50
REFUSED: dict[str, str] = {
    **dict.fromkeys(
        (
            *("card", "bank_account", "payment_method", "payment_intent", "token_id"),
            *("tmp_token", "gateway_account_id", "allow_direct_debit", "create_payment_source"),
        ),
        NO_PAYMENTS,
    ),
    **dict.fromkeys(
        (
            *("vat_number_prefix", "entity_code", "exempt_number", "exemption_details"),
            *("tax_providers_fields", "registered_for_gst", "business_customer_without_vat_number"),
            *("entity_identifiers", "is_einvoice_enabled", "einvoicing_method"),
            *("entity_identifier_scheme", "entity_identifier_standard", "customer_type"),
            "taxjar_exemption_category",
        ),
        NO_TAXES,
    ),
    **dict.fromkeys(
        (
            "billing_date",
            "billing_month",
            "billing_date_mode",
            "billing_day_of_week",
            "billing_day_of_week_mode",
        ),
        "each subscription has its own dates",
    ),
    "consolidated_invoicing": "each subscription has its own invoices",
    "business_entity_id": "there are no business entities here",
    "client_profile_id": NOT_KEPT,
    "created_from_ip": NOT_KEPT,
    "fraud_flag": NOT_KEPT,
}
_ECHOED = (
    *("first_name", "last_name", "email", "phone", "company", "preferred_currency_code"),
    *("taxability", "locale", "invoice_notes", "meta_data", "billing_address"),
    "offline_payment_method",
)
_LIST = ListOf(
    name="customers",
    kinds={
        **dict.fromkeys(("id", "first_name", "last_name", "email", "company", "phone"), Kind.TEXT),
        **dict.fromkeys(("auto_collection", "taxability", "offline_payment_method"), Kind.CHOICE),
        **dict.fromkeys(("created_at", "updated_at"), Kind.STAMP),
        "auto_close_invoices": Kind.FLAG,
    },
    sorts=frozenset({"created_at", "updated_at"}),
    flags=frozenset({"include_deleted"}),
    refused={
        "business_entity_id": NO_ENTITIES,
        "channel": NO_CHANNELS,
        "relationship": "there are no account hierarchies here",
    },
)


class AddressRow(Params):
    """A billing address."""

    first_name: Text150 | None = None
    last_name: Text150 | None = None
    email: Email | None = None
    company: Text250 | None = None
    phone: Text50 | None = None
    line1: Text150 | None = None
    line2: Text150 | None = None
    line3: Text150 | None = None
    city: Text50 | None = None
    state_code: Text50 | None = None
    state: Text50 | None = None
    zip: Annotated[Text50, Field(max_length=20)] | None = None
    country: Text50 | None = None
    validation_status: Literal["not_validated", "valid", "partially_valid", "invalid"] | None = None


class CustomerParams(Params):
    """What a customer is created with, and may be changed to."""

    first_name: Text150 | None = None
    last_name: Text150 | None = None
    email: Email | None = None
    phone: Text50 | None = None
    company: Text250 | None = None
    vat_number: Annotated[Text50, Field(max_length=20)] | None = None
    auto_collection: Literal["on", "off"] | None = None
    net_term_days: Annotated[Whole, Field(ge=0)] | None = None
    preferred_currency_code: Annotated[str, Field(max_length=3)] | None = None
    taxability: Literal["taxable", "exempt"] | None = None
    locale: Text50 | None = None
    auto_close_invoices: Flag | None = None
    invoice_notes: Text2000 | None = None
    meta_data: Metadata | None = None
    billing_address: AddressRow | None = None
    offline_payment_method: Text50 | None = None

    def check(self) -> None:
        """Refuse what nobody would do here; raises `Invalid`."""
        if self.auto_collection == "on":
            raise Invalid("not_supported", COLLECTS_NOTHING, field="auto_collection")


class NewCustomer(CustomerParams):
    """`POST /customers`."""

    id: Id50 | None = None


class DeletionParams(Params):
    """`POST /customers/{id}/delete`."""

    delete_payment_method: Flag | None = None


def create(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Create a customer."""
    form, custom = split_custom(read_form(request.body, request.headers))
    params = read(NewCustomer, form, refused=REFUSED)
    params.check()
    known = _known(params, custom, {})
    identifier = params.id or desk.new_id("cus")
    command = CreateCustomer(
        id=identifier,
        address=_address(identifier, known),
        closing=policy(params.auto_close_invoices, desk.site),
        payment_days=params.net_term_days or 0,
        annotations=annotations(known),
    )
    with spelled(_NAMES):
        created = create_customer(
            command, customers=desk.customers, sites=desk.books.sites, ids=desk.ids, now=desk.now
        )
        return _answer(desk, made(created, request, "customer", identifier))


def retrieve(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Show a customer."""
    return _answer(desk, known_customer(ids[0], desk.customers))


def update(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Change a customer; invoices that are out say what they said."""
    customer = known_customer(ids[0], desk.customers)
    form, custom = split_custom(read_form(request.body, request.headers))
    params = read(CustomerParams, form, refused=REFUSED)
    params.check()
    before = known_of(customer)
    known = _known(params, custom, before)
    command = ChangeCustomer(
        id=customer.id,
        address_parts=_changed_parts(_address(customer.id, before), _address(customer.id, known)),
        closing=policy(params.auto_close_invoices, desk.site)
        if "auto_close_invoices" in params.given()
        else customer.closing,
        payment_days=params.net_term_days
        if params.net_term_days is not None
        else customer.payment_days,
        annotations=annotations(known, customer),
    )
    with spelled(_NAMES):
        changed = change_customer(
            command, customers=desk.customers, sites=desk.books.sites, now=desk.now
        )
    return _answer(desk, changed)


def delete(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Delete a customer without subscriptions that run; what was invoiced stays."""
    read(DeletionParams, read_form(request.body, request.headers))
    known_customer(ids[0], desk.customers)
    deleted = delete_customer(
        ids[0],
        customers=desk.customers,
        subscriptions=desk.subscriptions,
        terms=desk.terms,
        now=desk.now,
    )
    return _answer(desk, deleted)


def list_all(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """List customers, newest first; deleted ones only if they are asked for."""
    asked = read_asked(request, _LIST)
    source = Source[Customer](
        read=desk.lists.customers,
        place=lambda customer: desk.place_of(customer.created_at, customer.id),
        show=chargebee_from_customer,
        wrap=lambda customer, _: {"customer": whole_customer(desk, customer)},
        get=desk.customers.get,
        hides=lambda customer: customer.deleted and not asked.flags.get("include_deleted"),
    )
    return page(desk, request, _LIST, asked, source)


def whole_customer(desk: Desk, customer: Customer) -> Resource:
    """Show a customer with its credit, of several currencies the one that it prefers."""
    owed = {each.currency: each.minor for each in desk.credits.of_customer(customer.id)}
    prefers = kept(customer).get("preferred_currency_code", desk.site.currency)
    credit = next(iter(owed.values())) if len(owed) == 1 else owed.get(prefers, 0)
    return chargebee_from_customer(customer) | {"refundable_credits": credit}


def chargebee_from_customer(customer: Customer) -> Resource:
    """Show a customer but for its credit."""
    mine = known_of(customer)
    address = mine.pop("billing_address", None)
    custom = {name: value for name, value in mine.items() if name.startswith(CUSTOM)}
    return without_none(
        {
            "id": customer.id,
            **{name: mine.get(name) for name in _ECHOED},
            "meta_data": metadata_shown(mine.get("meta_data")),
            "vat_number": customer.address.tax_id,
            "auto_collection": "off",
            "net_term_days": customer.payment_days,
            "allow_direct_debit": False,
            "auto_close_invoices": None
            if customer.closing is None
            else customer.closing.mode is ClosingMode.AUTO,
            "billing_address": None if address is None else address | {"object": "billing_address"},
            "created_at": seconds(customer.created_at),
            "updated_at": seconds(customer.updated_at),
            "resource_version": resource_version(customer.updated_at, customer.version),
            "promotional_credits": 0,
            "refundable_credits": 0,
            "excess_payments": 0,
            "unbilled_charges": 0,
            "card_status": "no_card",
            "deleted": customer.deleted,
            **custom,
            "object": "customer",
        }
    )


def known_of(customer: Customer) -> dict[str, Any]:
    """Return what is known of a customer by parts, as the native door has it where it changed."""
    mine, there = kept(customer), customer.address
    made = _address(customer.id, mine)
    if not mine or made.name != there.name:
        mine["company"] = there.name
    if made.email != there.email:
        mine["email"] = there.email
    if made.tax_id != there.tax_id:
        mine["vat_number"] = there.tax_id
    if made.lines != there.lines:
        lines = {f"line{n}": line for n, line in enumerate(there.lines[:3], start=1)}
        mine["billing_address"] = lines or None
    return without_none(mine)


def policy(auto: bool | None, site: Site) -> ClosingPolicy | None:  # noqa: FBT001 - a parameter's value
    """Return the closing policy of `auto_close_invoices`; None goes by what is behind it."""
    if auto is None:
        return None
    mode = ClosingMode.AUTO if auto else ClosingMode.MANUAL
    return ClosingPolicy(mode, site.closing.after_hours)


def split_custom(form: Form) -> tuple[Form, dict[str, Any]]:
    """Take the custom fields out of a form; raises `Invalid` for too many or what is no text."""
    custom = {name: value for name, value in form.values.items() if name.startswith(CUSTOM)}
    if len(custom) > CUSTOM_MAX:
        raise Invalid("limit_exceeded", f"there are at most {CUSTOM_MAX}", field=CUSTOM)
    for name, value in custom.items():
        if not isinstance(value, str | None) or not (value or "x").isprintable():
            raise Invalid("invalid_field", "must be plain text", field=name)
    rest = {name: value for name, value in form.values.items() if name not in custom}
    return Form(rest), custom


def _known(
    params: CustomerParams, custom: dict[str, Any], before: dict[str, Any]
) -> dict[str, Any]:
    given = params.said(_ECHOED)
    if "vat_number" in params.given():
        given["vat_number"] = params.vat_number
    address = given.get("billing_address")
    if isinstance(address, AddressRow):
        was = before.get("billing_address") or {}
        now = address.said(address.given())
        given["billing_address"] = without_none(was | now)
    return without_none({**before, **given, **custom})


def _address(customer_id: str, known: dict[str, Any]) -> Address:
    """Return how documents name a customer: its company or name, and where it is."""
    address = known.get("billing_address") or {}
    person = _joined(known, " ", "first_name", "last_name")
    there = _joined(address, " ", "first_name", "last_name")
    name = known.get("company") or address.get("company") or person or there or customer_id
    lines = [
        person if person and person != name else "",
        address.get("line1"),
        address.get("line2"),
        address.get("line3"),
        _town(address),
        address.get("country"),
    ]
    return Address(
        name=name,
        lines=tuple(line for line in lines if line),
        email=known.get("email") or address.get("email"),
        tax_id=known.get("vat_number"),
    )


def _town(address: dict[str, Any]) -> str:
    """Return the line of the town: `Salem, MA 01970` where there are states, else `1010 Wien`."""
    state = address.get("state_code") or address.get("state")
    if state is None:
        return _joined(address, " ", "zip", "city")
    city = address.get("city")
    behind = _joined({"state": state, "zip": address.get("zip")}, " ", "state", "zip")
    return behind if city is None else f"{city}, {behind}"


def _changed_parts(before: Address, after: Address) -> dict[str, Any]:
    """Return what is different about an address; the rest may be more than is known here."""
    parts = {each.name: getattr(after, each.name) for each in fields(Address)}
    return {name: part for name, part in parts.items() if part != getattr(before, name)}


def _joined(values: dict[str, Any], between: str, *names: str) -> str:
    return between.join(str(values[name]) for name in names if values.get(name))


def _answer(desk: Desk, customer: Customer) -> Response:
    return Response(200, {"customer": whole_customer(desk, customer)})
