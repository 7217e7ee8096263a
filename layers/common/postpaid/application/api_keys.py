"""Create, list and revoke API keys."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from postpaid.application.ports import Lost, Unavailable
from postpaid.domain.api_key import ApiKey, KeyScope, key_text, secret_digest
from postpaid.domain.errors import Invalid, LimitExceeded, NotFound
from postpaid.domain.site import Site

KEYS_PER_SITE_MAX = 50


class KeyRing(Protocol):
    """The keys of all sites."""

    def get(self, key_id: str) -> ApiKey | None:
        """Read a key by its id."""
        ...

    def add(self, key: ApiKey) -> None:
        """Store a new key; raises `Lost` if the id is taken."""
        ...

    def revoke(self, key: ApiKey) -> None:
        """Store that a key is revoked; raises `Lost` if there is none."""
        ...

    def of_site(self, site_id: str) -> Sequence[ApiKey]:
        """Read a site's keys."""
        ...


class SiteSecrets(Protocol):
    """The secrets that the sites' pairs of keys and tokens are derived from; one never changes."""

    def get(self, site_id: str) -> str | None:
        """Read a site's secret; None if it has none yet."""
        ...

    def add(self, site_id: str, secret: str) -> None:
        """Store a site's secret; raises `Lost` if it has one."""
        ...


def check_scopes(scopes: Iterable[str]) -> frozenset[str]:
    """Return the scopes that a key is to have; raises `Invalid` for an unknown one or none."""
    known = {scope.value for scope in KeyScope}
    asked = frozenset(scopes)
    if not asked or asked - known:
        raise Invalid(
            "invalid_field", f"must be one or more of {', '.join(sorted(known))}", field="scopes"
        )
    return asked


def create_key(
    site: Site,
    scopes: Iterable[str],
    label: str,
    *,
    parts: tuple[str, str],
    ring: KeyRing,
    now: datetime,
) -> tuple[ApiKey, str]:
    """Create a key from a new id and secret; return it, and its text, which is shown only now.

    Raises `Invalid` for an unknown or no scope, `LimitExceeded` beyond 50 keys that are good.
    """
    asked = check_scopes(scopes)
    active = [key for key in ring.of_site(site.scope.site) if key.revoked_at is None]
    if len(active) >= KEYS_PER_SITE_MAX:
        raise LimitExceeded("limit_exceeded", f"a site has at most {KEYS_PER_SITE_MAX} keys")
    key_id, secret = parts
    key = ApiKey(
        id=key_id,
        scope=site.scope,
        test=site.test,
        digest=secret_digest(secret),
        scopes=frozenset(KeyScope(scope) for scope in asked),
        label=label,
        created_at=now,
    )
    try:
        ring.add(key)
    except Lost:
        # An id of 82 random bits does not come twice: another transaction was in the way.
        raise Unavailable("the key was not created; try again") from None
    return key, key_text(test=site.test, key_id=key_id, secret=secret)


def site_secret(site: Site, *, secrets: SiteSecrets, new_secret: str) -> str:
    """Return what a site's pairs of keys and its token are derived from; *new_secret* at first.

    To be asked before a key is created, so that no key is made whose pair is never shown. Raises
    `Unavailable` if another process made one that cannot be read.
    """
    site_id = site.scope.site
    there = secrets.get(site_id)
    if there is not None:
        return there
    try:
        secrets.add(site_id, new_secret)
    except Lost:
        there = secrets.get(site_id)
        if there is None:
            raise Unavailable("the site's secret is being made; try again") from None
        return there
    return new_secret


def revoke_key(site: Site, key_id: str, *, ring: KeyRing, now: datetime) -> ApiKey:
    """Revoke a key of a site; it is refused everywhere within a minute. Raises `NotFound`."""
    key = ring.get(key_id)
    if key is None or key.scope.site != site.scope.site:
        raise NotFound("key_not_found", f"site '{site.scope.site}' has no key '{key_id}'")
    revoked = replace(key, revoked_at=key.revoked_at or now)
    ring.revoke(revoked)
    return revoked
