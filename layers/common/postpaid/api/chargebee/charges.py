"""One-time charges on pending invoices."""

from typing import Annotated

from pydantic import Field

from postpaid.api.chargebee.forms import read_form
from postpaid.api.chargebee.invoice_reading import find_invoice, view_of, whole_invoice
from postpaid.api.chargebee.params import Digits, Id, Id50, Params, Stamp, Text300, Whole, read
from postpaid.api.chargebee.pricing import Amount, TierRow, repriced
from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response
from postpaid.api.spelling import spelled
from postpaid.application.close_invoice import known_invoice
from postpaid.application.one_time_charges import AddCharge, add_charge
from postpaid.domain.errors import Invalid, NotFound
from postpaid.domain.instants import instant_text

_NAMES = {
    "pricing.tiers": "item_tiers",
    # Only decimals can be out of bounds.
    "pricing.tiers[].unit_amount": "item_tiers[price_in_decimal][]",
    "pricing.tiers[].flat_amount": "item_tiers[price_in_decimal][]",
    "pricing.tiers[].up_to": "item_tiers[ending_unit_in_decimal][]",
    "item_price_id": "item_price[item_price_id]",
    "from": "item_price[date_from]",
    "to": "item_price[date_to]",
}
_PRICED = ("pricing", "pricing.amount", "pricing.unit_amount")


class ChargedPrice(Params):
    """What is charged: `item_price`."""

    item_price_id: Id
    quantity: Annotated[Whole, Field(ge=1)] | None = None
    quantity_in_decimal: Digits | None = None
    unit_price: Amount | None = None
    unit_price_in_decimal: Digits | None = None
    date_from: Stamp | None = None
    date_to: Stamp | None = None


class ChargeParams(Params):
    """`POST /invoices/{id}/add_charge_item`."""

    # Checked where it is not sent, too: the member that is missing is named.
    item_price: Annotated[ChargedPrice, Field(default_factory=dict, validate_default=True)]
    item_tiers: list[TierRow] = Field(default_factory=list)
    comment: Text300 | None = None
    subscription_id: Id50 | None = None


def add_charge_item(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Put a one-time charge on a pending invoice, and show it as it would be closed now."""
    params = read(ChargeParams, read_form(request.body, request.headers))
    invoice, asked = find_invoice(desk, ids[0]), params.item_price
    if params.subscription_id not in {None, invoice.subscription_id}:
        raise Invalid(
            "invalid_field",
            f"is not the invoice's, which is of '{invoice.subscription_id}'",
            field="subscription_id",
        )
    with spelled(_names(asked)):
        command = AddCharge(
            invoice_id=invoice.id,
            id=desk.new_id("chg"),
            item_price_id=asked.item_price_id,
            quantity=_quantity(asked),
            pricing=_pricing(desk, params),
            start=None if asked.date_from is None else instant_text(asked.date_from),
            end=None if asked.date_to is None else instant_text(asked.date_to),
            comment=params.comment,
        )
        add_charge(command, office=desk.office)
    changed = known_invoice(desk.invoices, invoice.id)
    return Response(200, {"invoice": whole_invoice(desk, changed, view_of(desk))})


def _names(asked: ChargedPrice) -> dict[str, str]:
    """Return how the fields of the use case are called in this request."""
    is_exact = asked.quantity is None and asked.quantity_in_decimal is not None
    quantity = f"item_price[quantity{'_in_decimal' if is_exact else ''}]"
    return {**_NAMES, **dict.fromkeys(_PRICED, _price_field(asked)), "quantity": quantity}


def _price_field(asked: ChargedPrice) -> str:
    is_exact = asked.unit_price is None and asked.unit_price_in_decimal is not None
    return f"item_price[unit_price{'_in_decimal' if is_exact else ''}]"


def _quantity(asked: ChargedPrice) -> object:
    if asked.quantity is not None and asked.quantity_in_decimal is not None:
        raise Invalid(
            "invalid_field",
            "give it, or quantity_in_decimal, but not both",
            field="quantity",
        )
    return asked.quantity_in_decimal if asked.quantity is None else asked.quantity


def _pricing(desk: Desk, params: ChargeParams) -> dict[str, object] | None:
    """Return the plain form of a price of this charge alone, None if the catalogue's counts."""
    asked = params.item_price
    if asked.unit_price is None and asked.unit_price_in_decimal is None and not params.item_tiers:
        return None
    price = desk.prices.newest(asked.item_price_id)
    if price is None:
        message = f"there is no item price '{asked.item_price_id}'"
        raise NotFound("item_price_not_found", message, field="item_price_id")
    return repriced(
        price,
        asked.unit_price,
        asked.unit_price_in_decimal,
        params.item_tiers,
        _price_field(asked),
    )
