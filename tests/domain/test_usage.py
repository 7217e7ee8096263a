"""When two usages are the same fact."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from postpaid.domain.usage import NOTE_LENGTH_MAX, UsageKey, UsageSource
from tests.support.samples import a_usage, at

SAME: list[dict[str, Any]] = [
    {},
    {"quantity": Decimal("361.0")},
    {"quantity": Decimal("3.61E+2")},
    {"recorded_at": at("2026-10-09")},
    {"version": 3},
    {"note": "by hand"},
    {"request": "another"},
    {"deleted": True},
    {"item_price_id": "minutes-2"},
    {"source": UsageSource.API},
]

OTHER: list[dict[str, Any]] = [
    {"quantity": Decimal(362)},
    {"quantity": Decimal("361.00000000000000000001")},
    {"key": UsageKey("sub-2", at("2026-10-05"), "minutes")},
    {"key": UsageKey("sub", at("2026-10-05T00:00:01"), "minutes")},
    {"key": UsageKey("sub", at("2026-10-05"), "texts")},
    {"key": UsageKey("sub", at("2026-10-05"), "minutes", "call-1")},
]


@pytest.mark.parametrize("changes", SAME, ids=str)
def test_a_repeat_says_the_same_fact(changes: dict[str, Any]) -> None:
    usage = a_usage(quantity="361")

    assert usage.same_fact(replace(usage, **changes))
    assert replace(usage, **changes).same_fact(usage)


@pytest.mark.parametrize("changes", OTHER, ids=str)
def test_another_identity_or_quantity_is_another_fact(changes: dict[str, Any]) -> None:
    usage = a_usage(quantity="361")

    assert not usage.same_fact(replace(usage, **changes))
    assert not replace(usage, **changes).same_fact(usage)


def test_a_new_usage_is_the_first_version_and_not_deleted() -> None:
    usage = a_usage()

    assert (usage.version, usage.deleted, usage.source) == (1, False, UsageSource.API)
    assert (usage.note, usage.request, usage.key.event_id) == (None, None, None)
    assert NOTE_LENGTH_MAX == 500
