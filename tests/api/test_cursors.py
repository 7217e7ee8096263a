"""Cursors: back to the same place of the same list, and to nothing else."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpaid.api.cursors import (
    CURSOR_LENGTH_MAX,
    PAGE_DEFAULT,
    PAGE_MAX,
    check_instant,
    cursor_text,
    page_size,
    read_cursor,
)
from postpaid.domain.errors import Malformed
from postpaid.domain.identifiers import ID_LENGTH_MAX
from postpaid.domain.instants import instant_text
from postpaid.domain.site import Scope
from postpaid.domain.usage import UsageKey
from postpaid.store import keys
from tests.support.laws import instants
from tests.support.samples import OCTOBER, SCOPE

LISTING = "subscriptions/sub/usages"
FILTERS = {"start": "2026-10-01", "line_id": "minutes"}
PLACE = ["2026-10-05T00:00:00Z#minutes"]
CURSOR = cursor_text(PLACE, SCOPE, LISTING, FILTERS)


def _read(cursor: str, **changes: Any) -> list[str] | None:
    facts = {"scope": SCOPE, "listing": LISTING, "query": FILTERS, "parts": 1, **changes}
    query = {**facts.pop("query"), "cursor": cursor}
    return read_cursor(facts.pop("scope"), facts.pop("listing"), query, **facts)


def _refused(cursor: str, **changes: Any) -> None:
    with pytest.raises(Malformed) as refusal:
        _read(cursor, **changes)
    assert (refusal.value.code, refusal.value.field) == ("invalid_cursor", "cursor")


def _packed(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _unpacked() -> list[str]:
    value = json.loads(urlsafe_b64decode(CURSOR + "=" * (-len(CURSOR) % 4)))
    assert isinstance(value, list)
    return value


def test_a_cursor_leads_back_to_its_place() -> None:
    assert _read(CURSOR) == PLACE
    assert read_cursor(SCOPE, LISTING, FILTERS, parts=1) is None


ascii_texts = st.text([chr(code) for code in range(0x20, 0x7F)], max_size=40)


@given(st.lists(ascii_texts, max_size=4), st.dictionaries(st.text(max_size=5), st.text(max_size=5)))
def test_every_place_survives_its_cursor(place: list[str], filters: dict[str, str]) -> None:
    query = {name: value for name, value in filters.items() if name not in {"cursor", "limit"}}

    cursor = cursor_text(place, SCOPE, LISTING, query)

    assert _read(cursor, query=query, parts=len(place)) == place
    assert cursor.isascii()
    assert cursor.replace("-", "").replace("_", "").isalnum()


def test_the_size_of_a_page_may_change_on_the_way() -> None:
    assert _read(CURSOR, query={**FILTERS, "limit": "7"}) == PLACE
    assert cursor_text(PLACE, SCOPE, LISTING, {**FILTERS, "limit": "7", "cursor": "x"}) == CURSOR


@pytest.mark.parametrize(
    "changes",
    [
        {"scope": Scope("bcme")},
        {"scope": Scope("acme", 2)},
        {"listing": "subscriptions/other/usages"},
        {"listing": "invoices"},
        {"query": {}},
        {"query": {"start": "2026-10-01"}},
        {"query": {**FILTERS, "start": "2026-10-02"}},
        {"query": {**FILTERS, "end": "2026-11-01"}},
        {"query": {"start": "minutes", "line_id": "2026-10-01"}},
        {"parts": 0},
        {"parts": 2},
    ],
    ids=str,
)
def test_a_cursor_of_another_list_is_refused(changes: dict[str, Any]) -> None:
    _refused(CURSOR, **changes)


@pytest.mark.parametrize(
    "place",
    [
        [],
        [*PLACE, "more"],
        ["2026-10-06T00:00:00Z#minutes"],
        ["\ud800"],
        ["\u00e9"],
        [1],
        [None],
        [["x"]],
        [{}],
    ],
    ids=ascii,
)
def test_another_place_under_the_same_binding_is_refused(place: list[Any]) -> None:
    binding = _unpacked()[0]

    _refused(_packed([binding, *place]))
    _refused(_packed([binding, *place]), parts=len(place))


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        " ",
        "A",
        "AA",
        "AAAA",
        "x",
        "null",
        "\u00e9",
        "\ud800",
        "\x00",
        "=",
        "====",
        "../../etc/passwd",
        CURSOR[1:],
        CURSOR[:-1],
        CURSOR[::-1],
        CURSOR.swapcase(),
        CURSOR * 2,
        CURSOR + CURSOR[:4],
        "A" * CURSOR_LENGTH_MAX,
        "A" * 100_000,
        _packed(None),
        _packed(1),
        _packed("x"),
        _packed({}),
        _packed({"0": "x"}),
        _packed([]),
        _packed([None]),
        _packed([1, 2]),
        _packed(PLACE),
        _packed(["0" * 16, *PLACE]),
        _packed([None, *PLACE]),
        urlsafe_b64encode(b"[" * 800).decode(),
        urlsafe_b64encode(b"\xff\xfe").decode(),
        urlsafe_b64encode(b"1" * 800).decode(),
    ],
    ids=lambda cursor: ascii(cursor)[:50],
)
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    _refused(cursor)
    for parts in (0, 2):
        _refused(cursor, parts=parts)


@pytest.mark.parametrize("place", range(len(CURSOR)))
def test_an_altered_cursor_is_refused(place: int) -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

    for other in set(letters) - {CURSOR[place]}:
        altered = CURSOR[:place] + other + CURSOR[place + 1 :]
        # The last letter holds two bits that no byte needs: that is the same text, spelled oddly.
        if place < len(CURSOR) - 1:
            _refused(altered)


@given(st.text(max_size=80))
def test_a_cursor_is_refused_in_one_way_only(cursor: str) -> None:
    _refused(cursor)


def test_a_place_is_checked_by_the_list_that_reads_it() -> None:
    seen: list[tuple[str, ...]] = []

    def refuse(*parts: str) -> None:
        seen.append(parts)
        raise ValueError(parts)

    assert _read(CURSOR, check=lambda *parts: seen.append(parts)) == PLACE
    _refused(CURSOR, check=refuse)
    assert seen == [tuple(PLACE), tuple(PLACE)]


@given(instants)
def test_a_part_may_have_to_be_an_instant(instant: datetime) -> None:
    check_instant(instant_text(instant))

    for text in (instant.isoformat(), f"{instant_text(instant)} ", instant_text(instant)[1:], ""):
        with pytest.raises(ValueError, match=r"."):
            check_instant(text or "nothing")


def test_the_longest_place_has_a_cursor() -> None:
    longest = "#" * ID_LENGTH_MAX
    usage = keys.usage_id(UsageKey(longest, OCTOBER.start, longest, longest))
    created = f"{instant_text(OCTOBER.start)}#" + '"' * ID_LENGTH_MAX

    for place in ([usage], [created], ["\\" * ID_LENGTH_MAX, instant_text(OCTOBER.start)]):
        cursor = cursor_text(place, SCOPE, LISTING, FILTERS)
        assert len(cursor) <= CURSOR_LENGTH_MAX
        assert _read(cursor, parts=len(place)) == place


# --- the size of a page


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, PAGE_DEFAULT),
        ({"limit": "1"}, 1),
        ({"limit": "50"}, 50),
        ({"limit": "100"}, PAGE_MAX),
        ({"limit": "007"}, 7),
    ],
)
def test_a_page_holds_one_to_a_hundred(query: dict[str, str], expected: int) -> None:
    assert page_size(query) == expected
    assert (PAGE_DEFAULT, PAGE_MAX) == (50, 100)


@pytest.mark.parametrize(
    "limit",
    [
        *("", " ", "0", "00", "-1", "+1", "101", "1000", "1.0", "1e1", "0x10", "1_0", " 1", "1 "),
        *("1\n", "ten", "\u0661", "\uff11", "\u00b2", "null", "1,2", "999999999", "9999999999"),
        *("0000000019999", "000000001" + "0" * 5_000, "9" * 5_000, "1" * 1_000_000),
    ],
    ids=lambda limit: ascii(limit)[:30],
)
def test_another_size_of_page_is_refused(limit: str) -> None:
    with pytest.raises(Malformed) as refusal:
        page_size({"limit": limit})

    assert (refusal.value.code, refusal.value.field) == ("malformed_request", "limit")
