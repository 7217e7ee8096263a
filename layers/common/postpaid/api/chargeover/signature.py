"""Signature version 1, as the vendor's libraries make it. On the recording path.

`Authorization: ChargeOver co_public_key="…" co_nonce="…" co_timestamp="…"
co_signature_method="HMAC-SHA256" co_version="1.0" co_signature="…"`, over public key, URL in lower
case, nonce, timestamp and body, with `||` between them. The URL is the whole one that the client
sees, with scheme, host and query as they were sent.
"""

import re
from collections.abc import Iterator
from urllib.parse import quote

from postpaid.api.http import RawUrl, Request
from postpaid.application.authenticate_signed import Signed
from postpaid.domain.errors import Unauthenticated

_SCHEME = "chargeover"
_PART = re.compile(r'co_([a-z_]+)="([^"]*)"')
_TIMESTAMP = re.compile(r"[0-9]{1,11}")
_SIGNATURE = re.compile(r"[0-9A-Fa-f]{64}")
_METHOD, _VERSION = "HMAC-SHA256", "1.0"
_NONCE_LENGTH_MAX = 64
_NEEDED = ("public_key", "nonce", "timestamp", "signature_method", "version", "signature")
# What a client leaves as it is in a path, beside letters, digits and `_.-~` (RFC 3986 §3.3).
_PATH_SAFE = "/:@!$&'()*+,;=%"


def read_signed(request: Request, base_url: str = "") -> Signed | None:
    """Read a signed request; None if it is not signed. Raises `Unauthenticated`.

    *base_url* is another one that the client may have signed, where something stands between.
    """
    kind, _, rest = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != _SCHEME:
        return None
    parts = dict(_PART.findall(rest))
    for name in _NEEDED:
        if not parts.get(name):
            raise _unreadable(f"co_{name} is missing")
    if (parts["signature_method"], parts["version"]) != (_METHOD, _VERSION):
        raise _unreadable(f"signatures are {_METHOD}, version {_VERSION}")
    if not _TIMESTAMP.fullmatch(parts["timestamp"]):
        raise _unreadable("co_timestamp must be seconds since 1970")
    if not _SIGNATURE.fullmatch(parts["signature"]) or len(parts["nonce"]) > _NONCE_LENGTH_MAX:
        raise _unreadable("co_signature or co_nonce has another form")
    around = (parts["public_key"], parts["nonce"], parts["timestamp"])
    return Signed(
        public=parts["public_key"],
        nonce=parts["nonce"],
        timestamp=int(parts["timestamp"]),
        signature=parts["signature"],
        messages=tuple(
            _message(*around, url, request.body) for url in _urls(request.url, base_url)
        ),
        run=request.id,
    )


def _message(public: str, nonce: str, timestamp: str, url: str, body: bytes) -> bytes:
    head = (public.encode(), url.encode().lower(), nonce.encode(), timestamp.encode())
    return b"||".join([*head, body])


def _urls(url: RawUrl, base_url: str) -> Iterator[str]:
    """Yield what the URL may have been when the client signed it.

    The gateway decodes a path, so that it is tried as it came, and as clients write it: with those
    characters escaped that must be, or all that may be. Who stands before a local stack may not say
    which scheme the client used.
    """
    schemes = [url.scheme] if url.scheme else ["https", "http"]
    bases = [f"{scheme}://{url.host}" for scheme in schemes]
    paths = [url.path, quote(url.path, safe=_PATH_SAFE), quote(url.path, safe="/%")]
    query = f"?{url.query}" if url.query else ""
    for base in dict.fromkeys([*bases, *([base_url] if base_url else [])]):
        yield from (f"{base}{path}{query}" for path in dict.fromkeys(paths))


def _unreadable(why: str) -> Unauthenticated:
    return Unauthenticated("unauthenticated", f"the signature cannot be read: {why}")
