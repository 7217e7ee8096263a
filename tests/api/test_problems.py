"""Refusals as the native door tells them."""

import pytest

from postpaid.api.native.errors import PROBLEMS, problem

# What passes by itself: the same request is to be sent again.
_PASSES = {"pdf_not_ready", "request_in_progress", "temporarily_unavailable"}


@pytest.mark.parametrize("code", PROBLEMS)
def test_a_refusal_that_passes_by_itself_says_when_to_come_again(code: str) -> None:
    response = problem(code, "why", request_id="r")

    assert ("retry-after" in response.headers) == (code in _PASSES)
