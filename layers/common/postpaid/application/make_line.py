"""Make a line entry from what a client asks: its price is found, its quantity checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from postpaid.application.catalog import Items
from postpaid.application.ports import Ids, Prices
from postpaid.domain.calendar import Cadence
from postpaid.domain.catalog import Item, ItemPrice, ItemType
from postpaid.domain.charge import Charge
from postpaid.domain.errors import Conflict, Invalid, NotFound
from postpaid.domain.identifiers import check_id
from postpaid.domain.line import LABEL_LENGTH_MAX, Line, default_line_id
from postpaid.domain.quantity import parse_quantity
from postpaid.domain.usage_url import UsageUrl


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateLine:
    """An item price that goes on a subscription.

    *pricing* is the plain form of a charge of the line's own, None if the item price's counts.
    *label* is what invoices are to call it, None for the item price's name.
    *usage_url* is asked for the line's usage, at the creation of its subscription alone.
    """

    item_price_id: str
    id: str | None
    quantity: object
    pricing: Mapping[str, Any] | None = None
    label: str | None = None
    usage_url: UsageUrl | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineMaker:
    """Where the parts of a line are found; *currency* is the other lines', None for the first.

    Without *ids* a line is made to look at only: its number is 0. *cadences* are those at which the
    subscription is invoiced while it has the line. A line that has its price already *keeps* it,
    whatever became of that: it may be archived. What is *once* is the price of an item of type
    charge; on a subscription such an item recurs like any other.
    """

    items: Items
    prices: Prices
    ids: Ids | None
    currency: str | None
    cadences: Sequence[Cadence] = ()
    keeps: bool = False
    once: bool = False

    def make(self, command: CreateLine, prefix: str, taken: set[str]) -> Line:
        """Return a line; *taken* are the ids that a name of ours must not be.

        Raises `Invalid`, `NotFound` for its price or `Conflict` with code `archived`, naming the
        field behind *prefix*.
        """
        price = self.price(command, prefix)
        item = self.items.get(price.item_id)
        assert item is not None, "items are never removed"
        if self.once and item.type is not ItemType.CHARGE:
            raise Invalid(
                "invalid_field",
                f"is a price of the {item.type.value} '{item.id}': only items of type charge are "
                "charged once",
                field=f"{prefix}item_price_id",
            )
        if not self.keeps:
            self._check(price, item, f"{prefix}item_price_id")
        own = _own_charge(command, prefix, item, price)
        quantity = _quantity(command, prefix, item, price.charge if own is None else own)
        if command.id is None:
            line_id = default_line_id(price.id, taken)
        else:
            line_id = check_id(command.id, f"{prefix}id")
        return Line(
            id=line_id,
            number=0 if self.ids is None else self.ids.number("line"),
            item_id=item.id,
            item_price_id=price.id,
            price_version=price.version,
            name=price.name,
            unit=item.unit,
            metered=item.metered,
            recording=item.recording,
            aggregation=item.aggregation,
            quantity=quantity,
            charge_text=None if own is None else own.to_text(),
            label=_label(command, prefix),
        )

    def price(self, command: CreateLine, prefix: str) -> ItemPrice:
        """Return the newest version of the price a line names, in the right currency."""
        place = f"{prefix}item_price_id"
        price = self.prices.newest(check_id(command.item_price_id, place))
        if price is None:
            raise NotFound(
                "item_price_not_found",
                f"there is no item price '{command.item_price_id}'",
                field=place,
            )
        if self.currency not in {None, price.currency}:
            raise Invalid(
                "invalid_field",
                f"is in {price.currency}, the other lines in {self.currency}",
                field=place,
            )
        return price

    def _check(self, price: ItemPrice, item: Item, field: str) -> None:
        """Refuse a price that no line may get, or none of this subscription."""
        for archived, what in ((price.archived, "it"), (item.archived, f"its item '{item.id}'")):
            if archived:
                raise Conflict("archived", f"{what} is archived", field=field)
        check_cadence(price, self.cadences, field)


def check_cadence(price: ItemPrice, cadences: Sequence[Cadence], field: str) -> None:
    """Refuse a price that is meant for another cadence than the subscription's; raises `Invalid`.

    A month is not a year, but every 3 months is every quarter.
    """
    meant = price.cadence
    if meant is not None and not all(meant.agrees(each) for each in cadences):
        raise Invalid(
            "invalid_field",
            f"is charged every {meant.count} {meant.unit}: the subscription is not",
            field=field,
        )


def _own_charge(command: CreateLine, prefix: str, item: Item, price: ItemPrice) -> Charge | None:
    """Read a line's own charge, and refuse what the catalogue would refuse of its item."""
    if command.pricing is None:
        return None
    place = f"{prefix}pricing."
    charge = Charge.from_plain(command.pricing, place)
    if item.metered:
        replace(price, charge=charge).check_metered(place)
    elif charge.by_event:
        raise Invalid(
            "invalid_field",
            "prices usages one by one: the line must be metered",
            field=f"{prefix}pricing",
        )
    return charge


def _label(command: CreateLine, prefix: str) -> str | None:
    if command.label is not None and not 1 <= len(command.label) <= LABEL_LENGTH_MAX:
        raise Invalid(
            "invalid_field", f"must have 1 to {LABEL_LENGTH_MAX} characters", field=f"{prefix}label"
        )
    return command.label


def _quantity(command: CreateLine, prefix: str, item: Item, charge: Charge) -> Decimal | None:
    if item.metered:
        if command.quantity is not None:
            raise Invalid(
                "invalid_field",
                "a metered line counts its usage instead",
                field=f"{prefix}quantity",
            )
        return None
    quantity = parse_quantity(
        1 if command.quantity is None else command.quantity, f"{prefix}quantity"
    )
    try:
        charge.price(quantity)
    except Invalid as error:
        raise Invalid("not_ratable", error.message, field=f"{prefix}quantity") from None
    return quantity
