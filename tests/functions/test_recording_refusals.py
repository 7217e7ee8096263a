"""Usage writes that are refused: each with its problem, and nothing written."""

import base64
import json
import zlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from postpaid.domain.api_key import KeyScope
from postpaid.store.sites import StoredSites
from tests.support.events import http_event
from tests.support.functions import Answer, Functions, read_answer
from tests.support.refusals import Case, check_refusal
from tests.support.shop import CALLS, CALLS_PRICE, USAGE, USAGES, Shop, bare_shop, open_shop

pytestmark = pytest.mark.engine

MALFORMED = "malformed_request"
OUT_OF_RANGE = "usage_date_out_of_range"
TWO_LINES = {
    "id": "twins",
    "customer_id": "harbor",
    "start": "2026-09-01",
    "lines": [{"item_price_id": "voip-usd"}, {"item_price_id": "voip-usd", "id": "second"}],
}


@dataclass(frozen=True, slots=True)
class Counter:
    """The shop, and the keys that the cases name."""

    shop: Shop
    keys: dict[str, str]

    @property
    def functions(self) -> Functions:
        return self.shop.functions

    @property
    def secrets(self) -> list[str]:
        """What no answer may hold: keys, their secrets and the names of our own things."""
        parts = [part for key in self.keys.values() for part in key.split("_") if len(part) > 30]
        return [*self.keys.values(), *parts, *self.functions.internals()]


def _signed(body: str) -> str:
    """Give the body of a key the checksum that belongs to it."""
    return f"{body}_{zlib.crc32(body.encode()):08x}"


@pytest.fixture(scope="module")
def open_counter(functions: Functions) -> Shop:
    """A shop for what is accepted after all."""
    return open_shop(functions, "refusals-accepted")


@pytest.fixture(scope="module")
def counter(functions: Functions) -> Counter:
    shop = open_shop(functions, "refusals")
    shop.must("POST", "/v1/subscriptions", TWO_LINES)
    other = open_shop(functions, "refusals-other")
    live = bare_shop(functions, "refusals-live", clock=None)
    revoked = shop.new_key(KeyScope.USAGE_WRITE)
    shop.must("DELETE", f"/v1/api-keys/{revoked.split('_')[2]}")
    _, mode, key_id, secret, _ = shop.admin.split("_")
    wrong_end = "0" if shop.admin[-1] != "0" else "1"
    keys = {
        "admin": shop.admin,
        "other site": other.admin,
        "live site": live.admin,
        "revoked": revoked,
        "wrong checksum": shop.admin[:-1] + wrong_end,
        "unknown": _signed(f"pp_{mode}_{'z' * 16}_{secret}"),
        "wrong secret": _signed(f"pp_{mode}_{key_id}_{'A' * 43}"),
        "other mode": _signed(f"pp_live_{key_id}_{secret}"),
        "truncated": shop.admin[:-9],
        "two": f"{shop.admin},{shop.admin}",
        "usage:read": shop.new_key(KeyScope.USAGE_READ),
        "all but usage:write": shop.new_key(
            KeyScope.USAGE_READ, KeyScope.READ, KeyScope.INVOICE_CLOSE
        ),
    }
    return Counter(shop, keys)


def _case(name: str, status: int, code: str, said: str | None = None, **how: Any) -> Case:
    return Case(name=name, status=status, code=code, said=said, **{"target": USAGES, **how})


def _changed(name: str, code: str, said: str | None, **fields: Any) -> Case:
    """Change fields of the good usage; None leaves one out."""
    body = {key: value for key, value in (USAGE | fields).items() if value is not None}
    return _case(name, 422, code, said, body=body)


def _spelled(name: str, status: int, code: str, said: str | None, **fields: str) -> Case:
    """Change fields of the good usage to something that stands in the JSON as it is."""
    parts = {key: json.dumps(value) for key, value in USAGE.items()} | fields
    text = ",".join(f'"{key}":{value}' for key, value in parts.items())
    return _case(name, status, code, said, body=f"{{{text}}}".encode())


