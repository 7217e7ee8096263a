"""Typed reads of attributes, and the plain forms that several aggregates share."""

from collections.abc import Mapping
from datetime import datetime
from typing import cast

from postpaid.domain.calendar import Cadence
from postpaid.domain.instants import instant_from_text, instant_text
from postpaid.domain.period import Period
from postpaid.domain.site import Address, ClosingMode, ClosingPolicy
from postpaid.store.tables import Item, Value


def text(item: Mapping[str, Value], name: str) -> str:
    """Read a text that must be there."""
    value = item[name]
    assert isinstance(value, str), name
    return value


def text_or_none(item: Mapping[str, Value], name: str) -> str | None:
    """Read a text that may be absent."""
    return None if item.get(name) is None else text(item, name)


def number(item: Mapping[str, Value], name: str) -> int:
    """Read an integer that must be there."""
    value = item[name]
    assert isinstance(value, int), name
    return value


def number_or_none(item: Mapping[str, Value], name: str) -> int | None:
    """Read an integer that may be absent."""
    return None if item.get(name) is None else number(item, name)


def flag(item: Mapping[str, Value], name: str) -> bool:
    """Read a truth value; absent is false."""
    return bool(item.get(name, False))


def instant(item: Mapping[str, Value], name: str) -> datetime:
    """Read an instant that must be there."""
    return instant_from_text(text(item, name))


def instant_or_none(item: Mapping[str, Value], name: str) -> datetime | None:
    """Read an instant that may be absent."""
    return None if item.get(name) is None else instant(item, name)


def mapping(item: Mapping[str, Value], name: str) -> dict[str, Value]:
    """Read a map that must be there."""
    value = item[name]
    assert isinstance(value, dict), name
    return value


def maps(item: Mapping[str, Value], name: str) -> list[dict[str, Value]]:
    """Read a list of maps that must be there."""
    value = item[name]
    assert isinstance(value, list), name
    return cast("list[dict[str, Value]]", value)


def maps_or_none(item: Mapping[str, Value], name: str) -> list[dict[str, Value]]:
    """Read a list of maps; absent is empty."""
    return [] if item.get(name) is None else maps(item, name)


def texts(item: Mapping[str, Value], name: str) -> tuple[str, ...]:
    """Read a list of texts; absent is empty."""
    value = item.get(name, [])
    assert isinstance(value, list), name
    return tuple(str(each) for each in value)


def numbers(item: Mapping[str, Value], name: str) -> tuple[int, ...]:
    """Read a list of integers; absent is empty."""
    value = item.get(name, [])
    assert isinstance(value, list), name
    return tuple(int(str(each)) for each in value)


def without_none(item: Mapping[str, Value]) -> Item:
    """Leave out the attributes that are None: absent is how nothing is stored."""
    return {name: value for name, value in item.items() if value is not None}


def version_attributes(version: int, changed_at: datetime | None) -> Item:
    """Return the attributes of a version and of when it came; nothing for the first one."""
    if version == 1:
        return {}
    assert changed_at is not None, "what was changed says when"
    return {"v": version, "changed_at": instant_text(changed_at)}


def version_from_item(item: Mapping[str, Value]) -> int:
    """Read the version of what can be changed; absent is the first one."""
    return number_or_none(item, "v") or 1


def cadence_from_item(item: Mapping[str, Value]) -> Cadence:
    """Read a cadence from the attribute `cadence`."""
    plain = mapping(item, "cadence")
    return Cadence(text(plain, "unit"), number(plain, "count"))


def plain_cadence(cadence: Cadence) -> Value:
    """Return the stored form of a cadence."""
    return {"unit": cadence.unit, "count": cadence.count}


def period_from_item(item: Mapping[str, Value]) -> Period:
    """Read a period from its `start` and `end`."""
    return Period(instant(item, "start"), instant(item, "end"))


def item_from_period(period: Period) -> Item:
    """Return the stored form of a period."""
    return {"start": instant_text(period.start), "end": instant_text(period.end)}


def closing_from_item(item: Mapping[str, Value]) -> ClosingPolicy | None:
    """Read a closing policy from the attribute `closing`, None if there is none."""
    if item.get("closing") is None:
        return None
    plain = mapping(item, "closing")
    return ClosingPolicy(ClosingMode(text(plain, "mode")), number(plain, "after_hours"))


def item_from_closing(policy: ClosingPolicy | None) -> Item:
    """Return the attribute `closing`, nothing if there is no policy."""
    if policy is None:
        return {}
    return {"closing": {"mode": policy.mode.value, "after_hours": policy.after_hours}}


def address_from_item(item: Mapping[str, Value]) -> Address:
    """Read a party's address."""
    return Address(
        name=text(item, "name"),
        lines=texts(item, "lines"),
        email=text_or_none(item, "email"),
        tax_id=text_or_none(item, "tax_id"),
    )


def item_from_address(address: Address) -> Item:
    """Return the stored form of a party's address."""
    return without_none(
        {
            "name": address.name,
            "lines": list(address.lines),
            "email": address.email,
            "tax_id": address.tax_id,
        }
    )
