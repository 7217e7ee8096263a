"""Ids of usages at the Chargebee door: unique in a site, short, and read back."""

from base64 import urlsafe_b64encode

import pytest

from postpaid.api.chargebee.line_ids import short_line_id
from postpaid.api.chargebee.usage_ids import (
    ID_LENGTH_MAX,
    LINE_ID_MAX,
    date_of_usage_id,
    is_of_subscription,
    key_from_usage_id,
    usage_id,
)
from postpaid.domain.line import ENTRIES_MAX, default_line_id
from postpaid.domain.usage import UsageKey
from tests.support.samples import at

KEYS = {
    "plain": UsageKey("sub", at("2026-10-05"), "minutes"),
    "another subscription": UsageKey("sub2", at("2026-10-05"), "minutes"),
    "another second": UsageKey("sub", at("2026-10-05T00:00:01"), "minutes"),
    "an event": UsageKey("sub", at("2026-10-05"), "minutes", "e1"),
    "another event": UsageKey("sub", at("2026-10-05"), "minutes", "e2"),
    "all that an id may hold": UsageKey("a#b~c%7E d", at("2099-12-31T23:59:59"), "l#i~n %e", "#~%"),
    "long": UsageKey("s" * 100, at("2000-01-01"), "l" * 100, "e" * 100),
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_an_id_is_read_back_as_the_usage_it_names(key: UsageKey) -> None:
    text = usage_id(key)

    assert key_from_usage_id(key.subscription_id, text) == key
    assert date_of_usage_id(text) == key.at
    assert is_of_subscription(key.subscription_id, text)


def test_an_id_is_of_one_subscription_only() -> None:
    assert len({usage_id(key) for key in KEYS.values()}) == len(KEYS)
    text = usage_id(KEYS["plain"])
    assert key_from_usage_id("sub2", text) is None
    assert not is_of_subscription("sub2", text)


def _packed(raw: bytes) -> str:
    return "usage_" + urlsafe_b64encode(raw).decode().rstrip("=")


PLAIN = usage_id(KEYS["plain"])
RAW = bytes(5) + b"12345678"


@pytest.mark.parametrize(
    "text",
    [
        *("", "usage_", "usage", "usage_x", "usage_%%%%", "usage_é", "u1", PLAIN + "=", PLAIN[:-1]),
        *(PLAIN + "\n", PLAIN.upper(), PLAIN.removeprefix("usage_"), _packed(RAW)),
        _packed(b"\xff" * 5 + usage_id(KEYS["plain"]).encode()),
    ],
)
def test_what_is_no_id_of_ours_is_none(text: str) -> None:
    assert key_from_usage_id("sub", text) is None
    assert not is_of_subscription("sub", text) or date_of_usage_id(text) is not None


def test_a_date_beyond_all_is_none() -> None:
    assert date_of_usage_id(_packed(b"\xff" * 5 + b"12345678line")) is None
    assert date_of_usage_id("u1") is None


@pytest.mark.parametrize("length", [1, 2, 40, 52, 53, 54, 57, 58, 99, 100])
def test_lines_that_this_door_makes_have_usages_with_short_ids(length: int) -> None:
    item_price_id = "p" * length
    line_id = short_line_id(item_price_id)

    names = {line_id} if line_id else {item_price_id, *_further(item_price_id)}
    for name in names:
        assert len(usage_id(UsageKey("s" * 50, at("2026-10-05"), name))) <= ID_LENGTH_MAX
    assert (line_id is None) == (length <= 53)


def test_the_longest_line_that_has_short_ids_is_known() -> None:
    lengths = [
        len(usage_id(UsageKey("sub", at("2099-10-05"), "l" * n)))
        for n in (LINE_ID_MAX, LINE_ID_MAX + 1)
    ]

    assert lengths[0] <= ID_LENGTH_MAX < lengths[1]


def test_two_long_prices_have_two_lines() -> None:
    assert short_line_id("p" * 99 + "a") != short_line_id("p" * 99 + "b")


def _further(item_price_id: str) -> set[str]:
    last = [f"{item_price_id}.{n}" for n in range(2, ENTRIES_MAX)]
    return {default_line_id(item_price_id, [item_price_id, *last])}
