"""What a door keeps with a thing comes back as it was, up to a limit, as one text."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpaid.domain.annotations import (
    CATALOG_BYTES_MAX,
    SUBSCRIPTION_BYTES_MAX,
    annotations_from_text,
    annotations_text,
)
from postpaid.domain.errors import Invalid, LimitExceeded
from tests.support.samples import a_customer, a_subscription

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
numbers = st.integers() | st.decimals(allow_nan=False, allow_infinity=False, places=3)
plain = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(texts, plain, max_size=4))
def test_annotations_come_back_as_they_were(given_: dict[str, Any]) -> None:
    text = annotations_text(given_, 100_000)

    assert annotations_from_text(text) == given_
    assert annotations_text(annotations_from_text(text), 100_000) == text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": {"c": 1, "b": 2}}, {"a": {"b": 2, "c": 1}}),
        ({"a": [1]}, {"a": (1,)}),
    ],
)
def test_the_order_of_names_says_nothing(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert annotations_text(one, 100) == annotations_text(other, 100)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": True}),
        ({"a": 0}, {"a": False}),
        ({"a": "1"}, {"a": 1}),
        ({"a": 1}, {"a": Decimal("1.0")}),
        ({"a": None}, {}),
        ({"a": [1, 2]}, {"a": [2, 1]}),
    ],
)
def test_what_differs_in_kind_is_different(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert annotations_text(one, 100) != annotations_text(other, 100)


def test_none_are_no_text() -> None:
    assert annotations_text({}, 0) == ""
    assert annotations_from_text("") == {}
    assert a_customer().annotations == {}
    assert a_subscription().annotations == {}


def test_things_show_what_is_kept_with_them() -> None:
    kept = {"crm": {"id": 41, "rate": Decimal("0.10"), "tags": ["a", None]}}
    text = annotations_text(kept, 100)

    assert a_customer(annotations_text=text).annotations == kept
    assert a_subscription(annotations_text=text).annotations == kept


def test_the_limit_counts_bytes() -> None:
    annotations_text({"a": "é" * 10}, 28)

    with pytest.raises(LimitExceeded) as refusal:
        annotations_text({"a": "é" * 10}, 27)

    assert (refusal.value.code, refusal.value.field) == ("limit_exceeded", "annotations")
    assert (CATALOG_BYTES_MAX, SUBSCRIPTION_BYTES_MAX) == (8192, 2048)


DEEP: list[Any] = []
for _ in range(100_000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(1.5, id="float"),
        pytest.param({1: 2}, id="a number for a name"),
        pytest.param({"a"}, id="set"),
        pytest.param(b"a", id="bytes"),
        pytest.param(Decimal("NaN"), id="NaN"),
        pytest.param(Decimal("Infinity"), id="Infinity"),
        pytest.param("\ud800", id="half a character"),
        pytest.param(DEEP, id="deep"),
    ],
)
def test_what_is_no_json_is_refused(value: object) -> None:
    with pytest.raises(Invalid) as refusal:
        annotations_text({"a": value}, 10_000_000, "metadata")

    assert (refusal.value.code, refusal.value.field) == ("invalid_field", "metadata")
