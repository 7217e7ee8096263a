"""What may be metered."""

from typing import Any

import pytest

from postpaid.domain.catalog import Item, ItemType
from postpaid.domain.errors import Invalid
from postpaid.domain.usage import Recording
from tests.support.samples import at

PLAN, ADDON, CHARGE = ItemType
DATE, EVENTS = Recording

KINDS = [
    (PLAN, True, DATE, None),
    (PLAN, True, EVENTS, None),
    (PLAN, False, DATE, None),
    (PLAN, False, EVENTS, "recording"),
    (ADDON, True, DATE, None),
    (ADDON, True, EVENTS, None),
    (ADDON, False, DATE, None),
    (ADDON, False, EVENTS, "recording"),
    (CHARGE, True, DATE, "metered"),
    (CHARGE, True, EVENTS, "metered"),
    (CHARGE, False, DATE, None),
    (CHARGE, False, EVENTS, "recording"),
]


@pytest.mark.parametrize(("kind", "metered", "recording", "field"), KINDS)
def test_only_plans_and_addons_are_metered_and_only_these_record_events(
    kind: ItemType, metered: bool, recording: Recording, field: str | None
) -> None:
    facts: dict[str, Any] = {"type": kind, "metered": metered, "recording": recording}

    if field is None:
        assert _item(**facts).type is kind
    else:
        with pytest.raises(Invalid) as refusal:
            _item(**facts)
        assert (refusal.value.code, refusal.value.field) == ("invalid_field", field)


def _item(**facts: Any) -> Item:
    return Item(
        id="voice", number=1, name="Voice", unit="minute", created_at=at("2026-10-01"), **facts
    )
