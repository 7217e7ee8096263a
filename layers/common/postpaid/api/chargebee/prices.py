"""Item prices."""

from decimal import Decimal
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from postpaid.api.chargebee.filters import Kind
from postpaid.api.chargebee.forms import read_form
from postpaid.api.chargebee.items import known_item
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
    NO_TAXES,
    Digits,
    Flag,
    Id,
    Metadata,
    Nothing,
    Params,
    Text100,
    Text2000,
    Whole,
    read,
)
from postpaid.api.chargebee.pricing import Amount, Model, TierRow, plain_pricing, shown_pricing
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
from postpaid.application.catalog import (
    ChangeItemPrice,
    CreateItemPrice,
    change_item_price,
    create_item_price,
)
from postpaid.domain.calendar import read_cadence
from postpaid.domain.catalog import Item, ItemPrice, ItemType
from postpaid.domain.errors import Invalid, NotFound
from postpaid.domain.money import check_currency
from postpaid.domain.tax import TaxRates

_NAMES = {
    "currency": "currency_code",
    "pricing.free_units": "free_quantity",
    "free_units": "free_quantity",
    # Only decimals can be out of bounds.
    "amount": "price_in_decimal",
    "unit_amount": "price_in_decimal",
    "tiers[].unit_amount": "tiers[price_in_decimal][]",
    "tiers[].flat_amount": "tiers[price_in_decimal][]",
    "tiers[].up_to": "tiers[ending_unit_in_decimal][]",
}
_NO_VARIANTS = "there are no price variants here"
_TRIALS = "a subscription says when its trial ends, by trial_end"
REFUSED = {
    "business_entity_id": NO_ENTITIES,
    "price_variant_id": _NO_VARIANTS,
    "tax_detail": NO_TAXES,
    "tax_providers_fields": NO_TAXES,
    "trial_period": _TRIALS,
    "trial_period_unit": _TRIALS,
    "trial_end_action": _TRIALS,
    "shipping_period": "nothing is shipped",
    "shipping_period_unit": "nothing is shipped",
    "billing_cycles": "a subscription says how many there are",
}
_FREE = frozenset({"free_quantity", "free_quantity_in_decimal"})
_PRICED = _FREE | {"pricing_model", "price", "price_in_decimal", "tiers"}
# What the native API may say beside a price, which a change here leaves as it is.
_BESIDE = ("transform", "aggregation", "discount_percent", "minimum", "maximum")
_ECHOED = ("external_name", "invoice_notes", "metadata", "accounting_detail")
_UNTAXED = TaxRates((), inclusive=False)
_LIST = ListOf(
    name="item_prices",
    kinds={
        **dict.fromkeys(("id", "name", "item_id", "item_family_id", "currency_code"), Kind.TEXT),
        **dict.fromkeys(("pricing_model", "item_type", "period_unit", "status"), Kind.CHOICE),
        "period": Kind.NUMBER,
        "updated_at": Kind.STAMP,
    },
    sorts=frozenset({"name", "id", "updated_at"}),
    refused={
        **dict.fromkeys(("business_entity_id", "include_site_level_resources"), NO_ENTITIES),
        **dict.fromkeys(("trial_period", "trial_period_unit"), _TRIALS),
        "channel": NO_CHANNELS,
        "price_variant_id": _NO_VARIANTS,
    },
)


class AccountingDetail(Params):
    """How a client's bookkeeping names a price."""

    sku: Text100 | None = None
    accounting_code: Text100 | None = None
    accounting_category1: Text100 | None = None
    accounting_category2: Text100 | None = None
    accounting_category3: Text100 | None = None
    accounting_category4: Text100 | None = None


