"""Hostile URLs: each is refused with its reason, and no connection is made for any of them."""

import socket
from collections.abc import Sequence

import pytest

from postpaid.application.pull_usage import Unanswered
from postpaid.domain.errors import Invalid
from postpaid.domain.usage_url import USAGE_URL_LENGTH_MAX, UsageUrl
from postpaid.outbound.public_address import is_public
from postpaid.outbound.usage_url import UsageUrls
from tests.support.questions import a_question

PUBLIC = "93.184.215.14"
NO_HTTPS = "must begin with https://"
NO_NAME = "must name its host by a domain name"
NO_USER = "must have no user name"
NO_PORT = "must be at port 443"
NOT_ASCII = "must be printable ASCII"
NO_CHARACTER = "holds a character that no URL has"
NO_FRAGMENT = "must have no fragment"
TOO_LONG = f"must be a URL of at most {USAGE_URL_LENGTH_MAX} characters"

BY_FORM = [
    # Other schemes.
    ("http://usage.example.com/", NO_HTTPS),
    ("HTTP://usage.example.com/", NO_HTTPS),
    ("ftp://usage.example.com/", NO_HTTPS),
    ("file:///etc/passwd", NO_HTTPS),
    ("gopher://127.0.0.1:6379/_INFO", NO_HTTPS),
    ("dict://127.0.0.1:11211/stat", NO_HTTPS),
    ("data:text/plain,25", NO_HTTPS),
    ("javascript:alert(1)", NO_HTTPS),
    ("//usage.example.com/", NO_HTTPS),
    ("/usage", NO_HTTPS),
    ("https:/usage.example.com/", NO_HTTPS),
    ("https:usage.example.com", NO_HTTPS),
    ("", TOO_LONG),
    ("https://usage.example.com/" + "a" * USAGE_URL_LENGTH_MAX, TOO_LONG),
    # Addresses, in all ways that some resolver understands.
    ("https://127.0.0.1/", NO_NAME),
    ("https://169.254.169.254/latest/meta-data/", NO_NAME),
    ("https://93.184.215.14/", NO_NAME),
    ("https://2130706433/", NO_NAME),
    ("https://017700000001/", NO_NAME),
    ("https://0x7f000001/", NO_NAME),
    ("https://0x7f.0.0.1/", NO_NAME),
    ("https://0177.0.0.1/", NO_NAME),
    ("https://127.1/", NO_NAME),
    ("https://127.0.1/", NO_NAME),
    ("https://0/", NO_NAME),
    ("https://[::1]/", NO_NAME),
    ("https://[::]:443/", NO_NAME),
    ("https://[::ffff:169.254.169.254]/", NO_NAME),
    ("https://[64:ff9b::a9fe:a9fe]/", NO_NAME),
    ("https://[fe80::1%25eth0]/", NO_NAME),
    ("https://[fd00:ec2::254]/", NO_NAME),
    # Names that are none.
    ("https://localhost/", NO_NAME),
    ("https://usage/", NO_NAME),
    ("https:///usage", NO_NAME),
    ("https://usage.example.com./", NO_NAME),
    ("https://.example.com/", NO_NAME),
    ("https://usage..example.com/", NO_NAME),
    ("https://-usage.example.com/", NO_NAME),
    ("https://usage_1.example.com/", NO_NAME),
    ("https://127.0.0.1%2eexample.com/", NO_NAME),
    ("https://" + "a" * 64 + ".example.com/", NO_NAME),
    ("https://" + "a." * 125 + "example.com/", NO_NAME),
    ("https://*.example.com/", NO_NAME),
    # Users, and what hides the host.
    ("https://usage.example.com@127.0.0.1/", NO_USER),
    ("https://user:secret@usage.example.com/", NO_USER),
    ("https://@usage.example.com/", NO_USER),
    ("https://127.0.0.1\\@usage.example.com/", NO_CHARACTER),
    ("https://usage.example.com\\.evil.example/", NO_CHARACTER),
    ("https://usage.example.com#@127.0.0.1/", NO_FRAGMENT),
    ("https://usage.example.com/#part", NO_FRAGMENT),
    # Ports.
    ("https://usage.example.com:80/", NO_PORT),
    ("https://usage.example.com:6379/", NO_PORT),
    ("https://usage.example.com:/", NO_PORT),
    ("https://usage.example.com:0443/", NO_PORT),
    ("https://usage.example.com:443:80/", NO_PORT),
    ("https://usage.example.com:-1/", NO_PORT),
    # Characters: ends of lines, other scripts that look like ours, what breaks parsers.
    ("https://usage.example.com/\r\nHost: evil.example", NOT_ASCII),
    ("https://usage.example.com/ HTTP/1.1", NOT_ASCII),
    ("https://usage.example.com\t/", NOT_ASCII),
    ("https://usage.example.com/\x00", NOT_ASCII),
    ("https://us\u0430ge.example.com/", NOT_ASCII),
    ("https://\u2460\u2461\u2466.0.0.1/", NOT_ASCII),
    ("https://usage.example.com\u3002evil.example/", NOT_ASCII),
    ("https://usage.example.com\uff0fevil.example/", NOT_ASCII),
    ("https://usage.example.com/{}", NO_CHARACTER),
    ("https://usage.example.com/%", NO_CHARACTER),
    ("https://usage.example.com/%0", NO_CHARACTER),
]

