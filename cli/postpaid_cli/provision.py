"""Makes the test site of a local stack, and its first keys."""

from postpaid.application.api_keys import create_key, site_secret
from postpaid.application.sites import CreateSite, create_site
from postpaid.domain.api_key import KeyPair
from postpaid.domain.errors import BillingError
from postpaid.domain.instants import parse_instant
from postpaid.domain.site import Address
from postpaid.runtime.clock import real_now
from postpaid.runtime.ids import new_key_parts
from postpaid.store.api_keys import StoredApiKeys
from postpaid.store.dynamo import DynamoTable
from postpaid.store.site_secrets import StoredSiteSecrets
from postpaid.store.sites import StoredSites
from postpaid_cli.aws import LocalAws
from postpaid_cli.errors import LocalError

SITE = "local"
_KEYS = {
    "admin_key": ["admin"],
    "usage_key": ["usage:write", "usage:read"],
}


def provision_local(
    outputs: dict[str, str], endpoint: str, clock: str | None, site_id: str = SITE
) -> dict[str, str]:
    """Return the keys of a new test site whose clock starts at *clock*.

    `admin_key` and `usage_key`, and of the first one the pair that ChargeOver's clients are told.
    """
    billing = DynamoTable(LocalAws(endpoint).dynamodb(), outputs["BillingTable"])
    now = real_now()
    try:
        command = CreateSite(
            id=site_id,
            test=True,
            timezone="UTC",
            currency="USD",
            seller=Address(name="Local test site"),
            clock=None if clock is None else parse_instant(clock, "clock"),
        )
        site = create_site(command, sites=StoredSites(billing), now=now)
    except BillingError as error:
        raise LocalError(f"{error.field}: {error.message}") from error
    ring, secrets = StoredApiKeys(billing), StoredSiteSecrets(billing)
    made = {
        name: create_key(site, scopes, name, parts=new_key_parts(), ring=ring, now=now)
        for name, scopes in _KEYS.items()
    }
    secret = site_secret(site, secrets=secrets, new_secret=new_key_parts()[1])
    pair = KeyPair.of(made["admin_key"][0], secret)
    texts = {name: text for name, (_, text) in made.items()}
    return {**texts, "public_key": pair.public, "private_key": pair.private}