class PriceParams(Params):
    """What a price is created with, and may be changed to."""

    description: Text2000 | None = None
    external_name: Text100 | None = None
    invoice_notes: Text2000 | None = None
    metadata: Metadata | None = None
    accounting_detail: AccountingDetail | None = None
    is_taxable: Flag | None = None
    pricing_model: Model | None = None
    price: Amount | None = None
    price_in_decimal: Digits | None = None
    tiers: list[TierRow] = Field(default_factory=list)
    free_quantity: Annotated[Whole, Field(ge=0)] | None = None
    free_quantity_in_decimal: Digits | None = None
    proration_type: Literal["site_default", "partial_term", "full_term"] | None = None
    show_description_in_invoices: Flag | None = None
    show_description_in_quotes: Flag | None = None
    usage_accumulation_reset_frequency: (
        Literal["never", "subscription_billing_frequency"] | None
    ) = None

    def check(self, item: Item) -> None:
        """Refuse what a price cannot say here; raises `Invalid`."""
        unserved = {
            "proration_type": self.proration_type not in {None, "site_default"},
            "show_description_in_invoices": self.show_description_in_invoices,
            "show_description_in_quotes": self.show_description_in_quotes,
            "usage_accumulation_reset_frequency": self.usage_accumulation_reset_frequency
            == "never",
        }
        for name, is_asked in unserved.items():
            if is_asked:
                raise Invalid("not_supported", "is not known here: leave it out", field=name)
        free = [name for name in _FREE if getattr(self, name) is not None]
        if len(free) > 1:
            raise Invalid(
                "invalid_field",
                "give it, or free_quantity_in_decimal, but not both",
                field="free_quantity",
            )
        if item.type is not ItemType.PLAN and any(Decimal(getattr(self, name)) for name in free):
            raise Invalid("invalid_field", "is for the prices of plans", field=free[0])

    def pricing(self, model: str, currency: str) -> dict[str, Any]:
        """Return the plain form of the price."""
        plain = plain_pricing(model, self.price, self.price_in_decimal, self.tiers, currency)
        return without_none({**plain, "free_units": self.free()})

    def free(self) -> str | None:
        """Return the units that are free, by either name; None if there are none."""
        free = self.free_quantity_in_decimal or self.free_quantity
        return str(free) if free else None

    def echoed(self, before: dict[str, Any]) -> dict[str, Any]:
        """Return what is only shown again, over what was before."""
        given = self.said(_ECHOED)
        if self.accounting_detail is not None:
            now = self.accounting_detail.said(self.accounting_detail.given())
            known = without_none({**before.get("accounting_detail", {}), **now})
            given["accounting_detail"] = known or None
        return {**before, **given}


class NewPrice(PriceParams):
    """`POST /item_prices`."""

    id: Id
    name: Text100
    item_id: Id
    currency_code: Annotated[str, Field(max_length=3)] | None = None
    period: Annotated[Whole, Field(ge=1)] | None = None
    period_unit: Literal["day", "week", "month", "year"] | None = None


class PriceChange(PriceParams):
    """`POST /item_prices/{id}`."""

    name: Text100 | None = None
    status: Literal["active", "archived"] | None = None
    currency_code: Annotated[str, Field(max_length=3)] | None = None
    period: Annotated[Whole, Field(ge=1)] | None = None
    period_unit: Literal["day", "week", "month", "year"] | None = None


