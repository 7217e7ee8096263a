"""API keys: their form, their scopes and how a shown key is checked against its digest.

`pp_<live|test>_<id>_<secret>_<checksum>`: the prefix lets secret scanners find a leaked key, the id
is what it is looked up by, the checksum turns a typing error away without a read.
"""

import hashlib
import hmac
import re
import zlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from postpaid.domain.site import Scope

PREFIX = "pp"
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


def _checksum(mode: str, key_id: str, secret: str) -> str:
    return f"{zlib.crc32(f'{PREFIX}_{mode}_{key_id}_{secret}'.encode()):08x}"
