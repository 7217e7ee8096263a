"""The environment of a function, read once, with a failure that names what is missing."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

_PREFIX = "POSTPAID_"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the template tells a function; a name that a function was not given is refused."""

    environment: Mapping[str, str]

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read the process's environment."""
        return cls(dict(os.environ))

    @property
    def usage_table(self) -> str:
        """The name of the usage table."""
        return self._required("USAGE_TABLE")

    @property
    def billing_table(self) -> str:
        """The name of the billing table."""
        return self._required("BILLING_TABLE")

    @property
    def document_bucket(self) -> str:
        """The name of the document bucket."""
        return self._required("DOCUMENT_BUCKET")

    @property
    def close_queue_url(self) -> str:
        """The URL of the queue of what is due."""
        return self._required("CLOSE_QUEUE_URL")

    @property
    def render_queue_url(self) -> str:
        """The URL of the queue of invoices to render."""
        return self._required("RENDER_QUEUE_URL")

    @property
    def public_base_url(self) -> str:
        """The base URL that clients are told, without a slash at its end; empty if none is set."""
        return self.environment.get(_PREFIX + "PUBLIC_BASE_URL", "")

    @property
    def pull_queue_url(self) -> str:
        """The URL of the queue of terms whose usage URLs are to be asked."""
        return self._required("PULL_QUEUE_URL")

    @property
    def usage_url_test_hosts(self) -> frozenset[str]:
        """Hosts, as `host:port`, that usage URLs may name against the rules; none as a rule."""
        given = self.environment.get(_PREFIX + "USAGE_URL_TEST_HOSTS", "")
        return frozenset(filter(None, given.split(",")))

    def _required(self, name: str) -> str:
        value = self.environment.get(_PREFIX + name)
        if not value:
            raise RuntimeError(f"the environment variable {_PREFIX}{name} is not set")
        return value