def create(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Create an item price."""
    params = read(NewPrice, read_form(request.body, request.headers), refused=REFUSED)
    item = desk.items.get(params.item_id)
    if item is None:
        raise NotFound("item_not_found", f"there is no item '{params.item_id}'", field="item_id")
    params.check(item)
    currency = check_currency(params.currency_code or desk.site.currency, "currency_code")
    command = CreateItemPrice(
        id=params.id,
        item_id=item.id,
        name=params.name,
        currency=currency,
        pricing=params.pricing(params.pricing_model or "flat_fee", currency),
        base_fee=None,
        tax=_UNTAXED if params.is_taxable is False else None,
        cadence=_cadence(params, item),
        description=params.description,
        annotations=annotations(params.echoed({})),
    )
    with spelled(_NAMES):
        created = create_item_price(
            command, items=desk.items, prices=desk.prices, ids=desk.ids, now=desk.now
        )
        return _answer(desk, made(created, request, "item price", params.id))


def _cadence(params: NewPrice, item: Item) -> Any:
    if item.type is ItemType.CHARGE:
        if params.period is not None or params.period_unit is not None:
            raise Invalid("invalid_field", "is for plans and addons", field="period")
        return None
    for name in ("period", "period_unit"):
        if getattr(params, name) is None:
            raise Invalid("missing_field", "is required for plans and addons", field=name)
    with spelled({"unit": "period_unit", "count": "period"}):
        return read_cadence(params.period_unit, params.period, "")


def retrieve(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Show the newest version of an item price."""
    return _answer(desk, known_price(desk, ids[0]))


def update(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Change an item price, for terms that begin from now on."""
    price = known_price(desk, ids[0])
    item = known_item(desk, price.item_id)
    params = read(PriceChange, read_form(request.body, request.headers), refused=REFUSED)
    params.check(item)
    _check_fixed(params, price)
    fields: dict[str, Any] = {"annotations": annotations(params.echoed(kept(price)), price)}
    if "description" in params.given():
        fields["description"] = params.description
    if params.name is not None:
        fields["name"] = params.name
    if params.status is not None:
        fields["archived"] = params.status == "archived"
    if params.is_taxable not in {None, price.tax != _UNTAXED}:  # rates of its own stay
        fields["tax"] = None if params.is_taxable else _UNTAXED
    if params.given() & _PRICED:
        fields["pricing"] = _changed_pricing(params, price)
    with spelled(_NAMES):
        return _answer(desk, _changed(desk, price.id, fields))


def _changed_pricing(params: PriceChange, price: ItemPrice) -> dict[str, Any]:
    """Return the plain form of the price that is to be; what is not sent stays as it is."""
    there = price.charge.to_plain()
    if params.given() & (_PRICED - _FREE):
        model = params.pricing_model or there["pricing_model"]
        if model == "package":
            model = "tiered"  # as it is shown here
        if model not in get_args(Model):
            why = f"is required: there is none here for {model}, which it is now"
            raise Invalid("missing_field", why, field="pricing_model")
        plain = params.pricing(model, price.currency)
        beside = {name: there[name] for name in _BESIDE if name in there}
    else:
        plain = {"free_units": params.free()}
        beside = there
    if not params.given() & _FREE:
        plain["free_units"] = there.get("free_units")
    return without_none({**beside, **plain})


def _check_fixed(params: PriceChange, price: ItemPrice) -> None:
    """Refuse to change what never changes; to name what it is already is no change."""
    cadence = price.cadence
    there = {
        "currency_code": price.currency,
        "period": None if cadence is None else cadence.count,
        "period_unit": None if cadence is None else cadence.unit,
    }
    for name, value in there.items():
        given = getattr(params, name)
        if given is not None and given != value:
            raise Invalid("not_supported", "never changes: make another price", field=name)


def delete(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Delete an item price: it is archived, for subscriptions and invoices name it."""
    read(Nothing, read_form(request.body, request.headers))
    price = known_price(desk, ids[0])
    return _answer(desk, _changed(desk, price.id, {"archived": True}))


def list_all(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """List item prices, newest first unless they are to be sorted."""
    asked = read_asked(request, _LIST)
    items: dict[str, Item] = {}
    source = Source[ItemPrice](
        read=desk.lists.prices,
        place=lambda price: desk.place_of(price.first_created_at, price.id),
        show=lambda price: chargebee_from_price(price, _item_of(desk, price, items)),
        wrap=lambda _, shown: {"item_price": shown},
        get=desk.prices.newest,
    )
    return page(desk, request, _LIST, asked, source)


def known_price(desk: Desk, price_id: str) -> ItemPrice:
    """Return the newest version of an item price; raises `NotFound`."""
    price = desk.prices.newest(price_id)
    if price is None:
        raise NotFound("item_price_not_found", f"there is no item price '{price_id}'")
    return price


def chargebee_from_price(price: ItemPrice, item: Item) -> Resource:
    """Show an item price.

    `native_pricing`, `base_fee` and `setup_fee` are ours, for what the native API can say and
    Chargebee not.
    """
    mine, cadence = kept(price), price.cadence
    return without_none(
        {
            "id": price.id,
            "name": price.name,
            "external_name": mine.get("external_name"),
            "description": price.description,
            "invoice_notes": mine.get("invoice_notes"),
            "status": "archived" if price.archived else "active",
            "item_id": item.id,
            "item_family_id": item.family_id,
            "item_type": item.type.value,
            "currency_code": price.currency,
            "free_quantity": 0,
            **shown_pricing(price.charge.to_plain(), price.currency),
            "base_fee": None if price.base_fee is None else str(price.base_fee),
            "setup_fee": None if price.setup_fee is None else str(price.setup_fee),
            "period": None if cadence is None else cadence.count,
            "period_unit": None if cadence is None else cadence.unit,
            "is_taxable": price.tax != _UNTAXED,
            "metadata": metadata_shown(mine.get("metadata")),
            "accounting_detail": mine.get("accounting_detail"),
            "archived_at": seconds(price.updated_at) if price.archived else None,
            "resource_version": resource_version(price.updated_at, price.version),
            "updated_at": seconds(price.updated_at),
            "created_at": seconds(price.first_created_at),
            "deleted": False,
            "object": "item_price",
        }
    )


def _item_of(desk: Desk, price: ItemPrice, items: dict[str, Item]) -> Item:
    if price.item_id not in items:
        items[price.item_id] = known_item(desk, price.item_id)
    return items[price.item_id]


def _changed(desk: Desk, price_id: str, fields: dict[str, Any]) -> ItemPrice:
    command = ChangeItemPrice(id=price_id, fields=fields)
    return change_item_price(command, items=desk.items, prices=desk.prices, now=desk.now)


def _answer(desk: Desk, price: ItemPrice) -> Response:
    shown = chargebee_from_price(price, known_item(desk, price.item_id))
    return Response(200, {"item_price": shown})
