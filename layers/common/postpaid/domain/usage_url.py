"""A usage URL: where an integrator answers how much of a line was used.

What is checked here is its form, which nothing that happens later can change. Where its name leads
to is looked at each time it is asked (`postpaid.outbound.usage_url`).
"""

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from postpaid.domain.errors import Invalid

USAGE_URL_LENGTH_MAX = 2_000
# Of all lines of a subscription together: it is one item of DynamoDB.
USAGE_URLS_LENGTH_MAX = 20_000
NO_TEST_HOSTS: AbstractSet[str] = frozenset()

_HOST_LENGTH_MAX = 253
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The last label begins with a letter: what looks like a number is an address to some resolver.
_NAME = re.compile(rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])", re.ASCII)
_PRINTABLE = re.compile(r"[!-~]+")
_NOT_IN_URLS = re.compile(r'[\\"<>^`{|}]|%(?![0-9A-Fa-f]{2})')
_END_OF_AUTHORITY = re.compile(r"[/?#]")


@dataclass(frozen=True, slots=True)
class UsageUrl:
    """A URL whose form was checked; made by `read`, or from what is stored."""

    text: str

    @classmethod
    def read(
        cls, value: object, field: str, test_hosts: AbstractSet[str] = NO_TEST_HOSTS
    ) -> "UsageUrl":
        """Read a URL: https at port 443, a domain name, no user, no fragment, 2 000 characters.

        *test_hosts* are `host:port` as the stack was told them: at these, and only these, plain
        http, addresses and other ports are right as well. Raises `Invalid` naming *field*.
        """
        if not isinstance(value, str) or not 1 <= len(value) <= USAGE_URL_LENGTH_MAX:
            raise _wrong(f"must be a URL of at most {USAGE_URL_LENGTH_MAX} characters", field)
        wrong = _wrong_form(value, test_hosts)
        if wrong is not None:
            raise _wrong(wrong, field)
        return cls(value)

    @property
    def is_plain(self) -> bool:
        """Whether it is asked over plain http."""
        return self.text.startswith("http://")

    @property
    def authority(self) -> str:
        """Host and port as they are written, `usage.example.com` or `127.0.0.1:8080`."""
        return _split(self.text)[1]

    @property
    def host(self) -> str:
        """The host's name, or at a test host its address."""
        name, _, port = self.authority.rpartition(":")
        return name if name and port.isdigit() else self.authority

    @property
    def port(self) -> int:
        """The port that is asked."""
        port = self.authority.rpartition(":")[2]
        return int(port) if port.isdigit() else 80 if self.is_plain else 443

    @property
    def target(self) -> str:
        """What stands behind the host, as a request names it: the path and the query."""
        rest = _split(self.text)[2]
        return rest if rest.startswith("/") else f"/{rest}"

    def check(self, test_hosts: AbstractSet[str]) -> str | None:
        """Return what is wrong with it by now, when other test hosts may be allowed; or None."""
        return _wrong_form(self.text, test_hosts)


def _split(text: str) -> tuple[str, str, str]:
    scheme, _, rest = text.partition("://")
    authority = _END_OF_AUTHORITY.split(rest, maxsplit=1)[0]
    return scheme, authority, rest[len(authority) :]


def _wrong_form(text: str, test_hosts: AbstractSet[str]) -> str | None:
    """Return why a text is no usage URL; None if it is one."""
    if not _PRINTABLE.fullmatch(text):
        return "must be printable ASCII without spaces; other scripts go as xn-- names"
    if _NOT_IN_URLS.search(text):
        return "holds a character that no URL has: write it percent-encoded"
    scheme, authority, target = _split(text)
    if "@" in authority:
        return "must have no user name and no password"
    if "#" in target:
        return "must have no fragment"
    if authority in test_hosts and scheme in {"http", "https"}:
        return None
    return _wrong_place(scheme, authority)


def _wrong_place(scheme: str, authority: str) -> str | None:
    if scheme != "https":
        return "must begin with https://"
    host, colon, port = authority.partition(":")
    if not authority.startswith("[") and colon and port != "443":
        return "must be at port 443"
    if len(host) > _HOST_LENGTH_MAX or not _NAME.fullmatch(host.lower()):
        return "must name its host by a domain name, such as usage.example.com"
    return None


def _wrong(reason: str, field: str) -> Invalid:
    return Invalid("invalid_field", reason, field=field)
