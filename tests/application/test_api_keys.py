"""API keys: shown once, checked on every request, revoked for good."""

from dataclasses import replace

import pytest

from postpaid.application.api_keys import KEYS_PER_SITE_MAX, create_key, revoke_key, site_secret
from postpaid.application.authenticate import authenticate
from postpaid.application.ports import Unavailable
from postpaid.domain.api_key import ApiKey, KeyScope
from postpaid.domain.errors import Forbidden, Invalid, LimitExceeded, NotFound, Unauthenticated
from postpaid.domain.site import Scope
from postpaid.store.api_keys import StoredApiKeys
from postpaid.store.memory import MemoryTable
from postpaid.store.site_secrets import StoredSiteSecrets
from tests.support.samples import a_site, at

NOW = at("2026-10-05T12:00")
SITE, OTHER = a_site(), a_site(scope=Scope("other"))
TEST_SITE = a_site(scope=Scope("sandbox", 3), test=True)


@pytest.fixture
def ring() -> StoredApiKeys:
    return StoredApiKeys(MemoryTable())


def create(
    ring: StoredApiKeys, *scopes: str, n: int = 0, site: object = SITE
) -> tuple[ApiKey, str]:
    parts = (f"{n:016d}", f"{n:043d}")
    asked = scopes or ("usage:write",)
    return create_key(site, asked, "the pump", parts=parts, ring=ring, now=NOW)  # type: ignore[arg-type]


def test_a_key_is_stored_without_its_secret(ring: StoredApiKeys) -> None:
    key, text = create(ring, "usage:write", "read", "read")

    assert ring.get(key.id) == key
    assert key.scopes == {KeyScope.USAGE_WRITE, KeyScope.READ}
    assert (key.label, key.created_at, key.revoked_at) == ("the pump", NOW, None)
    secret = text.split("_")[3]
    assert secret not in repr(key)
    assert text.startswith(f"pp_live_{key.id}_")


def test_a_key_of_a_test_site_says_so(ring: StoredApiKeys) -> None:
    key, text = create(ring, site=TEST_SITE)

    assert text.startswith("pp_test_")
    assert (key.test, key.scope) == (True, Scope("sandbox", 3))


@pytest.mark.parametrize("scopes", [("",), ("usage:write", "everything"), ("Admin",)])
def test_an_unknown_scope_is_refused(ring: StoredApiKeys, scopes: tuple[str, ...]) -> None:
    with pytest.raises(Invalid) as refusal:
        create(ring, *scopes)

    assert refusal.value.field == "scopes"


def test_a_key_without_a_scope_is_refused(ring: StoredApiKeys) -> None:
    with pytest.raises(Invalid):
        create_key(SITE, [], "", parts=("k" * 16, "s" * 43), ring=ring, now=NOW)


def test_a_site_has_a_bounded_number_of_good_keys(ring: StoredApiKeys) -> None:
    for n in range(KEYS_PER_SITE_MAX):
        create(ring, n=n)

    with pytest.raises(LimitExceeded):
        create(ring, n=1000)
    create(ring, n=1001, site=OTHER)
    revoke_key(SITE, f"{7:016d}", ring=ring, now=NOW)
    create(ring, n=1002)
    with pytest.raises(LimitExceeded):
        create(ring, n=1003)


def test_a_key_that_meets_another_transaction_is_not_created(ring: StoredApiKeys) -> None:
    create(ring)

    with pytest.raises(Unavailable):
        create(ring)


# --- revoking


def test_a_revoked_key_stays_revoked_since_the_first_time(ring: StoredApiKeys) -> None:
    key, text = create(ring)
    later = at("2026-11-01")

    revoked = revoke_key(SITE, key.id, ring=ring, now=NOW)
    again = revoke_key(SITE, key.id, ring=ring, now=later)

    assert revoked == again == replace(key, revoked_at=NOW) == ring.get(key.id)
    with pytest.raises(Unauthenticated):
        authenticate(text, KeyScope.USAGE_WRITE, api_keys=ring)