# What the resolver says of usage.example.com; one address that is not public is one too many.
BY_ADDRESS = [
    ["127.0.0.1"],
    ["127.255.255.254"],
    ["0.0.0.0"],  # noqa: S104 - nothing listens there
    ["10.0.0.1"],
    ["172.16.0.1"],
    ["192.168.1.1"],
    ["100.64.0.1"],
    ["169.254.169.254"],
    ["169.254.170.2"],
    ["192.0.0.8"],
    ["192.0.2.1"],
    ["192.88.99.1"],
    ["198.18.0.1"],
    ["203.0.113.7"],
    ["224.0.0.1"],
    ["240.0.0.1"],
    ["255.255.255.255"],
    ["::1"],
    ["::"],
    ["::ffff:169.254.169.254"],
    ["::ffff:93.184.215.14"],
    ["::127.0.0.1"],
    ["64:ff9b::a9fe:a9fe"],
    ["64:ff9b:1::a9fe:a9fe"],
    ["2002:a9fe:a9fe::1"],
    ["2001:0:a9fe:a9fe::1"],
    ["2001:db8::1"],
    ["3fff::1"],
    ["5f00::1"],
    ["fe80::1"],
    ["fe80::1%eth0"],
    ["2606:4700::1111%eth0"],
    ["fec0::1"],
    ["fd00:ec2::254"],
    ["ff02::1"],
    [PUBLIC, "127.0.0.1"],
    ["2606:4700::1111", PUBLIC, "169.254.169.254"],
    ["not an address"],
]


@pytest.fixture(autouse=True)
def no_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was made")

    monkeypatch.setattr(socket, "socket", refuse)


def reason_of(url: UsageUrl, addresses: Sequence[str] | None = None) -> str:
    """Return why a URL is not asked, whatever its name leads to."""

    def resolve(host: str, port: int) -> Sequence[str]:
        assert addresses is not None, "a name was resolved"
        assert (host, port) == ("usage.example.com", 443)
        return addresses

    urls = UsageUrls(lambda: 0, resolve=resolve)
    with pytest.raises(Unanswered) as raised:
        urls.ask(url, a_question())
    return str(raised.value)


def test_there_are_enough_of_them() -> None:
    assert len(BY_FORM) + len(BY_ADDRESS) >= 40
    assert len({url for url, _ in BY_FORM}) == len(BY_FORM)


@pytest.mark.parametrize(("url", "reason"), BY_FORM, ids=[ascii(url)[:60] for url, _ in BY_FORM])
def test_a_hostile_url_is_refused_by_its_form(url: str, reason: str) -> None:
    with pytest.raises(Invalid) as raised:
        UsageUrl.read(url, "lines[0].usage_url")

    assert raised.value.message.startswith(reason)
    assert raised.value.field == "lines[0].usage_url"


@pytest.mark.parametrize(
    ("url", "reason"),
    [each for each in BY_FORM if each[1] != TOO_LONG],
    ids=[ascii(url)[:60] for url, reason in BY_FORM if reason != TOO_LONG],
)
def test_one_that_got_into_storage_is_not_asked(url: str, reason: str) -> None:
    """Nothing that is stored is trusted: its form is looked at again, and its name not resolved."""
    assert reason_of(UsageUrl(url)).startswith(f"is not asked: it {reason}")


@pytest.mark.parametrize("addresses", BY_ADDRESS, ids=" ".join)
def test_a_name_is_refused_that_leads_inside(addresses: Sequence[str]) -> None:
    url = UsageUrl.read("https://usage.example.com/minutes", "usage_url")

    assert reason_of(url, addresses) == "is not asked: its host has an address that is not public"


def test_a_name_without_an_address_is_not_asked() -> None:
    url = UsageUrl.read("https://usage.example.com/minutes", "usage_url")

    assert reason_of(url, []) == "did not answer: its host has no address"


@pytest.mark.parametrize(
    "url",
    [
        "https://usage.example.com",
        "https://usage.example.com:443/",
        "https://usage.example.com/minutes?key=abc&line=%2F1",
        "https://USAGE.Example.com/",
        "https://usage.example.com?key=@home",
        "https://xn--bcher-kva.example/",
        "https://1.example.com/a:b@c",
    ],
)
def test_an_ordinary_url_is_taken_as_it_is(url: str) -> None:
    assert UsageUrl.read(url, "usage_url").text == url


@pytest.mark.parametrize("value", [None, 5, True, ["https://usage.example.com"]])
def test_what_is_no_text_is_no_url(value: object) -> None:
    with pytest.raises(Invalid):
        UsageUrl.read(value, "usage_url")


@pytest.mark.parametrize(
    "address", [PUBLIC, "1.1.1.1", "52.94.236.248", "2606:4700::1111", "2a00:1450:4001::200e"]
)
def test_addresses_on_the_internet_are_public(address: str) -> None:
    assert is_public(address)


def test_a_test_host_is_exempt_and_no_other() -> None:
    hosts = frozenset({"127.0.0.1:8080"})

    assert UsageUrl.read("http://127.0.0.1:8080/usage", "usage_url", hosts).port == 8080
    for url in (
        "http://127.0.0.1:8081/",
        "http://127.0.0.1/",
        "https://127.0.0.1:8081/",
        "http://user@127.0.0.1:8080/",
        "ftp://127.0.0.1:8080/",
        "http://127.0.0.1:8080/#part",
        "http://usage.example.com/",
    ):
        with pytest.raises(Invalid):
            UsageUrl.read(url, "usage_url", hosts)


def test_without_its_parameter_a_test_host_is_not_asked() -> None:
    hosts = frozenset({"127.0.0.1:8080"})
    url = UsageUrl.read("http://127.0.0.1:8080/usage", "usage_url", hosts)

    assert reason_of(url).startswith(f"is not asked: it {NO_HTTPS}")
