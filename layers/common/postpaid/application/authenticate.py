"""Find out who is asking, and whether they may."""

from typing import Protocol

from postpaid.domain.api_key import PUBLIC, ApiKey, KeyPair, KeyScope, read_key
from postpaid.domain.errors import Forbidden, Unauthenticated


class ApiKeys(Protocol):
    """Where keys are looked up; a copy may be up to a minute old."""

    def get(self, key_id: str) -> ApiKey | None:
        """Read a key by its id."""
        ...


class Secrets(Protocol):
    """Where the secrets of sites are looked up."""

    def get(self, site_id: str) -> str | None:
        """Read a site's secret; None if it has none yet."""
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
    return allowed(key, needed)


def authenticate_pair(
    shown: tuple[str, str] | None, needed: KeyScope | None, *, api_keys: ApiKeys, secrets: Secrets
) -> ApiKey:
    """Return the key whose public and private part were shown, if it is good and has the scope.

    No scope is *needed* to be told who one is. Raises what `authenticate` does.
    """
    public, private = shown or ("", "")
    key = api_keys.get(public) if PUBLIC.fullmatch(public) else None
    secret = None if key is None else secrets.get(key.scope.site)
    is_good = (
        key is not None
        and secret is not None
        and KeyPair.of(key, secret).same(public, private)
        and key.revoked_at is None
    )
    if key is None or not is_good:
        raise Unauthenticated("unauthenticated", "a valid pair of keys is required")
    return key if needed is None else allowed(key, needed)


def allowed(key: ApiKey, needed: KeyScope) -> ApiKey:
    """Return a key that is good, if it has the scope; raises `Forbidden`."""
    if not key.allows(needed):
        raise Forbidden("forbidden", f"the API key lacks the scope '{needed.value}'")
    return key
