"""The only caller of randomness, and ids that come from a seed where chance must not decide."""

import hashlib
import secrets
from collections import Counter
from collections.abc import Callable

_KEY_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_SECRET_ALPHABET = _KEY_ALPHABET + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ID_LENGTH = 20


def new_id(prefix: str) -> str:
    """Return an id for a thing whose creator chose none: `cus_` and 20 characters, 103 bits."""
    return prefix + "_" + "".join(secrets.choice(_KEY_ALPHABET) for _ in range(_ID_LENGTH))


def seeded_ids(seed: str) -> Callable[[str], str]:
    """Return what stands in for `new_id` in a request that may be acted on twice.

    The n-th id of a prefix is the same whenever it begins with the same seed, and as long as a new
    one, so that nobody can tell them apart.
    """
    given: Counter[str] = Counter()

    def seeded_id(prefix: str) -> str:
        digest = hashlib.sha256(f"{seed}#{prefix}#{given[prefix]}".encode()).digest()
        given[prefix] += 1
        number, letters = int.from_bytes(digest), ""
        for _ in range(_ID_LENGTH):
            number, place = divmod(number, len(_KEY_ALPHABET))
            letters += _KEY_ALPHABET[place]
        return f"{prefix}_{letters}"

    return seeded_id


def new_run() -> str:
    """Return a name for one attempt to close."""
    return secrets.token_hex(16)


def new_key_parts() -> tuple[str, str]:
    """Return the id and the secret of a new API key; the secret has 256 bits."""
    key_id = "".join(secrets.choice(_KEY_ALPHABET) for _ in range(16))
    secret = "".join(secrets.choice(_SECRET_ALPHABET) for _ in range(43))
    return key_id, secret
