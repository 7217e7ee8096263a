"""The only caller of randomness."""

import secrets

_KEY_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_SECRET_ALPHABET = _KEY_ALPHABET + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def new_id(prefix: str) -> str:
    """Return an id for a thing whose creator chose none: `cus_` and 20 characters, 103 bits."""
    return prefix + "_" + "".join(secrets.choice(_KEY_ALPHABET) for _ in range(20))


def new_run() -> str:
    """Return a name for one attempt to close."""
    return secrets.token_hex(16)


def new_key_parts() -> tuple[str, str]:
    """Return the id and the secret of a new API key; the secret has 256 bits."""
    key_id = "".join(secrets.choice(_KEY_ALPHABET) for _ in range(16))
    secret = "".join(secrets.choice(_SECRET_ALPHABET) for _ in range(43))
    return key_id, secret
