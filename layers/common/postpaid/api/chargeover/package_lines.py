"""The lines of packages, as clients write them: to lines, and to changes of lines."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from postpaid.api.chargeover.bodies import (
    NOT_KEPT,
    Fields,
    Flag,
    Key,
    Long,
    Number,
    Text,
    read_fields,
)
from postpaid.api.chargeover.find import EXTERNAL_KEY, id_of
from postpaid.api.chargeover.items import create_price, item_of, own_price
from postpaid.api.chargeover.line_urls import usage_url
from postpaid.api.chargeover.paycycles import read_price_paycycle
from postpaid.api.chargeover.things import split_custom
from postpaid.api.chargeover.tiersets import Tierset, read_tierset
from postpaid.api.desk import Desk
from postpaid.domain.annotations import annotations_text
from postpaid.domain.calendar import Cadence
from postpaid.domain.catalog import Item, ItemPrice
from postpaid.domain.errors import BillingError, Conflict, Invalid
from postpaid.domain.line import default_line_id
from postpaid.domain.usage_url import UsageUrl

_NO_TRIALS = "a trial is of a whole package: the native API has it"
_NO_END = "a line has no end: cancel it by upgrade"
REFUSED = {
    "trial_days": _NO_TRIALS,
    "trial_units": _NO_TRIALS,
    "trial_recurs": _NO_TRIALS,
    "expire_recurs": _NO_END,
    "expire_datetime": _NO_END,
    "coupon": "there are no coupons here",
    "discount": "there are no discounts here",
    "license": NOT_KEPT,
    "subscribe_datetime": "a line begins with its package, or with the upgrade that adds it",
}
# How the fields of use cases are called here.
_NAMES = {
    "item_price_id": "item_id",
    "id": "external_key",
    "quantity": "line_quantity",
    "label": "descrip",
}
_PLACE = re.compile(r"(?:lines|changes)\[([0-9]+)\]\.?(.*)")
_DIGEST_BYTES = 15


def _reference(value: Any) -> Any:
    return None if value in (0, "0", "") and value is not False else value


# Names another thing; typed clients write 0 where they name none.
Ref = Annotated[Key | None, BeforeValidator(_reference)]


class LineFields(Fields):
    """A line of a new package, or one that an upgrade adds or changes."""

    item_id: Ref = None
    item_external_key: Ref = None
    tierset: dict[str, Any] | None = None
    tierset_id: Ref = None
    paycycle: Text | None = None
    descrip: Text | None = None
    nickname: Text | None = None
    line_quantity: Number | None = None
    external_key: Key | None = None
    usage_url: Long | None = None


class UpgradeFields(LineFields):
    """A line of an upgrade: without an id it is added, with one it is changed or cancelled."""

    line_item_id: Ref = None
    line_item_external_key: Ref = None
    cancel: Flag | None = None
    subscribe_prorate: Flag | None = None
    cancel_prorate: Flag | None = None
    subscribe_prorate_cycle: Literal["now", "next"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedLine:
    """A line that is asked for; its price is made, if it has one of its own, when all is read.

    *notes* are what only this door keeps of it; *price* is None for that of its own, *tierset*.
    """

    place: str
    item: Item
    quantity: Decimal | None
    label: str | None
    external_key: str | None
    price: ItemPrice | None
    tierset: Tierset | None
    usage_url: UsageUrl | None
    notes: dict[str, str | None]

    def price_id(self, desk: Desk) -> str:
        """Return the id of its price, which is made if need be; raises `Conflict`."""
        if self.price is not None:
            return self.price.id
        assert self.tierset is not None
        return _price_of_its_own(desk, self.item, self.tierset, self.place)


def read_line[Model: LineFields](
    model: type[Model], plain: object, place: str
) -> tuple[Model, dict[str, str | None]]:
    """Read a line, and what is only kept of it; raises `Invalid` naming a field behind *place*."""
    if not isinstance(plain, dict):
        raise Invalid("invalid_field", "must be an object", field=place)
    try:
        rest, custom = split_custom(plain)
    except BillingError as error:
        error.field = f"{place}.{error.field}"
        raise
    fields = read_fields(model, rest, refused=REFUSED, prefix=f"{place}.")
    if "nickname" in fields.given():
        custom["nickname"] = fields.nickname or None
    return fields, custom


def asked_line(
    desk: Desk,
    fields: LineFields,
    notes: dict[str, str | None],
    place: str,
    cadences: Sequence[Cadence],
) -> AskedLine:
    """Return what a line asks for; raises `Invalid` or `NotFound` naming a field of it."""
    item = _item(desk, fields, place)
    price, tierset = _price(desk, item, fields, place)
    _check_paycycle(fields, price, tierset, place, cadences)
    is_new = not isinstance(fields, UpgradeFields)
    return AskedLine(
        place=place,
        item=item,
        quantity=quantity_of(fields, metered=item.metered, place=place),
        label=fields.descrip or None,
        external_key=fields.external_key,
        price=price,
        tierset=tierset,
        usage_url=usage_url(desk, fields.usage_url, place, metered=item.metered, is_new=is_new),
        notes=notes,
    )


def line_ids(asked: Sequence[AskedLine], taken: set[str]) -> list[str]:
    """Return the id of each new line: as it is said, else its item's, counted where it is taken."""
    used = taken | {each.external_key for each in asked if each.external_key}
    ids: list[str] = []
    for each in asked:
        made = each.external_key or default_line_id(each.item.id, used)
        used.add(made)
        ids.append(made)
    return ids


