"""API keys: found by their id, listed by their site, revoked once and for all."""

from dataclasses import replace

import pytest

from postpaid.application.ports import Lost
from postpaid.domain.api_key import ApiKey, KeyScope, secret_digest
from postpaid.domain.site import Scope
from postpaid.runtime.cache import Cache
from postpaid.store import keys
from postpaid.store.api_keys import StoredApiKeys
from postpaid.store.tables import Table
from tests.support.samples import SCOPE, at


def a_key(key_id: str = "0123456789abcdef", scope: Scope = SCOPE) -> ApiKey:
    return ApiKey(
        id=key_id,
        scope=scope,
        test=False,
        digest=secret_digest(f"secret of {key_id}"),
        scopes=frozenset({KeyScope.USAGE_WRITE, KeyScope.READ}),
        label="the pump",
        created_at=at("2026-10-01"),
    )


@pytest.fixture
def ring(billing: Table) -> StoredApiKeys:
    return StoredApiKeys(billing)


def test_a_key_is_read_as_it_was_stored(ring: StoredApiKeys) -> None:
    key = replace(a_key(scope=Scope("acme", 12)), test=True, label="", scopes=frozenset())
    ring.add(key)

    assert ring.get(key.id) == key
    assert ring.get("another") is None


def test_a_key_is_added_once(ring: StoredApiKeys) -> None:
    ring.add(a_key())

    with pytest.raises(Lost):
        ring.add(replace(a_key(scope=Scope("other")), label="a thief"))

    assert ring.get(a_key().id) == a_key()
    assert ring.of_site("other") == []


def test_a_site_lists_its_own_keys(ring: StoredApiKeys) -> None:
    own = [a_key("b"), a_key("a"), a_key("c", Scope("acme", 2))]
    for key in [*own, a_key("d", Scope("other"))]:
        ring.add(key)

    assert ring.of_site("acme") == sorted(own, key=lambda key: key.id)


def test_a_key_stays_revoked_since_the_first_time(ring: StoredApiKeys) -> None:
    ring.add(a_key())

    ring.revoke(replace(a_key(), revoked_at=at("2026-11-01")))
    ring.revoke(replace(a_key(), revoked_at=at("2026-12-01")))

    assert ring.get(a_key().id) == replace(a_key(), revoked_at=at("2026-11-01"))


def test_a_key_that_is_not_there_is_not_revoked(billing: Table, ring: StoredApiKeys) -> None:
    with pytest.raises(Lost):
        ring.revoke(replace(a_key(), revoked_at=at("2026-11-01")))

    assert billing.get(keys.api_key(a_key().id)) is None


def test_a_kept_key_is_not_read_again(billing: Table, ring: StoredApiKeys) -> None:
    kept = StoredApiKeys(billing, Cache[ApiKey]())
    assert kept.get(a_key().id) is None  # that it is not there is not kept
    ring.add(a_key())
    assert kept.get(a_key().id) == a_key()

    ring.revoke(replace(a_key(), revoked_at=at("2026-11-01")))

    assert kept.get(a_key().id) == a_key()
    forgetful = StoredApiKeys(billing, Cache[ApiKey](age_max_seconds=0))
    found = forgetful.get(a_key().id)
    assert found is not None
    assert found.revoked_at == at("2026-11-01")
