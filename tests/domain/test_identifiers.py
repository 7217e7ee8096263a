"""Ids that clients choose."""

import string
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpaid.domain.errors import Invalid
from postpaid.domain.identifiers import ID_LENGTH_MAX, check_id

PRINTABLE = frozenset(string.ascii_letters + string.digits + string.punctuation + " ") - {"/"}

IDS = [
    *("a", "Z", "0", "-", "_", "~", "#", "%", "!", "\\", "...", ".a", "a.", "-1", "null", "true"),
    *("voice-minutes", "VOICE_minutes.EUR-2026", "a b", "a  b", "a#b", "a~1", "a%b", "a%23b"),
    *("%2F", "%2e%2e", "%00", "..%2f..", "../".strip("/") + "x", "a\\..\\b", "a:b", "a?b=c&d"),
    *("user@example.com", "{}", "{0}", "$(id)", "`id`", "'; DROP TABLE x; --", "<b>", '"', "=1+1"),
    *("__proto__", "constructor", "META", "TERM#2026-10-01T00:00:00Z", "x" * ID_LENGTH_MAX),
    *("#" * ID_LENGTH_MAX, "a" + " " * (ID_LENGTH_MAX - 2) + "b"),
]

NO_IDS: list[object] = [
    *("", " ", "  ", ".", "..", "/", "a/b", "/a", "a/", "../a", "a/../b", "//"),
    *(" a", "a ", " a ", "x" * (ID_LENGTH_MAX + 1), "x" * 100_000),
    *("a\n", "\na", "a\nb", "a\r", "a\t", "\x00", "a\x00", "a\x1f", "a\x7f", "a\x80", "a\u00a0"),
    *("\u00e9", "e\u0301", "\u0430", "\uff41", "\u2044", "\u2215", "\u202ea", "a\u200b", "\ufeffa"),
    *("\U0001f600", "\ud800", "a\udfff"),
    *(None, True, 0, 1, 1.5, b"a", ["a"], {"a": 1}, ("a",)),
]


@pytest.mark.parametrize("value", IDS, ids=lambda value: value[:40])
def test_an_id_is_taken_as_it_is(value: str) -> None:
    assert check_id(value, "id") == value


@pytest.mark.parametrize("value", NO_IDS, ids=lambda value: ascii(value)[:40])
def test_what_is_no_id_is_refused(value: object) -> None:
    with pytest.raises(Invalid) as refusal:
        check_id(value, "lines[0].id")

    assert (refusal.value.code, refusal.value.field) == ("invalid_field", "lines[0].id")


def test_printable_ascii_without_the_slash_is_for_ids_and_no_other_character_is() -> None:
    taken = set()
    for character in map(chr, range(0x300)):
        with suppress(Invalid):
            taken |= set(check_id(f"a{character}b", "id"))

    assert taken == PRINTABLE
    assert ID_LENGTH_MAX == 100


@given(st.text(max_size=ID_LENGTH_MAX + 3) | st.text("a .~#%/", max_size=ID_LENGTH_MAX + 3))
def test_an_id_is_taken_or_refused_and_nothing_else(value: str) -> None:
    fits = 1 <= len(value) <= ID_LENGTH_MAX and set(value) <= PRINTABLE
    if fits and value.strip(" ") == value and value not in {".", ".."}:
        assert check_id(value, "id") == value
    else:
        with pytest.raises(Invalid):
            check_id(value, "id")
