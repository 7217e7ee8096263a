"""Find out who signed a request, and whether they may: the private key itself is never sent.

A signature is over the URL and the body, a time and a nonce. So nobody can change what was signed;
and whoever gets hold of a signed request cannot send it again: its time is over after a quarter of
an hour, and until then its nonce is remembered.

    wrong signature       nothing is written: only who has the private key makes us remember
    crash after the note  the request was not acted on; the client signs anew, with another nonce
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from postpaid.application.authenticate import ApiKeys, Secrets, allowed
from postpaid.domain.api_key import PUBLIC, ApiKey, KeyPair, KeyScope
from postpaid.domain.errors import Unauthenticated
from postpaid.domain.site import Scope

SKEW_MAX = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A signed request; *messages* are what may have been signed, of which one must have been.

    *timestamp* is in seconds since 1970. *run* names this request among all that are sent.
    """

    public: str
    nonce: str
    timestamp: int
    signature: str
    messages: tuple[bytes, ...]
    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedNonce:
    """That a key's nonce came at a time; *digest* is of the three, *run* who used it.

    It is remembered *until* the time is over.
    """

    scope: Scope
    digest: str
    run: str
    until: datetime


class Nonces(Protocol):
    """The nonces that were used lately."""

    def use(self, nonce: UsedNonce, now: datetime) -> bool:
        """Remember a nonce; false if another run used it and its time is not over."""
        ...


def authenticate_signed(
    signed: Signed,
    needed: KeyScope | None,
    *,
    api_keys: ApiKeys,
    secrets: Secrets,
    nonces: Nonces,
    now: datetime,
) -> ApiKey:
    """Return the key that a request is signed with, if it is good and has the scope, if any.

    *now* is the real time, whatever clock the site has. Raises `Unauthenticated` for an unknown or
    revoked key and for a wrong signature, always with the same words; for a time that is more than
    15 minutes away; for a nonce that was used. `Forbidden` if the scope is missing.
    """
    key = api_keys.get(signed.public) if PUBLIC.fullmatch(signed.public) else None
    secret = None if key is None else secrets.get(key.scope.site)
    if (
        key is None
        or secret is None
        or key.revoked_at is not None
        or not _is_signed(signed, KeyPair.of(key, secret))
    ):
        raise Unauthenticated("unauthenticated", "a valid signature is required")
    at = datetime.fromtimestamp(signed.timestamp, UTC)
    if not now - SKEW_MAX <= at <= now + SKEW_MAX:
        minutes = int(SKEW_MAX.total_seconds()) // 60
        raise Unauthenticated(
            "unauthenticated", f"co_timestamp is more than {minutes} minutes from the time here"
        )
    if needed is not None:
        allowed(key, needed)
    text = f"{signed.public}#{signed.timestamp}#{signed.nonce}"
    nonce = UsedNonce(
        scope=key.scope,
        digest=hashlib.sha256(text.encode()).hexdigest()[:32],
        run=signed.run,
        until=at + SKEW_MAX,
    )
    if not nonces.use(nonce, now):
        raise Unauthenticated("unauthenticated", "co_nonce was used: sign each request anew")
    return key


def _is_signed(signed: Signed, pair: KeyPair) -> bool:
    found = [pair.signed(message, signed.signature) for message in signed.messages]
    return any(found)