@contextmanager
def by_lines(rows: Sequence[int] | None = None) -> Iterator[None]:
    """Let refusals name lines as `line_items.0.item_id`; *rows* say which line a change is of."""
    try:
        yield
    except BillingError as error:
        found = _PLACE.fullmatch(error.field or "")
        if found is not None:
            row = int(found[1]) if rows is None else rows[int(found[1])]
            name = _NAMES.get(found[2], found[2])
            error.field = f"line_items.{row}.{name}".rstrip(".")
            if name == "since":
                error.field = "holduntil_datetime"
        elif error.field in {"lines", "changes"}:
            error.field = "line_items"
        raise


def _item(desk: Desk, fields: LineFields, place: str) -> Item:
    if fields.item_id and fields.item_external_key:
        why = "give it, or item_external_key, but not both"
        raise Invalid("invalid_field", why, field=f"{place}.item_id")
    if fields.item_id:
        return item_of(desk, fields.item_id, f"{place}.item_id")
    if fields.item_external_key:
        name = f"{place}.item_external_key"
        return item_of(desk, f"{EXTERNAL_KEY}{fields.item_external_key}", name)
    raise Invalid("missing_field", "is required", field=f"{place}.item_id")


def _price(
    desk: Desk, item: Item, fields: LineFields, place: str
) -> tuple[ItemPrice | None, Tierset | None]:
    """Return the price a line is to have: the item's, one by its integer, or one of its own."""
    if fields.tierset:
        tierset = read_tierset(fields.tierset, f"{place}.tierset", metered=item.metered)
        return None, tierset
    number = fields.tierset_id
    field = f"{place}.item_id" if number is None else f"{place}.tierset_id"
    price = own_price(desk, item)
    if number is not None:
        price = desk.prices.newest(id_of(desk, "item_price", number, field))
    if price is None or price.item_id != item.id:
        raise Invalid("invalid_field", "has no such price: give the line a tierset", field=field)
    return price, None


def _check_paycycle(
    fields: LineFields,
    price: ItemPrice | None,
    tierset: Tierset | None,
    place: str,
    cadences: Sequence[Cadence],
) -> None:
    """Refuse a price for another paycycle than the package's: it is not repeated within one."""
    priced = price.cadence if price is not None else None if tierset is None else tierset.cadence
    field = f"{place}.tierset.paycycle" if price is None else f"{place}.item_id"
    line = read_price_paycycle(fields.paycycle, f"{place}.paycycle")
    for meant, name in ((priced, field), (line, f"{place}.paycycle")):
        if meant is not None and not all(meant.agrees(each) for each in cadences):
            why = "is for another paycycle than the package's: say the same, or evy"
            raise Invalid("invalid_field", why, field=name)


def quantity_of(fields: LineFields, *, metered: bool, place: str) -> Decimal | None:
    """Return the quantity of a line; a metered one counts its usage, and takes 0 or 1 as said."""
    if not metered:
        return fields.line_quantity
    if fields.line_quantity not in {None, Decimal(0), Decimal(1)}:
        why = "a metered line counts its usage instead"
        raise Invalid("invalid_field", why, field=f"{place}.line_quantity")
    return None


def _price_of_its_own(desk: Desk, item: Item, tierset: Tierset, place: str) -> str:
    """Make the price that a line's tierset is; equal ones of an item are one.

    Its id follows from what it says, so that a request that comes again makes none beside it.
    """
    said = {
        "item": item.id,
        "name": item.name,
        "currency": desk.site.currency,
        "pricing": dict(tierset.pricing),
        "base": tierset.base_fee,
        "setup": tierset.setup_fee,
        "cadence": None
        if tierset.cadence is None
        else [tierset.cadence.unit, tierset.cadence.count],
        "notes": dict(tierset.notes),
    }
    text = annotations_text(said, 2**20)
    digest = hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()
    price_id = f"tierset-{digest}"
    create_price(desk, item, tierset, price_id, name=item.name)
    price = desk.prices.newest(price_id)
    if price is None or price.version > 1:
        why = "was made before, and changed in the native API since: say it otherwise"
        raise Conflict("already_exists", why, field=f"{place}.tierset")
    return price_id
