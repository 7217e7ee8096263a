"""A client of the ChargeOver door in process: Basic with both keys, bodies in JSON."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from postpaid.application.api_keys import create_key, site_secret
from postpaid.domain.api_key import KeyPair, KeyScope
from postpaid.domain.site import Site
from postpaid.runtime.clock import real_now
from postpaid.runtime.ids import new_key_parts
from postpaid.store.api_keys import StoredApiKeys
from postpaid.store.site_secrets import StoredSiteSecrets
from tests.support.functions import Answer, Functions

BASE = "/api/v3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Over:
    """One pair of keys of a site."""

    functions: Functions
    site: Site
    pair: KeyPair

    @classmethod
    def on(cls, functions: Functions, site: Site, *scopes: KeyScope) -> "Over":
        """Make a pair of keys, by default one that may do everything."""
        secrets = StoredSiteSecrets(functions.billing)
        secret = site_secret(site, secrets=secrets, new_secret=new_key_parts()[1])
        key, _ = create_key(
            site,
            [scope.value for scope in scopes or (KeyScope.ADMIN,)],
            "over",
            parts=new_key_parts(),
            ring=StoredApiKeys(functions.billing),
            now=real_now(),
        )
        return cls(functions=functions, site=site, pair=KeyPair.of(key, secret))

    @classmethod
    def at(cls, functions: Functions, site_id: str, clock: datetime) -> "Over":
        """Make a test site whose clock begins at an instant, and a pair of keys of it."""
        return cls.on(functions, functions.new_site(site_id, clock=clock))

    def call(
        self,
        method: str,
        target: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request to a path below `/api/v3`, and check its envelope."""
        sent = {"authorization": basic(self.pair.public, self.pair.private), **(headers or {})}
        answer = self.functions.call(method, f"{BASE}{target}", body, headers=sent)
        check_envelope(answer)
        return answer

    def get(self, target: str) -> Any:
        """Read something that must be there."""
        return self._must("GET", target, None, 200)

    def create(self, target: str, body: object) -> int:
        """Create something; return its id."""
        made: int = self._must("POST", target, body, 201)["id"]
        assert isinstance(made, int)
        assert 0 < made < 2**31
        return made

    def act(self, target: str, body: object = None) -> Any:
        """Do something that must be done."""
        return self._must("POST", target, body, 200)

    def put(self, target: str, body: object) -> Any:
        """Change something."""
        return self._must("PUT", target, body, 202)

    def refused(self, method: str, target: str, body: object = None, *, status: int = 400) -> str:
        """Send what must be refused; return the message."""
        answer = self.call(method, target, body)
        assert answer.status == status, answer.json
        assert answer.json["response"] in (False, None)
        return str(answer.json["message"])

    def _must(self, method: str, target: str, body: object, status: int) -> Any:
        answer = self.call(method, target, body)
        assert answer.status == status, answer.json
        return answer.json["response"]


def check_envelope(answer: Answer) -> None:
    """Check what the vendor's libraries read of every answer."""
    assert answer.json.keys() == {"code", "status", "message", "details", "response"}, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["code"] == answer.status
    assert answer.json["status"] == ("OK" if answer.status < 300 else "Error")
    assert isinstance(answer.json["details"], dict)
    assert bool(answer.json["message"]) == (answer.status >= 300)
    if answer.status >= 300:
        assert answer.json["response"] is (None if answer.status == 404 else False)


def basic(public: str, private: str) -> str:
    """Return the header of Basic authentication."""
    return "Basic " + base64.b64encode(f"{public}:{private}".encode()).decode()
