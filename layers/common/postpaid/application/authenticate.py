"""Find out who is asking, and whether they may."""

from typing import Protocol

from postpaid.domain.api_key import ApiKey, KeyScope, read_key
from postpaid.domain.errors import Forbidden, Unauthenticated


class ApiKeys(Protocol):
    """Where keys are looked up; a copy may be up to a minute old."""

    def get(self, key_id: str) -> ApiKey | None:
        """Read a key by its id."""
        ...


def authenticate(shown: str | None, needed: KeyScope, *, api_keys: ApiKeys) -> ApiKey:
    """Return the key that was shown, if it is good and has the scope.

    Raises `Unauthenticated` for no key, a mistyped, unknown, wrong or revoked one, always with the
    same words; `Forbidden` if the scope is missing.
    """
    read = read_key(shown) if shown else None
    key = api_keys.get(read.id) if read else None
    if read is None or key is None or not key.matches(read):
        raise Unauthenticated("unauthenticated", "a valid API key is required")
    if not key.allows(needed):
        raise Forbidden("forbidden", f"the API key lacks the scope '{needed.value}'")
    return key
