"""Who signed a request: the key, the time and the nonce, in this order."""

import hashlib
import hmac
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from postpaid.application.authenticate_signed import (
    SKEW_MAX,
    Signed,
    UsedNonce,
    authenticate_signed,
)
from postpaid.domain.api_key import ApiKey, KeyPair, KeyScope
from postpaid.domain.errors import BillingError, Forbidden, Unauthenticated
from postpaid.domain.site import Scope

NOW = datetime(2026, 10, 5, 12, tzinfo=UTC)
SECRET = "s" * 43
KEY = ApiKey(
    id="abcdefghij012345",
    scope=Scope("acme"),
    test=False,
    digest="0" * 64,
    scopes=frozenset({KeyScope.USAGE_WRITE}),
    label="signs",
    created_at=NOW,
)
OTHER = replace(KEY, id="zzzzzzzzzzzzzzzz", scope=Scope("other"))


@dataclass
class Known:
    """Keys, the secrets of their sites, and the nonces that were used."""

    keys: dict[str, ApiKey] = field(default_factory=lambda: {KEY.id: KEY, OTHER.id: OTHER})
    secrets: dict[str, str] = field(default_factory=lambda: {"acme": SECRET})
    used: list[UsedNonce] = field(default_factory=list)

    def get(self, name: str) -> Any:
        """Read a key or a secret."""
        return self.keys.get(name) or self.secrets.get(name)

    def use(self, nonce: UsedNonce, now: datetime) -> bool:
        """Remember a nonce."""
        assert now == NOW
        known = [each.digest for each in self.used]
        self.used.append(nonce)
        return nonce.digest not in known

    def admit(self, signed: Signed, needed: KeyScope = KeyScope.USAGE_WRITE) -> ApiKey:
        """Ask who signed."""
        return authenticate_signed(
            signed, needed, api_keys=self, secrets=self, nonces=self, now=NOW
        )


def signed(at: datetime = NOW, message: bytes = b"message", **changes: Any) -> Signed:
    private = KeyPair.of(KEY, SECRET).private
    return Signed(
        **{
            "public": KEY.id,
            "nonce": "nonce",
            "timestamp": int(at.timestamp()),
            "signature": hmac.new(private.encode(), message, hashlib.sha256).hexdigest(),
            "messages": (b"another", message),
            "run": "run",
            **changes,
        }
    )


def test_who_signed_is_known() -> None:
    known = Known()

    assert known.admit(signed()) == KEY

    [nonce] = known.used
    assert (nonce.scope, nonce.run, nonce.until) == (KEY.scope, "run", NOW + SKEW_MAX)


@pytest.mark.parametrize("seconds", [-900, 0, 900])
def test_clocks_may_differ_and_the_nonce_is_kept_as_long(seconds: int) -> None:
    known, at = Known(), NOW + timedelta(seconds=seconds)

    known.admit(signed(at))

    assert known.used[0].until == at + SKEW_MAX


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"public": "y" * 16}, "a valid signature"),
    ({"public": "acme"}, "a valid signature"),
    ({"public": OTHER.id}, "a valid signature"),
    ({"signature": "0" * 64}, "a valid signature"),
    ({"signature": ""}, "a valid signature"),
    ({"messages": (b"another",)}, "a valid signature"),
    ({"messages": ()}, "a valid signature"),
    ({"at": NOW - timedelta(seconds=901)}, "co_timestamp is more than 15 minutes"),
    ({"at": NOW + timedelta(seconds=901)}, "co_timestamp is more than 15 minutes"),
    ({"timestamp": 99999999999}, "co_timestamp is more than 15 minutes"),
    ({"timestamp": 0}, "co_timestamp is more than 15 minutes"),
]


@pytest.mark.parametrize(("change", "message"), WRONG, ids=[str(row[0]) for row in WRONG])
def test_what_is_wrong_writes_nothing(change: dict[str, Any], message: str) -> None:
    known = Known()

    with pytest.raises(Unauthenticated, match=message):
        known.admit(signed(**change))

    assert known.used == []


def test_a_revoked_key_and_a_site_without_a_secret_admit_nobody() -> None:
    for known in (Known(keys={KEY.id: replace(KEY, revoked_at=NOW)}), Known(secrets={})):
        with pytest.raises(Unauthenticated, match="a valid signature"):
            known.admit(signed())
        assert known.used == []


def test_a_scope_that_is_missing_is_said_before_a_nonce_is_used() -> None:
    known = Known()

    with pytest.raises(Forbidden):
        known.admit(signed(), KeyScope.ADMIN)

    assert known.used == []


def test_a_nonce_is_good_once_for_a_key_and_a_time() -> None:
    known = Known()
    known.admit(signed())

    with pytest.raises(Unauthenticated, match="co_nonce was used"):
        known.admit(signed())
    known.admit(signed(nonce="another"))
    known.admit(signed(NOW - timedelta(seconds=1)))


def test_all_that_may_have_been_signed_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long it takes does not say which one it was."""
    compared: list[bytes] = []
    compare = hmac.compare_digest

    def noted(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", noted)

    Known().admit(signed(messages=(b"message", b"another")))

    assert len(compared) == 2


def test_the_private_key_is_in_no_refusal() -> None:
    private = KeyPair.of(KEY, SECRET).private
    for change, _ in WRONG:
        with pytest.raises(BillingError) as refused:
            Known().admit(signed(**change))
        assert private not in str(refused.value)
