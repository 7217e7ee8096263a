"""Signature version 1 of the ChargeOver door, as a client makes it: no code of the product."""

import hashlib
import hmac
import itertools
from dataclasses import dataclass, field
from datetime import datetime

from postpaid.domain.api_key import KeyPair

HOST = "https://abcdefghij.execute-api.us-east-1.amazonaws.com"
_HEAD = (
    'ChargeOver co_public_key="{public}" co_nonce="{nonce}" co_timestamp="{timestamp}" '
    'co_signature_method="HMAC-SHA256" co_version="1.0" co_signature="{signature}" '
)


# No two signers of a process use the same, whatever their keys are and the time is.
_nonces = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Signs requests with a pair of keys, each with a nonce of its own."""

    pair: KeyPair
    base: str = HOST
    made: list[str] = field(default_factory=list)

    def header(
        self,
        url: str,
        body: bytes = b"",
        *,
        at: datetime,
        nonce: str | None = None,
        private: str | None = None,
    ) -> str:
        """Return the header of a request, signed at a time."""
        self.made.append(url)
        nonce, timestamp = nonce or f"n{next(_nonces):07d}", str(int(at.timestamp()))
        text = f"{self.pair.public}||{url.lower()}||{nonce}||{timestamp}||".encode() + body
        digest = hmac.new((private or self.pair.private).encode(), text, hashlib.sha256)
        return _HEAD.format(
            public=self.pair.public,
            nonce=nonce,
            timestamp=timestamp,
            signature=digest.hexdigest(),
        )
