"""Words that are stored, or that clients read: they never change, and none is taken away."""

from enum import StrEnum

import pytest

from postpaid.domain.api_key import KeyScope
from postpaid.domain.catalog import ItemType
from postpaid.domain.invoice import InvoiceStatus, LineKind, PaymentState, RenderState
from postpaid.domain.site import ClosingMode, LatePolicy
from postpaid.domain.subscription import SubscriptionState
from postpaid.domain.term import BillingState, TermStatus
from postpaid.domain.usage import Recording, UsageSource

# A new word is added here; one that stands here was stored by somebody.
WORDS: list[tuple[type[StrEnum], str]] = [
    (BillingState, "on_time pending late"),
    (ClosingMode, "auto manual"),
    (InvoiceStatus, "PENDING ISSUED SKIPPED DELETED VOIDED"),
    (ItemType, "plan addon charge"),
    (KeyScope, "usage:write usage:read read invoice:close admin"),
    (LineKind, "base_fee usage recurring credit supplement one_time setup"),
    (LatePolicy, "supplement refuse store_only"),
    (PaymentState, "due part_paid paid"),
    (Recording, "one_per_date events"),
    (RenderState, "PENDING DONE FAILED"),
    (SubscriptionState, "future in_trial active non_renewing suspended ended"),
    (TermStatus, "OPEN GRACE CLOSING FROZEN"),
    (UsageSource, "api usage_url"),
]


@pytest.mark.parametrize(("kind", "words"), WORDS)
def test_a_stored_word_never_changes(kind: type[StrEnum], words: str) -> None:
    assert [word.value for word in kind] == words.split()
    assert [word.name for word in kind] == [
        word.upper().replace(":", "_") for word in words.split()
    ]
