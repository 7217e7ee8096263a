"""Refusals: what a caller is told."""

import pytest

from postpaid.domain.errors import (
    BillingError,
    Conflict,
    Forbidden,
    Invalid,
    LimitExceeded,
    Malformed,
    NotFound,
    Unauthenticated,
)

KINDS = [Malformed, Invalid, Unauthenticated, Forbidden, NotFound, Conflict, LimitExceeded]


@pytest.mark.parametrize("kind", KINDS)
def test_a_refusal_says_code_message_field_and_details(kind: type[BillingError]) -> None:
    error = kind("a_code", "a sentence", field="lines[0].id", details={"line_ids": ["a"]})

    assert isinstance(error, BillingError)
    assert str(error) == error.message == "a sentence"
    assert (error.code, error.field, error.details) == (
        "a_code",
        "lines[0].id",
        {"line_ids": ["a"]},
    )


@pytest.mark.parametrize("kind", KINDS)
def test_field_and_details_are_for_those_who_have_them(kind: type[BillingError]) -> None:
    error = kind("a_code", "a sentence")

    assert error.field is None
    assert error.details == {}
    assert error.details is not kind("a_code", "a sentence").details


def test_every_kind_of_refusal_is_known_here() -> None:
    assert set(BillingError.__subclasses__()) == set(KINDS)
    assert not any(kind.__subclasses__() for kind in KINDS)
