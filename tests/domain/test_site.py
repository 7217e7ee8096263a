"""A site's policy and clock."""

import pytest

from postpaid.domain.errors import Invalid
from postpaid.domain.site import (
    AFTER_HOURS_MAX,
    DEFAULT_CLOSING,
    ClosingMode,
    ClosingPolicy,
    Scope,
)
from tests.support.samples import a_site


@pytest.mark.parametrize("mode", ClosingMode)
@pytest.mark.parametrize("hours", [0, 1, 24, AFTER_HOURS_MAX])
def test_a_closing_policy_waits_up_to_fifty_days(mode: ClosingMode, hours: int) -> None:
    assert ClosingPolicy(mode, hours).after_hours == hours


@pytest.mark.parametrize("mode", ClosingMode)
@pytest.mark.parametrize("hours", [-1, AFTER_HOURS_MAX + 1, 10**9])
def test_a_closing_policy_waits_no_longer(mode: ClosingMode, hours: int) -> None:
    with pytest.raises(Invalid) as refusal:
        ClosingPolicy(mode, hours)

    assert (refusal.value.code, refusal.value.field) == ("invalid_field", "closing.after_hours")


def test_invoices_close_by_themselves_unless_told_otherwise() -> None:
    assert AFTER_HOURS_MAX == 50 * 24
    assert ClosingPolicy(ClosingMode.AUTO).after_hours == 0
    assert ClosingPolicy(ClosingMode.AUTO, after_hours=1) == DEFAULT_CLOSING == a_site().closing


def test_invoices_are_numbered_alike_unless_told_otherwise() -> None:
    assert a_site().number_prefix == "INV-"


def test_only_a_test_site_has_a_clock_of_its_own() -> None:
    assert a_site(test=True, clock_offset_seconds=-3600).clock_offset_seconds == -3600
    assert a_site(test=False).clock_offset_seconds == 0
    with pytest.raises(AssertionError):
        a_site(test=False, clock_offset_seconds=1)


def test_a_fresh_generation_is_another_scope() -> None:
    assert Scope("acme") == Scope("acme", 1)
    assert len({Scope("acme"), Scope("acme", 2), Scope("bcme")}) == 3