def _short(text: str) -> str:
    return text if len(text) < 25 else f"{text[:9]}... of {len(text)}"


def _raw(name: str, status: int, code: str, body: bytes, said: str | None = None) -> Case:
    return _case(name, status, code, said, body=body)


def _typed(name: str, status: int, code: str, **headers: str) -> Case:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return _case(name, status, code, body=USAGE, headers=named)


def _shown(name: str, value: str) -> Case:
    return _case(
        name, 401, "unauthenticated", body=USAGE, key=None, headers={"authorization": value}
    )


GOOD = json.dumps(USAGE).encode()

PLACES = [
    _case(
        "a subscription that does not exist",
        404,
        "subscription_not_found",
        target="/v1/subscriptions/nobody/usages",
        body=USAGE,
    ),
    _case(
        "a subscription with another case",
        404,
        "subscription_not_found",
        target="/v1/subscriptions/Calls/usages",
        body=USAGE,
    ),
    _case(
        "a subscription with a key's own separators",
        404,
        "subscription_not_found",
        target="/v1/subscriptions/calls%230%23/usages",
        body=USAGE,
    ),
    _case(
        "a subscription longer than any key",
        404,
        "subscription_not_found",
        target=f"/v1/subscriptions/{'x' * 3000}/usages",
        body=USAGE,
    ),
    _case(
        "a subscription that is not ASCII",
        404,
        "subscription_not_found",
        target="/v1/subscriptions/c%C3%A4lls/usages",
        body=USAGE,
    ),
    _changed("an item price not on it", "line_not_found", "item_price_id", item_price_id="gold"),
    _changed("a line not on it", "line_not_found", "line_id", item_price_id=None, line_id="gold"),
    _changed("neither line nor price", "missing_field", "item_price_id", item_price_id=None),
    _changed("a line and a price that disagree", "line_not_found", "line_id", line_id="texts"),
    _changed("a recurring line", "not_metered", "item_price_id", item_price_id="seat-usd"),
    _changed("a price as a number", "invalid_field", "item_price_id", item_price_id=7),
    _changed("a price as a list", "invalid_field", "item_price_id", item_price_id=["voip-usd"]),
    _changed("a line as an object", "invalid_field", "line_id", line_id={"id": "texts"}),
    _changed("a price of no letters", "line_not_found", "item_price_id", item_price_id=""),
    _case(
        "a price that two lines share",
        409,
        "line_ambiguous",
        "item_price_id",
        target="/v1/subscriptions/twins/usages",
        body=USAGE,
    ),
    _changed("an id where dates do not repeat", "invalid_field", "id", id="one"),
    _changed("no id where dates repeat", "missing_field", "id", item_price_id="sms-usd"),
    _changed("an id of no letters", "invalid_field", "id", item_price_id="sms-usd", id=""),
    _changed("an id with a slash", "invalid_field", "id", item_price_id="sms-usd", id="a/b"),
    _changed("an id of 101", "invalid_field", "id", item_price_id="sms-usd", id="x" * 101),
    _changed("an id with an accent", "invalid_field", "id", item_price_id="sms-usd", id="é"),
    _changed("an id with a line end", "invalid_field", "id", item_price_id="sms-usd", id="a\n"),
    _changed("an id as a number", "invalid_field", "id", item_price_id="sms-usd", id=7),
    _changed("a note of 501", "invalid_field", "note", note="x" * 501),
    _changed("a note with a control character", "invalid_field", "note", note="a\u0007b"),
    _changed("a note as a number", "invalid_field", "note", note=1),
]

