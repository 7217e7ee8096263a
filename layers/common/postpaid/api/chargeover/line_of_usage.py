"""Find the line that a usage is of, by whatever names it. On the recording path."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from postpaid.api.chargeover.successors import line_at
from postpaid.api.chargeover.usage import Given, moment
from postpaid.api.records import Records
from postpaid.application.find_numbered import Kind, LineName
from postpaid.domain.errors import BillingError, Conflict, Invalid, NotFound
from postpaid.domain.line import Line
from postpaid.domain.subscription import Subscription

# A customer with more packages must name the package or the line.
PACKAGES_MAX = 50


@dataclass(frozen=True, slots=True)
class Place:
    """The line that was found, and the field that named it."""

    subscription: Subscription
    line_id: str
    field: str


class LineFinder:
    """Finds lines for one request, which reads a customer's packages and an item once."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._ids: dict[tuple[Kind, int], str | None] = {}
        self._packages: dict[str, list[str]] = {}
        self._fresh: dict[str, Subscription | None] = {}

    def find(self, record: Given) -> Place:
        """Return a record's line: all that names it must agree.

        By what may be a cached package; refused only by a fresh one. Raises `Invalid`, `NotFound`
        or `Conflict` naming the field.
        """
        try:
            return self._find(record, fresh=False)
        except BillingError:
            return self._find(record, fresh=True)

    def _find(self, record: Given, *, fresh: bool) -> Place:
        named = self._named_line(record)
        package_id = self._id(record, "package", "subscription")
        customer_id = self._id(record, "customer", "customer")
        item_id = self._id(record, "item", "item")
        key = record.locators.get("line_item_external_key")
        ids = self._subscriptions(named, package_id, customer_id, key)
        meant: list[tuple[Subscription, Line]] = []
        for subscription in self._read(ids, fresh=fresh):
            _check_agrees(record, subscription, package_id, customer_id)
            at = self._at(record, subscription)
            wanted = {
                line_at(subscription, each, at)
                for each in (None if named is None else named.line_id, key)
                if each is not None
            }
            lines = [
                line
                for line in subscription.lines
                if wanted <= {line.id} and item_id in {None, line.item_id}
            ]
            if named is None and key is None:
                lines = self._in_force(record, subscription, lines)
            meant += [(subscription, line) for line in lines]
        return _only(record, meant)

    def _named_line(self, record: Given) -> LineName | None:
        text = record.locators.get("line_item_id")
        if text is None:
            return None
        found = self._records.line_of(int(text))
        if found is None:
            raise NotFound("line_not_found", "there is no such line item", field="line_item_id")
        return found

    def _id(self, record: Given, what: str, kind: Kind) -> str | None:
        """Return the id of a thing by its external key, which is the id, or by its integer."""
        key = record.locators.get(f"{what}_external_key")
        field = f"{what}_id"
        if key is not None or field not in record.locators:
            return key
        number = int(record.locators[field])
        if (kind, number) not in self._ids:
            self._ids[kind, number] = self._records.id_of(kind, number)
        found = self._ids[kind, number]
        if found is None:
            raise _not_there(kind, field)
        return found

    def _subscriptions(
        self,
        named: LineName | None,
        package_id: str | None,
        customer_id: str | None,
        key: str | None,
    ) -> list[str]:
        if named is not None:
            return [named.subscription_id]
        if package_id is not None:
            return [package_id]
        if customer_id is not None:
            return self._packages_of(customer_id)
        if key is not None:
            # A line's key is its own within its package alone.
            raise Invalid("missing_field", "is required beside it", field="package_id")
        raise Invalid("missing_field", "is required", field="line_item_id")

    def _packages_of(self, customer_id: str) -> list[str]:
        if customer_id not in self._packages:
            found = self._records.subscriptions_of(customer_id, PACKAGES_MAX + 1)
            self._packages[customer_id] = found
        found = self._packages[customer_id]
        if len(found) > PACKAGES_MAX:
            raise Invalid(
                "invalid_field",
                f"the customer has more than {PACKAGES_MAX} packages: name the line itself",
                field="line_item_id",
            )
        return found

    def _read(self, ids: Iterable[str], *, fresh: bool) -> Iterator[Subscription]:
        for subscription_id in ids:
            if not fresh:
                found = self._records.subscriptions.get(subscription_id, fresh=False)
            else:
                if subscription_id not in self._fresh:
                    read = self._records.subscriptions.get(subscription_id)
                    self._fresh[subscription_id] = read
                found = self._fresh[subscription_id]
            if found is not None:
                yield found

    def _at(self, record: Given, subscription: Subscription) -> datetime:
        now = self._records.now
        return now if record.at is None else moment(subscription, record.at, "from")

    def _in_force(self, record: Given, subscription: Subscription, lines: list[Line]) -> list[Line]:
        """Return those lines that take usage at the record's date: nobody named one of them."""
        at = self._at(record, subscription)
        if subscription.end is not None and subscription.end <= at:
            return []
        return [line for line in lines if line.in_force(at)]


def _check_agrees(
    record: Given, subscription: Subscription, package_id: str | None, customer_id: str | None
) -> None:
    for what, said, its in (
        ("package", package_id, subscription.id),
        ("customer", customer_id, subscription.customer_id),
    ):
        if said not in {None, its}:
            key = f"{what}_external_key"
            field = key if key in record.locators else f"{what}_id"
            raise Invalid("invalid_field", f"is not the {what} of the line", field=field)


def _not_there(kind: Kind, field: str) -> NotFound:
    match kind:
        case "customer":
            return NotFound("customer_not_found", "there is no such customer", field=field)
        case "item":
            return NotFound("item_not_found", "there is no such item", field=field)
    return NotFound("subscription_not_found", "there is no such package", field=field)


def _field(record: Given) -> str:
    """Return the field that says most about which line is meant."""
    fields = (
        *("line_item_id", "line_item_external_key", "item_external_key", "item_id"),
        *("package_id", "package_external_key", "customer_external_key", "customer_id"),
    )
    return next(name for name in fields if name in record.locators)


def _only(record: Given, meant: list[tuple[Subscription, Line]]) -> Place:
    """Return the one metered line among those that are meant; it may have several entries."""
    field = _field(record)
    places = {
        (subscription.id, line.id): Place(subscription, line.id, field)
        for subscription, line in meant
        if line.metered
    }
    if len(places) == 1:
        return next(iter(places.values()))
    if places:
        raise Conflict(
            "line_ambiguous",
            "several line items answer to this: name the line_item_id",
            field=field,
        )
    if meant:
        raise Invalid("not_metered", "the line item is not charged by usage", field=field)
    raise NotFound(
        "line_not_found", "there is no line item that answers to this at the date", field=field
    )