def test_a_key_of_another_site_is_not_found(ring: StoredApiKeys) -> None:
    key, _ = create(ring)

    for site, key_id in ((OTHER, key.id), (SITE, "unknown")):
        with pytest.raises(NotFound) as refusal:
            revoke_key(site, key_id, ring=ring, now=NOW)
        assert refusal.value.code == "key_not_found"
    assert ring.get(key.id) == key


# --- what pairs and tokens are derived from


def test_a_site_gets_one_secret_and_keeps_it() -> None:
    secrets = StoredSiteSecrets(MemoryTable())

    first = site_secret(SITE, secrets=secrets, new_secret="first")
    again = site_secret(SITE, secrets=secrets, new_secret="second")
    others = site_secret(OTHER, secrets=secrets, new_secret="third")

    assert (first, again, others) == ("first", "first", "third")


@pytest.mark.parametrize("visible", [True, False])
def test_of_two_that_make_a_secret_at_once_the_first_one_counts(visible: bool) -> None:
    secrets = StoredSiteSecrets(MemoryTable())

    class Slow:
        """Finds none at first, and another process makes one meanwhile."""

        asked = 0

        def get(self, site_id: str) -> str | None:
            self.asked += 1
            return secrets.get(site_id) if visible and self.asked > 1 else None

        def add(self, site_id: str, secret: str) -> None:
            secrets.add(site_id, "theirs")
            secrets.add(site_id, secret)

    if visible:
        assert site_secret(SITE, secrets=Slow(), new_secret="ours") == "theirs"
        return
    with pytest.raises(Unavailable):
        site_secret(SITE, secrets=Slow(), new_secret="ours")


# --- who is asking


@pytest.mark.parametrize(
    ("held", "needed", "allowed"),
    [
        ("usage:write", KeyScope.USAGE_WRITE, True),
        ("usage:write", KeyScope.USAGE_READ, False),
        ("usage:read", KeyScope.READ, False),
        ("read", KeyScope.READ, True),
        ("read", KeyScope.ADMIN, False),
        ("invoice:close", KeyScope.INVOICE_CLOSE, True),
        ("admin", KeyScope.INVOICE_CLOSE, True),
        ("admin", KeyScope.ADMIN, True),
    ],
)
def test_a_key_does_what_its_scopes_say(
    ring: StoredApiKeys, held: str, needed: KeyScope, allowed: bool
) -> None:
    key, text = create(ring, held)

    if allowed:
        assert authenticate(text, needed, api_keys=ring) == key
        return
    with pytest.raises(Forbidden) as refusal:
        authenticate(text, needed, api_keys=ring)
    assert refusal.value.code == "forbidden"


def test_every_other_key_is_refused_in_the_same_words(ring: StoredApiKeys) -> None:
    key, text = create(ring)
    _, unknown = create(StoredApiKeys(MemoryTable()), n=5)
    twin = StoredApiKeys(MemoryTable())
    _, wrong_secret = create_key(SITE, ["admin"], "", parts=(key.id, "x" * 43), ring=twin, now=NOW)
    _, wrong_mode = create_key(
        TEST_SITE,
        ["admin"],
        "",
        parts=(key.id, f"{0:043d}"),
        ring=StoredApiKeys(MemoryTable()),
        now=NOW,
    )
    refused = [None, "", "Bearer", text[:-1], text + "0", text.upper(), f" {text}"]
    refused += [unknown, wrong_secret, wrong_mode, text.replace("live", "test")]

    words = set()
    for shown in refused:
        with pytest.raises(Unauthenticated) as refusal:
            authenticate(shown, KeyScope.USAGE_WRITE, api_keys=ring)
        words.add((refusal.value.code, refusal.value.message, refusal.value.field))

    assert len(words) == 1
