"""API keys: their form, their scopes and how a shown key is checked against its digest.

`pp_<live|test>_<id>_<secret>_<checksum>`: the prefix lets secret scanners find a leaked key, the id
is what it is looked up by, the checksum turns a typing error away without a read.

Each key is also a pair, for clients that know a public and a private key (ChargeOver): the public
one is its id, the private one is derived from it and a secret of the site, because a signature
(version 1) can only be checked by who has the private key in clear.

From the same secret comes what usage URLs know our questions by.
"""

import hashlib
import hmac
import re
import zlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from postpaid.domain.site import Scope

PREFIX = "pp"
PRIVATE_LENGTH = 32
_TOKEN_LENGTH = 32
PUBLIC = re.compile(r"[0-9a-z]{16}")
# No key's id has a colon, so no private key is derived from the same words.
_USAGE_URL_WORDS = b"security_token:usage_url"
_FORM = re.compile(r"pp_(live|test)_([0-9a-z]{16})_([0-9A-Za-z]{43})_([0-9a-f]{8})")


class KeyScope(StrEnum):
    """What a key may do; `admin` includes the others."""

    USAGE_WRITE = "usage:write"
    USAGE_READ = "usage:read"
    READ = "read"
    INVOICE_CLOSE = "invoice:close"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """What is stored of a key: the secret's SHA-256, never the secret (it has 256 random bits)."""

    id: str
    scope: Scope
    test: bool
    digest: str
    scopes: frozenset[KeyScope]
    label: str
    created_at: datetime
    revoked_at: datetime | None = None

    def allows(self, needed: KeyScope) -> bool:
        """Tell whether the key has a scope."""
        return needed in self.scopes or KeyScope.ADMIN in self.scopes

    def matches(self, shown: "ShownKey") -> bool:
        """Tell whether a shown key is this one and is not revoked; in constant time."""
        same = hmac.compare_digest(self.digest.encode(), shown.digest.encode())
        return same and self.test == shown.test and self.revoked_at is None


@dataclass(frozen=True, slots=True)
class ShownKey:
    """A key as a client shows it, well formed and with the right checksum."""

    id: str
    test: bool
    digest: str


def read_key(text: str) -> ShownKey | None:
    """Read a shown key; None if it cannot be one of ours."""
    form = _FORM.fullmatch(text)
    if form is None:
        return None
    mode, key_id, secret, checksum = form.groups()
    if checksum != _checksum(mode, key_id, secret):
        return None
    return ShownKey(key_id, mode == "test", secret_digest(secret))


def key_text(*, test: bool, key_id: str, secret: str) -> str:
    """Write a key in full, as it is shown once."""
    mode = "test" if test else "live"
    text = f"{PREFIX}_{mode}_{key_id}_{secret}_{_checksum(mode, key_id, secret)}"
    assert _FORM.fullmatch(text)
    return text


def secret_digest(secret: str) -> str:
    """Return the digest of a secret that is stored in its place."""
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A key as a public and a private part; the private one has 32 hexadecimal digits."""

    public: str
    private: str = field(repr=False)

    @classmethod
    def of(cls, key: ApiKey, site_secret: str) -> "KeyPair":
        """Derive the pair of a key."""
        digest = hmac.new(site_secret.encode(), key.id.encode(), hashlib.sha256)
        return cls(key.id, digest.hexdigest()[:PRIVATE_LENGTH])

    def signed(self, message: bytes, signature: str) -> bool:
        """Tell whether a signature is a message's HMAC-SHA256 in hexadecimal; in constant time."""
        own = hmac.new(self.private.encode(), message, hashlib.sha256).hexdigest()
        return hmac.compare_digest(own.encode(), signature.lower().encode())

    def same(self, public: str, private: str) -> bool:
        """Tell whether these are its two parts; in constant time."""
        is_same = hmac.compare_digest(self.private.encode(), private.encode())
        return is_same and self.public == public


def usage_url_token(site_secret: str) -> str:
    """Return what a site's usage URLs know its questions by; it has 32 hexadecimal digits.

    It is one for all URLs of a site, and tells nothing of the secret or of a private key.
    """
    digest = hmac.new(site_secret.encode(), _USAGE_URL_WORDS, hashlib.sha256)
    return digest.hexdigest()[:_TOKEN_LENGTH]


def _checksum(mode: str, key_id: str, secret: str) -> str:
    return f"{zlib.crc32(f'{PREFIX}_{mode}_{key_id}_{secret}'.encode()):08x}"
