"""Guards without which nothing goes wrong, and why they are there all the same."""

_REFUSED = "the condition of the write that follows refuses what was read too early"

_POLICY = "a policy that changes while a term ends: tests/application/test_interleavings.py"
_UNPARK = "closing.StoredClosing.unpark:TransactWriteItems"
# tests/store/test_parking.py and tests/application/test_sync_invoice.py show what these refuse.
_NOTED = (
    "tests/store/test_terms.py; what is noted twice, late or over another note costs an ask more"
)
_DUE_AGAIN = "what is done and due again is found done by the next sweep, which takes it off"

SPARE: dict[str, str] = {
    f"{_UNPARK} invoice META OneOf parked": _DUE_AGAIN,
    f"{_UNPARK} invoice META OneOf status": _DUE_AGAIN,
    f"{_UNPARK} subscription TERM Absent due_at": _DUE_AGAIN,
    f"{_UNPARK} subscription TERM OneOf due_at": _DUE_AGAIN,
    f"{_UNPARK} subscription TERM OneOf run": _DUE_AGAIN,
    f"{_UNPARK} subscription TERM OneOf status": _DUE_AGAIN,
    "api_keys.StoredApiKeys.get:GetItem an old read": (
        "only a request to revoke reads it so; who asks with a key may see it a minute old"
    ),
    "api_keys.StoredApiKeys.of_site:Query an old read": "one key more than the bound does no harm",
    "api_keys.StoredApiKeys.revoke:UpdateItem KEY META Absent revoked_at": (
        "keeps the first of two times; here there is one clock"
    ),
    "api_keys.StoredApiKeys.revoke:UpdateItem KEY META OneOf digest": (
        "an update must not make a key that is not there, and none is ever removed"
    ),
    "closing.StoredClosing.next_serial:GetItem an old read": _REFUSED,
    "credits.StoredCredits.balance:GetItem an old read": _REFUSED,
    "customers.StoredCustomers.begun:GetItem an old read": _REFUSED,
    "due.StoredDue.begin:PutItem ~system META Absent pk": (
        "keeps a place that was reached; two first sites at once begin at the same hour"
    ),
    "due.StoredDue.place:GetItem an old read": "an older place is only a longer search",
    "manifests.StoredManifests.waiting:Query an old read": (
        "what a close misses gets an invoice of its own, what another took is refused to it"
    ),
    "payments.StoredPayments.get:GetItem an old read": _REFUSED,
    **dict.fromkeys(
        (
            "terms.StoredTerms.note_answered:UpdateItem subscription TERM Absent answered",
            "terms.StoredTerms.note_answered:UpdateItem subscription TERM OneOf status",
            "terms.StoredTerms.note_asked:UpdateItem subscription TERM Absent asked",
            "terms.StoredTerms.note_asked:UpdateItem subscription TERM OneOf status",
        ),
        _NOTED,
    ),
    "terms.StoredTerms.note_policy:UpdateItem subscription TERM OneOf status": _POLICY,
    "terms.StoredTerms.postpone:UpdateItem subscription TERM OneOf due_at": _DUE_AGAIN,
    "terms.StoredTerms.postpone:UpdateItem subscription TERM OneOf status": _DUE_AGAIN,
    "terms.StoredTerms.page:Query an old read": _POLICY,
    "usage.StoredUsagesOf.get:GetItem an old read": _REFUSED,
    "terms.StoredTerms.settle:UpdateItem subscription TERM OneOf status": (
        "a term that was read frozen is frozen for ever"
    ),
    "terms.StoredTerms.fence:UpdateItem:1 subscription TERM OneOf run": (
        "keeps a term that another run holds where it is on the list; a sweep would look once more"
    ),
    "terms.StoredTerms.fence:UpdateItem:1 subscription TERM OneOf status": (
        "keeps a frozen term off the list; a sweep would look once more"
    ),
}

# Writes whose conditions no two handlers here meet at, and what shows them.
UNMET: dict[str, str] = {
    "counters.StoredIds.number:UpdateItem": "has no condition: adding is atomic",
    "due.StoredDue.remember:UpdateItem": "two sweeps at other times: tests/store/test_due.py",
    "invoices.StoredInvoices.settle:UpdateItem": "tests/application/test_work_due.py",
    "nonces.StoredNonces.use:PutItem": "one nonce at once: tests/store/test_nonces.py",
    **dict.fromkeys(
        (
            "replies.StoredReplies.answer:UpdateItem",
            "replies.StoredReplies.claim:PutItem",
            "replies.StoredReplies.give_up:UpdateItem",
            "replies.StoredReplies.take_over:UpdateItem",
        ),
        "two requests under one key, in all orders: tests/simulation/test_replays.py",
    ),
    "site_secrets.StoredSiteSecrets.add:PutItem": (
        "another process made the secret first: tests/application/test_api_keys.py"
    ),
    "sites.StoredSites.begin_generation:TransactWriteItems": (
        "two who start afresh at once: tests/application/test_start_afresh.py"
    ),
    "travels.StoredTravels.note:PutItem": "two travels at once: tests/application/test_travel.py",
}