QUANTITIES = [
    _changed("no quantity", "missing_field", "quantity", quantity=None),
    _spelled("null", 422, "missing_field", "quantity", quantity="null"),
    *(
        _changed(_short(repr(value)), "invalid_field", "quantity", quantity=value)
        for value in (
            *("0", "0.000", "-1", "-0", "-0.0", "-22"),
            *("NaN", "nan", "sNaN", "Infinity", "-Infinity", "inf"),
            *("1e400", "1e2", "1E2", "1e-2", "1e99999999999"),
            *("", " ", " 5", "5 ", "5\n", "+5", "05", "00", ".5", "5.", "--5"),
            *("1_000", "1,000", "1 000", "1.000.000", "5,5", "0x10", "1/2", "five"),
            *("\uff11\uff12", "\u0663", "\u00bd", "\u2460"),
            *("9" * 40, "9" * 19, "1" + "0" * 18, "0." + "1" * 21, "9" * 5000),
            *(0, -1, 10**18, -(10**30)),
            *(True, False, [], [5], ["5"], {}, {"value": "5"}),
        )
    ),
    *(
        _spelled(f"number {_short(text)}", 422, "invalid_field", "quantity", quantity=text)
        for text in (
            *("0", "-0", "0.0", "-0.0", "0e5", "-1.5"),
            *("1e400", "-1e400", "1e18", "1e99999999999999999999", "1e-21", "1e-400"),
            *("9" * 40, "9" * 4301, "1" + "0" * 18, "0." + "1" * 21),
        )
    ),
    _spelled("NaN without quotes", 400, MALFORMED, None, quantity="NaN"),
    _spelled("Infinity without quotes", 400, MALFORMED, None, quantity="Infinity"),
    _spelled("-Infinity without quotes", 400, MALFORMED, None, quantity="-Infinity"),
    _spelled("a number with a plus", 400, MALFORMED, None, quantity="+5"),
    _spelled("a number with a leading zero", 400, MALFORMED, None, quantity="05"),
    _spelled("a number in hexadecimal", 400, MALFORMED, None, quantity="0x10"),
]

DATES = [
    _changed("no date", "missing_field", "usage_date", usage_date=None),
    _spelled("a date of null", 422, "missing_field", "usage_date", usage_date="null"),
    *(
        _changed(f"the date {value!r}", "invalid_field", "usage_date", usage_date=value)
        for value in (
            "2026-10-15T08:30:00",  # an instant without its offset
            *("2026-10-15 08:30:00Z", "2026-10-15t08:30:00z", "2026-10-15T08:30Z"),
            *("10000-01-01", "10000-01-01T00:00:00Z", "0001-01-01", "0001-01-01T00:00:00Z"),
            *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1999-12-30", "2100-01-02"),
            *("2026-02-30", "2026-02-29", "2026-13-01", "2026-00-10", "2026-10-00"),
            *("2026-10-15T08:30:00.5Z", "2026-10-15T08:30:00,0Z", "2026-10-15T08:30:00.Z"),
            *("2026-10-15T24:00:00Z", "2026-10-15T25:00:00Z", "2026-10-15T08:60:00Z"),
            *("2026-10-15T23:59:60Z", "2026-06-30T23:59:60Z"),
            *("2026-10-15T08:30:00+25:00", "2026-10-15T08:30:00+0200", "2026-10-15T08:30:00+02"),
            *("2026-10-15T08:30:00 02:00", "2026-10-15T08:30:00\u221202:00"),
            *("10/15/2026", "15/10/2026", "2026/10/15", "15.10.2026", "Oct 15, 2026", "today"),
            *("20261015", "2026-W42-4", "2026-288", "2026-10-15\n", " 2026-10-15", "", "T"),
            "\u0662\u0660\u0662\u0666-10-15",
            *(20261015, 1792022400, 1792022400.5, True, ["2026-10-15"], {"date": "2026-10-15"}),
        )
    ),
    *(
        _changed(f"{value} is not accepted", OUT_OF_RANGE, "usage_date", usage_date=value)
        for value in (
            *("2026-08-31", "2026-09-01T03:59:59Z", "2000-01-01"),  # before the start
            *("2026-11-01", "2026-11-01T04:00:00Z", "2099-12-31"),  # after the open term
        )
    ),
]

BODIES = [
    _changed("an unknown field", "unknown_field", "quantitty", quantitty="22"),
    _changed("a field of the server", "unknown_field", "version", version=7),
    _changed("the site as a field", "unknown_field", "site", site="refusals-other"),
    _changed("an unknown field with a long name", "unknown_field", "x" * 100, **{"x" * 50_000: 1}),
    _raw("a name twice", 400, MALFORMED, GOOD[:-1] + b',"quantity":"23"}', "quantity"),
    _raw("a name twice, inside", 400, MALFORMED, b'{"a":{"b":1,"b":2}}', "b"),
    _raw("a name twice that is no text", 400, MALFORMED, rb'{"\ud800":1,"\ud800":2}', "?"),
    _raw("nesting 100 000 deep", 400, MALFORMED, b"[" * 100_000),
    _raw("objects 100 000 deep", 400, MALFORMED, b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    _raw(
        "a note 100 000 deep", 400, MALFORMED, b'{"note":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    ),
    _raw("a lone surrogate", 400, MALFORMED, GOOD[:-1] + rb',"note":"\ud800"}'),
    _raw("a lone surrogate in a name", 400, MALFORMED, GOOD[:-1] + rb',"\udfff":"x"}'),
    _raw("surrogates in the wrong order", 400, MALFORMED, GOOD[:-1] + rb',"note":"\udc00\ud800"}'),
    _raw("a byte order mark", 400, MALFORMED, b"\xef\xbb\xbf" + GOOD),
    replace(_raw("a UTF-16 body", 400, MALFORMED, GOOD.decode().encode("utf-16")), is_base64=True),
    replace(_raw("invalid UTF-8", 400, MALFORMED, GOOD[:-1] + b',"note":"\xff"}'), is_base64=True),
    replace(
        _raw("an encoded surrogate", 400, MALFORMED, GOOD[:-1] + b',"note":"\xed\xa0\x80"}'),
        is_base64=True,
    ),
    replace(
        _raw("an overlong slash", 400, MALFORMED, GOOD[:-1] + b',"note":"\xc0\xaf"}'),
        is_base64=True,
    ),
    _raw("2 MB", 413, "payload_too_large", b'{"note":"' + b"x" * 2_000_000 + b'"}'),
    replace(_raw("2 MB as base64", 413, "payload_too_large", b" " * 2_000_000), is_base64=True),
    _raw("one byte too many", 413, "payload_too_large", GOOD + b" " * (1_048_577 - len(GOOD))),
    _raw("half a body", 400, MALFORMED, GOOD[:-9]),
    _raw("an empty body", 400, MALFORMED, b""),
    _raw("blanks", 400, MALFORMED, b" \n"),
    _raw("an array", 400, MALFORMED, b"[" + GOOD + b"]"),
    _raw("a string", 400, MALFORMED, b'"usage"'),
    _raw("a number", 400, MALFORMED, b"22"),
    _raw("null as the body", 400, MALFORMED, b"null"),
    _raw("two objects", 400, MALFORMED, GOOD + GOOD),
    _raw("something after the object", 400, MALFORMED, GOOD + b";"),
    _raw("single quotes", 400, MALFORMED, b"{'quantity': '22'}"),
    _raw("a comment", 400, MALFORMED, b"/* usage */" + GOOD),
    _raw("a comma at the end", 400, MALFORMED, GOOD[:-1] + b",}"),
    _raw("a line end in a string", 400, MALFORMED, GOOD[:-1] + b',"note":"a\nb"}'),
    _raw("a form", 400, MALFORMED, b"quantity=22&usage_date=2026-10-15"),
    _raw("an empty object", 422, "missing_field", b"{}", "usage_date"),
]

_MEDIA = "unsupported_media_type"
HEADERS = [
    _typed("no content type", 415, _MEDIA, content_type=""),
    _typed("text", 415, _MEDIA, content_type="text/plain"),
    _typed("a form's content type", 415, _MEDIA, content_type="application/x-www-form-urlencoded"),
    _typed("a binary content type", 415, _MEDIA, content_type="application/octet-stream"),
    _typed("another kind of JSON", 415, _MEDIA, content_type="application/jsonp"),
    _typed("a merge patch", 415, _MEDIA, content_type="application/merge-patch+json"),
    _typed("JSON in UTF-16", 415, _MEDIA, content_type="application/json; charset=utf-16"),
    _typed("JSON in Latin-1", 415, _MEDIA, content_type="application/json;charset=iso-8859-1"),
    _typed("two content types", 415, _MEDIA, content_type="application/json, text/plain"),
    _typed("compressed", 415, _MEDIA, content_encoding="gzip"),
    _typed("compressed in another way", 415, _MEDIA, content_encoding="br"),
    _case(
        "an idempotency key of 256",
        422,
        "invalid_field",
        "Idempotency-Key",
        body=USAGE,
        headers={"idempotency-key": "k" * 256},
    ),
]

CALLERS = [
    _case("no key", 401, "unauthenticated", body=USAGE, key=None),
    *(
        _shown(name, value)
        for name, value in (
            ("a scheme alone", "Bearer"),
            ("a scheme and a blank", "Bearer "),
            ("another scheme", "Token abc"),
            ("a digest", 'Digest username="x"'),
            ("a key that is not one", "Bearer let-me-in"),
            ("a key that is not ASCII", "Bearer pp_test_\u00e9"),
            ("a very long key", "Bearer " + "x" * 8000),
            ("Basic that is not base64", "Basic %%%"),
            ("Basic of nothing", "Basic "),
            ("Basic of no text", "Basic " + base64.b64encode(b"\xff\xfe:").decode()),
            ("Basic of a stranger", "Basic " + base64.b64encode(b"admin:admin").decode()),
        )
    ),
    *(
        _case(f"a key: {name}", 401, "unauthenticated", body=USAGE, key=name)
        for name in (
            *("revoked", "wrong checksum", "unknown", "wrong secret", "other mode"),
            *("truncated", "two"),
        )
    ),
    _case("a key of the live site", 404, "subscription_not_found", body=USAGE, key="live site"),
    *(
        _case(f"a key with {name}", 403, "forbidden", body=USAGE, key=name)
        for name in ("usage:read", "all but usage:write")
    ),
    # The caller is judged before the body, and the path before the caller.
    _case("no key and a broken body", 401, "unauthenticated", body=b"{", key=None),
    _case("the wrong scope and a broken body", 403, "forbidden", body=b"{", key="usage:read"),
]

_ONE = "/v1/subscriptions/calls/usages/MjAyNi0xMC0xNVQwNDowMDowMFojdm9pcC11c2Q"
PATHS = [
    _case("an unknown path", 404, "route_not_found", target="/v1/usage", body=USAGE),
    _case(
        "a usage that is no batch",
        422,
        "unknown_field",
        "item_price_id",
        target="/v1/usages",
        body=USAGE,
    ),
    _case(
        "a batch put",
        405,
        "method_not_allowed",
        method="PUT",
        target="/v1/usages",
        body={"usages": []},
        allow="GET, POST",
    ),
    _case("an unknown version", 404, "route_not_found", target="/v2/subscriptions/calls/usages"),
    _case("the root", 404, "route_not_found", method="GET", target="/", key=None),
    _case("a path too long", 404, "route_not_found", target=f"{USAGES}/one/two", body=USAGE),
    _case("a slash in the id", 404, "route_not_found", target="/v1/subscriptions/a%2Fb/usages"),
    _case("a usage put", 405, "method_not_allowed", method="PUT", body=USAGE, allow="GET, POST"),
    _case("usages deleted", 405, "method_not_allowed", method="DELETE", allow="GET, POST"),
    _case(
        "a usage patched",
        405,
        "method_not_allowed",
        method="PATCH",
        target=_ONE,
        body=USAGE,
        allow="DELETE, GET, PUT",
    ),
    _case("a parameter twice", 400, MALFORMED, "a", target=f"{USAGES}?a=1&a=2", body=USAGE),
    _case("too many parameters", 400, MALFORMED, target=f"{USAGES}?{'&' * 60}", body=USAGE),
    _case("a query that is no text", 400, MALFORMED, target=f"{USAGES}?a=%ff", body=USAGE),
    *(
        _case(name, 404, "usage_not_found", method="DELETE", target=f"{USAGES}/{usage_id}")
        for name, usage_id in (
            ("a usage that was never recorded", _ONE.rpartition("/")[2]),
            ("a usage id that is none", "nothing"),
            ("a usage id that is not ASCII", "%C3%A9"),
            ("a usage id in another spelling", _ONE.rpartition("/")[2] + "%3D"),
            ("a usage id of no date", base64.urlsafe_b64encode(b"2026#voip-usd").decode()),
            ("a usage id longer than any key", "A" * 4000),
        )
    ),
    _case(
        "a usage of no subscription",
        404,
        "usage_not_found",
        method="DELETE",
        target=_ONE.replace("calls", "nobody"),
    ),
    _case(
        "a deletion without a key", 401, "unauthenticated", method="DELETE", target=_ONE, key=None
    ),
    _case(
        "a deletion without the scope",
        403,
        "forbidden",
        method="DELETE",
        target=_ONE,
        key="usage:read",
    ),
]

CASES = [*PLACES, *QUANTITIES, *DATES, *BODIES, *HEADERS, *CALLERS, *PATHS]


def _send(counter: Counter, case: Case) -> Answer:
    return counter.functions.call(
        case.method,
        case.target,
        case.body,
        key=None if case.key is None else counter.keys[case.key],
        headers=case.headers,
        is_base64=case.is_base64,
    )


def test_no_two_cases_have_the_same_name() -> None:
    names = [case.name for case in CASES]

    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_bad_request_is_refused_and_writes_nothing(counter: Counter, case: Case) -> None:
    before = counter.functions.written()

    answer = _send(counter, case)

    check_refusal(
        answer,
        status=case.status,
        code=case.code,
        said=case.said,
        allow=case.allow,
        secrets=counter.secrets,
    )
    assert counter.functions.written() == before


def test_none_of_these_requests_left_a_usage(counter: Counter) -> None:
    for case in CASES[::20]:
        _send(counter, case)

    assert counter.functions.usages_of("refusals") == []


def test_a_key_of_another_site_finds_only_what_is_there(counter: Counter) -> None:
    target, key = "/v1/subscriptions/twins/usages", counter.keys["other site"]

    answer = counter.functions.call("POST", target, USAGE, key=key)

    assert (answer.status, answer.code) == (404, "subscription_not_found")
    assert counter.functions.usages_of("refusals-other") == []


def test_a_body_that_is_not_the_base64_it_claims_to_be_is_refused(counter: Counter) -> None:
    headers = {"content-type": "application/json", "authorization": f"Bearer {counter.shop.admin}"}
    event = http_event("POST", USAGES, headers=headers, body=b"{}")
    before = counter.functions.written()

    for body, is_base64 in (("a", True), ("{}", True), (GOOD.decode(), True), ("\ud800", False)):
        wrong = event | {"body": body, "isBase64Encoded": is_base64}
        answer = read_answer(counter.functions.invoke("RecordUsageFunction", wrong), wrong)
        check_refusal(answer, status=400, code=MALFORMED, said=None, secrets=counter.secrets)

    assert counter.functions.written() == before


def test_a_usage_older_than_400_days_is_refused(functions: Functions) -> None:
    now = datetime(2026, 10, 20, 12, tzinfo=UTC)
    shop = bare_shop(functions, "refusals-old", clock=datetime(2025, 1, 1, tzinfo=UTC))
    shop.must("POST", "/v1/items", CALLS)
    shop.must("POST", "/v1/item-prices", CALLS_PRICE)
    shop.must("POST", "/v1/customers", {"id": "harbor", "name": "Blue Harbor"})
    lines = [{"item_price_id": "voip-usd"}]
    subscription = {"id": "calls", "customer_id": "harbor", "start": "2025-01-01", "lines": lines}
    shop.must("POST", "/v1/subscriptions", subscription)
    sites = StoredSites(functions.billing)
    site = sites.get("refusals-old")
    assert site is not None
    ahead = int((now - datetime.now(UTC)).total_seconds())
    sites.replace(replace(site, clock_offset_seconds=ahead), over=site)
    oldest = now - timedelta(days=400)

    refused = shop.call("POST", USAGES, USAGE | {"usage_date": "2025-09-15"})
    accepted = shop.call("POST", USAGES, USAGE | {"usage_date": "2025-09-16"})

    check_refusal(refused, status=422, code=OUT_OF_RANGE, said="usage_date", secrets=[])
    assert refused.json["accepted_from"].startswith(oldest.date().isoformat())
    assert refused.json["accepted_before"] == "2026-11-01T00:00:00Z"
    assert accepted.status == 201


@pytest.mark.parametrize(
    ("spelled", "recorded"),
    [
        ('"999999999999999999.99999999999999999999"', "999999999999999999.99999999999999999999"),
        ("999999999999999999.99999999999999999999", "999999999999999999.99999999999999999999"),
        ('"0.00000000000000000001"', "0.00000000000000000001"),
        ("1e-20", "0.00000000000000000001"),
        ('"22.500"', "22.5"),
        ("22.500", "22.5"),
        ("1e2", "100"),
        ("1E+2", "100"),
        ('"100"', "100"),
        ("22", "22"),
    ],
)
def test_a_quantity_is_exact_to_18_and_20_digits(
    open_counter: Shop, spelled: str, recorded: str
) -> None:
    body = f'{{"item_price_id":"sms-usd","usage_date":"2026-10-15","id":"n","quantity":{spelled}}}'

    answer = open_counter.call("POST", USAGES, body.encode())
    deleted = open_counter.call("DELETE", f"{USAGES}/{answer.json['id']}")

    assert (answer.status, answer.json["quantity"]) == (201, recorded)
    assert deleted.status == 200


@pytest.mark.parametrize(
    "date",
    [
        "2026-09-01",  # the first day, which begins at 04:00 UTC in New York
        "2026-09-01T04:00:00Z",
        "2026-10-31T23:59:59-04:00",
        "2026-10-31",
        "2026-10-15T08:30:00+02:00",
        "2026-10-15T08:30:00.000-00:00",
    ],
)
def test_a_date_within_what_is_accepted_is_recorded(open_counter: Shop, date: str) -> None:
    body = {"item_price_id": "sms-usd", "usage_date": date, "id": "d", "quantity": "1"}

    answer = open_counter.call("POST", USAGES, body)
    deleted = open_counter.call("DELETE", f"{USAGES}/{answer.json['id']}")

    assert answer.status == 201, answer.text
    assert deleted.status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "application/json"},
        {"content-type": "application/json; charset=utf-8"},
        {"content-type": 'APPLICATION/JSON;charset="UTF-8"'},
        {"content-encoding": "identity"},
        {"idempotency-key": "k" * 255},
    ],
    ids=str,
)
@pytest.mark.parametrize("is_base64", [False, True], ids=["text", "base64"])
def test_an_odd_but_good_request_is_recorded(
    open_counter: Shop, headers: dict[str, str], is_base64: bool
) -> None:
    body = {"item_price_id": "sms-usd", "usage_date": "2026-10-15", "id": "h", "quantity": "1"}

    answer = open_counter.call("POST", USAGES, body, headers=headers, is_base64=is_base64)
    deleted = open_counter.call("DELETE", f"{USAGES}/{answer.json['id']}")

    assert answer.status == 201, answer.text
    assert deleted.status == 200


@pytest.mark.parametrize("scheme", ["Bearer {}", "bearer  {} ", "BEARER {}", "Basic"])
def test_a_key_may_be_shown_in_these_ways(open_counter: Shop, scheme: str) -> None:
    shown = scheme.format(open_counter.admin)
    if scheme == "Basic":
        shown = "Basic " + base64.b64encode(f"{open_counter.admin}:".encode()).decode()

    answer = open_counter.functions.call("GET", "/v1/site", headers={"authorization": shown})

    assert (answer.status, answer.json["id"]) == (200, "refusals-accepted")
