"""The control plane's refusals: each with its problem, and nothing written."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from postpaid.api.cursors import cursor_text
from postpaid.application.api_keys import KEYS_PER_SITE_MAX
from postpaid.domain.api_key import ApiKey, KeyScope
from postpaid.store.api_keys import StoredApiKeys
from tests.support.functions import Functions
from tests.support.refusals import Case, check_refusal
from tests.support.shop import (
    CALLS,
    CALLS_PRICE,
    CUSTOMER,
    SEATS_PRICE,
    SUBSCRIPTION,
    USAGES,
    Shop,
    bare_shop,
    open_shop,
)

pytestmark = pytest.mark.engine

MALFORMED = "malformed_request"
BAD = "invalid_field"
NOBODY = "inv_aaaaaaaaaaaaaaaaaaaaaaaa"


@dataclass(frozen=True, slots=True)
class Office:
    """A shop whose first month waits to be closed by hand, and another one."""

    shop: Shop
    other: Shop
    pending: str

    @property
    def secrets(self) -> list[str]:
        return [self.shop.admin, self.other.admin, *self.shop.functions.internals()]


@pytest.fixture(scope="module")
def office(functions: Functions) -> Office:
    shop, other = open_shop(functions, "control"), open_shop(functions, "control-other")
    euros = {**SEATS_PRICE, "id": "seat-eur", "currency": "EUR"}
    shop.must("POST", "/v1/item-prices", euros)
    for each in (shop, other):
        for n in range(3):
            each.must("POST", "/v1/customers", {"id": f"customer-{n}", "name": "Somebody"})
            usage = {"line_id": "texts", "usage_date": f"2026-10-0{n + 1}", "quantity": "1"}
            each.must("POST", USAGES, usage | {"id": "one"})
        each.work()
    [pending, _opening] = shop.invoices()
    assert pending["status"] == "pending"
    return Office(shop, other, pending["id"])


def _case(name: str, status: int, code: str, said: str | None = None, **how: Any) -> Case:
    return Case(name=name, status=status, code=code, said=said, **how)


def _changes(
    target: str, good: dict[str, Any], *rows: tuple[str, str, dict[str, Any]], method: str = "POST"
) -> list[Case]:
    """Make cases of a good body with some fields changed; `...` leaves one out."""
    cases = []
    for code, said, changes in rows:
        body = {key: value for key, value in (good | changes).items() if value is not ...}
        status = {"already_exists": 409}.get(code, 404 if code.endswith("_not_found") else 422)
        name = f"{method} {target} {str(changes).replace('Ellipsis', '...')[:70]}"
        case = _case(name, status, code, said, method=method, target=target, body=body)
        cases.append(case)
    return cases


def _gets(*rows: tuple[str, str]) -> list[Case]:
    return [_case(f"GET {p}"[:90], 404, code, method="GET", target=p) for p, code in rows]


ITEMS = _changes(
    "/v1/items",
    CALLS | {"id": "new"},
    ("missing_field", "name", {"name": ...}),
    (BAD, "name", {"name": None}),
    (BAD, "name", {"name": ""}),
    (BAD, "name", {"name": "   "}),
    (BAD, "name", {"name": "x" * 251}),
    (BAD, "name", {"name": "a\nb"}),
    (BAD, "name", {"name": "\u202egnp.exe"}),
    (BAD, "name", {"name": 7}),
    (BAD, "name", {"name": ["VoIP"]}),
    (BAD, "id", {"id": ""}),
    (BAD, "id", {"id": "a/b"}),
    (BAD, "id", {"id": ".."}),
    (BAD, "id", {"id": " a"}),
    (BAD, "id", {"id": "caf\u00e9"}),
    (BAD, "id", {"id": "a\n"}),
    (BAD, "id", {"id": "\x7f"}),
    (BAD, "id", {"id": "x" * 101}),
    (BAD, "id", {"id": 7}),
    (BAD, "type", {"type": "thing"}),
    (BAD, "type", {"type": None}),
    (BAD, "metered", {"metered": "true"}),
    (BAD, "metered", {"metered": 1}),
    (BAD, "metered", {"type": "charge"}),
    (BAD, "recording", {"metered": False, "recording": "events"}),
    (BAD, "recording", {"recording": "always"}),
    (BAD, "unit", {"unit": "x" * 31}),
    (BAD, "unit", {"unit": ""}),
    ("unknown_field", "integer_id", {"integer_id": 1}),
    ("unknown_field", "site", {"site": "control-other"}),
    ("unknown_field", "str", {"str": "x"}),
    ("already_exists", "id", {"id": "voip", "name": "Something else"}),
    ("already_exists", "id", {"id": "voip", "metered": False}),
)

PRICES = _changes(
    "/v1/item-prices",
    CALLS_PRICE | {"id": "new"},
    ("missing_field", "item_id", {"item_id": ...}),
    ("item_not_found", "item_id", {"item_id": "nothing"}),
    (BAD, "item_id", {"item_id": "a/b"}),
    (BAD, "item_id", {"item_id": "x" * 3000}),
    (BAD, "id", {"id": "a/b"}),
    ("missing_field", "pricing_model", {"pricing_model": ...}),
    (BAD, "pricing_model", {"pricing_model": "per_whim"}),
    (BAD, "pricing_model", {"pricing_model": ["per_unit"]}),
    ("missing_field", "unit_amount", {"unit_amount": ...}),
    ("missing_field", "amount", {"pricing_model": "flat_fee"}),
    ("unknown_field", "amount", {"amount": "1"}),
    ("unknown_field", "version", {"version": 2}),
    (BAD, "unit_amount", {"unit_amount": "-0.05"}),
    (BAD, "unit_amount", {"unit_amount": "5e-2"}),
    (BAD, "unit_amount", {"unit_amount": "NaN"}),
    (BAD, "unit_amount", {"unit_amount": ""}),
    (BAD, "unit_amount", {"unit_amount": True}),
    (BAD, "unit_amount", {"unit_amount": {"amount": "1"}}),
    (BAD, "unit_amount", {"unit_amount": "9" * 40}),
    (BAD, "base_fee", {"base_fee": "-1"}),
    (BAD, "base_fee", {"base_fee": "ten"}),
    (BAD, "base_fee", {"base_fee": False}),
    (BAD, "base_fee", {"item_id": "seat"}),
    (BAD, "setup_fee", {"setup_fee": "-1"}),
    (BAD, "setup_fee", {"setup_fee": "ten"}),
    (BAD, "setup_fee", {"setup_fee": False}),
    (BAD, "currency", {"currency": "usd"}),
    (BAD, "currency", {"currency": "XXX"}),
    (BAD, "currency", {"currency": ""}),
    (BAD, "currency", {"currency": 840}),
    ("already_exists", "id", {"id": "voip-usd", "unit_amount": "0.06"}),
    ("already_exists", "id", {"id": "voip-usd", "base_fee": ...}),
    ("already_exists", "id", {"id": "voip-usd", "setup_fee": "1"}),
)

CUSTOMERS = _changes(
    "/v1/customers",
    CUSTOMER | {"id": "new"},
    ("missing_field", "name", {"name": ...}),
    (BAD, "email", {"email": "nobody"}),
    (BAD, "email", {"email": "a@b"}),
    (BAD, "email", {"email": "a@b.example\n"}),
    (BAD, "email", {"email": "a@b.example\r\nBcc: c@d.example"}),
    (BAD, "email", {"email": "a b@c.example"}),
    (BAD, "email", {"email": f"{'x' * 250}@b.example"}),
    (BAD, "address", {"address": "1 Harbour Road"}),
    (BAD, "address", {"address": ["x"] * 9}),
    (BAD, "address[1]", {"address": ["x", ""]}),
    (BAD, "address[0]", {"address": [1]}),
    (BAD, "tax_id", {"tax_id": "x" * 51}),
    (BAD, "closing", {"closing": "manual"}),
    ("missing_field", "closing.mode", {"closing": {}}),
    (BAD, "closing.mode", {"closing": {"mode": "later"}}),
    (BAD, "closing.after_hours", {"closing": {"mode": "auto", "after_hours": -1}}),
    (BAD, "closing.after_hours", {"closing": {"mode": "auto", "after_hours": 1201}}),
    (BAD, "closing.after_hours", {"closing": {"mode": "auto", "after_hours": "24"}}),
    (BAD, "closing.after_hours", {"closing": {"mode": "auto", "after_hours": 1.5}}),
    (BAD, "closing.after_hours", {"closing": {"mode": "auto", "after_hours": 10**30}}),
    (BAD, "closing.after_hours", {"closing": {"mode": "auto", "after_hours": True}}),
    ("unknown_field", "closing.hours", {"closing": {"mode": "auto", "hours": 1}}),
    ("already_exists", "id", {"id": "harbor", "name": "Red Harbor"}),
)

_LINE = {"item_price_id": "voip-usd"}


def _own(**pricing: object) -> dict[str, Any]:
    """Return the line with a price of its own, by the unit but for what is named."""
    plain = {**pricing, "pricing_model": "per_unit"}  # first what makes the name of a case
    return {"pricing": {**plain, "unit_amount": pricing.get("unit_amount", "0.03")}, **_LINE}


SUBSCRIPTIONS = _changes(
    "/v1/subscriptions",
    SUBSCRIPTION | {"id": "new"},
    ("missing_field", "customer_id", {"customer_id": ...}),
    ("customer_not_found", "customer_id", {"customer_id": "nobody"}),
    (BAD, "customer_id", {"customer_id": "no/body"}),
    ("missing_field", "lines", {"lines": ...}),
    (BAD, "lines", {"lines": []}),
    (BAD, "lines", {"lines": [_LINE] * 51}),
    (BAD, "lines", {"lines": _LINE}),
    ("missing_field", "lines[0].item_price_id", {"lines": [{}]}),
    ("item_price_not_found", "lines[0].item_price_id", {"lines": [{"item_price_id": "x"}]}),
    (BAD, "lines[1].item_price_id", {"lines": [_LINE, {"item_price_id": "seat-eur"}]}),
    (BAD, "lines[1].id", {"lines": [_LINE | {"id": "a"}, _LINE | {"id": "a"}]}),
    (BAD, "lines[0].id", {"lines": [_LINE | {"id": "a/b"}]}),
    (BAD, "lines[0].quantity", {"lines": [_LINE | {"quantity": "2"}]}),
    (BAD, "lines[0].quantity", {"lines": [{"item_price_id": "seat-usd", "quantity": "0"}]}),
    (BAD, "lines[0].quantity", {"lines": [{"item_price_id": "seat-usd", "quantity": "-1"}]}),
    (BAD, "lines[0].quantity", {"lines": [{"item_price_id": "seat-usd", "quantity": "NaN"}]}),
    (BAD, "lines[0].quantity", {"lines": [{"item_price_id": "seat-usd", "quantity": True}]}),
    (BAD, "lines[0].pricing", {"lines": [{"pricing": "0.01"} | _LINE]}),
    (BAD, "lines[0].pricing.pricing_model", {"lines": [{"pricing": {}} | _LINE]}),
    (BAD, "lines[0].pricing.unit_amount", {"lines": [_own(unit_amount="-1")]}),
    (BAD, "lines[0].pricing.unit_amount", {"lines": [_own(unit_amount=True)]}),
    ("unknown_field", "lines[0].pricing.base_fee", {"lines": [_own(base_fee="1")]}),
    ("unknown_field", "lines[0].price", {"lines": [_LINE | {"price": "0.01"}]}),
    ("unknown_field", "lines[0].int", {"lines": [_LINE | {"int": 1}]}),
    (BAD, "timezone", {"timezone": "America/Boston"}),
    (BAD, "timezone", {"timezone": ""}),
    (BAD, "timezone", {"timezone": "+02:00"}),
    (BAD, "timezone", {"timezone": "../../etc/passwd"}),
    (BAD, "timezone", {"timezone": "America"}),
    (BAD, "timezone", {"timezone": "x" * 5000}),
    (BAD, "start", {"start": "2026-02-30"}),
    (BAD, "start", {"start": "2026-09-01T00:00:00"}),
    (BAD, "start", {"start": ""}),
    (BAD, "start", {"start": 20260901}),
    (BAD, "start", {"start": "2025-09-14"}),
    (BAD, "start", {"start": "2036-12-31"}),
    *(
        (BAD, "usage_shards", {"usage_shards": n})
        for n in (-1, 0, 17, 10**30, 8.0, "8", True, None)
    ),
    ("already_exists", "id", {"id": "calls", "usage_shards": 2}),
    ("already_exists", "id", {"id": "calls", "opening_pending": True}),
    (BAD, "opening_pending", {"opening_pending": "perhaps"}),
    ("already_exists", "id", {"id": "calls", "start": "2026-09-02"}),
    ("already_exists", "id", {"id": "calls", "customer_id": "customer-1"}),
)

_ANY_SHARDS: tuple[object, ...] = (1, 8, 17, "8", None, [])
CHANGES = [
    *_changes(
        "/v1/subscriptions/calls",
        {},
        ("missing_field", None, {}),  # type: ignore[arg-type]
        (BAD, "closing.mode", {"closing": {"mode": "never"}}),
        ("unknown_field", "start", {"closing": None, "start": "2026-09-02"}),
        *((BAD, "usage_shards", {"usage_shards": n}) for n in _ANY_SHARDS),
        (BAD, "usage_shards", {"usage_shards": 8, "closing": None}),
        (BAD, "usage_shards", {"usage_shards": 8, "timezone": "UTC"}),
        method="PATCH",
    ),
    *_changes(
        "/v1/subscriptions/nobody",
        {},
        ("subscription_not_found", None, {"closing": None}),  # type: ignore[arg-type]
        method="PATCH",
    ),
    *_changes(
        "/v1/site",
        {},
        (BAD, "timezone", {"timezone": "Mars/Olympus_Mons"}),
        (BAD, "timezone", {"timezone": ""}),
        (BAD, "currency", {"currency": "DOGE"}),
        (BAD, "currency", {"currency": ""}),
        ("missing_field", "seller.name", {"seller": {"address": []}}),
        (BAD, "seller.email", {"seller": {"name": "S", "email": "x"}}),
        (BAD, "number_prefix", {"number_prefix": "x" * 21}),
        (BAD, "number_prefix", {"number_prefix": "\u2116"}),
        (BAD, "number_prefix", {"number_prefix": "A\n"}),
        (BAD, "closing.after_hours", {"closing": {"mode": "auto", "after_hours": 1201}}),
        ("unknown_field", "test", {"test": False}),
        ("unknown_field", "clock_offset_seconds", {"clock_offset_seconds": 1}),
        method="PATCH",
    ),
]

KEYS = [
    *_changes(
        "/v1/api-keys",
        {"scopes": ["read"]},
        ("missing_field", "scopes", {"scopes": ...}),
        (BAD, "scopes", {"scopes": []}),
        (BAD, "scopes", {"scopes": "read"}),
        (BAD, "scopes", {"scopes": ["root"]}),
        (BAD, "scopes", {"scopes": ["read", "READ"]}),
        (BAD, "scopes", {"scopes": ["read"] * 6}),
        (BAD, "scopes[0]", {"scopes": [7]}),
        (BAD, "label", {"label": ""}),
        ("unknown_field", "site", {"site": "control-other"}),
        ("unknown_field", "key", {"key": "pp_test_x"}),
    ),
    *(
        _case(
            f"DELETE {key:.20}", 404, "key_not_found", method="DELETE", target=f"/v1/api-keys/{key}"
        )
        for key in ("z" * 16, "nothing", "x" * 4000, "%C3%A9", "META")
    ),
]

UNKNOWN = _gets(
    ("/v1/item-families/nothing", "item_family_not_found"),
    ("/v1/items/nothing", "item_not_found"),
    ("/v1/items/" + "x" * 3000, "item_not_found"),
    ("/v1/items/voip%23", "item_not_found"),
    ("/v1/items/voip%250", "item_not_found"),
    ("/v1/item-prices/nothing", "item_price_not_found"),
    ("/v1/customers/nobody", "customer_not_found"),
    ("/v1/customers/nobody/invoices", "customer_not_found"),
    ("/v1/subscriptions/nobody", "subscription_not_found"),
    ("/v1/subscriptions/nobody/invoices", "subscription_not_found"),
    ("/v1/subscriptions/nobody/usages", "subscription_not_found"),
    (f"/v1/subscriptions/{'x' * 3000}/usages", "subscription_not_found"),
    ("/v1/subscriptions/nobody/usages/x", "usage_not_found"),
    ("/v1/subscriptions/calls/usages/x", "usage_not_found"),
    (f"/v1/subscriptions/calls/usages/{'A' * 4000}", "usage_not_found"),
    (f"/v1/invoices/{NOBODY}", "invoice_not_found"),
    (f"/v1/invoices/{NOBODY}/pdf", "invoice_not_found"),
    (f"/v1/invoices/{NOBODY}/usages-pdf", "invoice_not_found"),
    ("/v1/invoices/nothing", "invoice_not_found"),
    ("/v1", "route_not_found"),
    ("/v1/", "route_not_found"),
    ("/v1/nothing", "route_not_found"),
    ("/v1/items/a/b", "route_not_found"),
    ("/v1/items/a%2Fb", "route_not_found"),
    ("/V1/items", "route_not_found"),
    ("/v1/../v1/items", "route_not_found"),
    ("/favicon.ico", "route_not_found"),
)

METHODS = [
    _case(
        f"{method} {target}", 405, "method_not_allowed", method=method, target=target, allow=allow
    )
    for method, target, allow in (
        ("PUT", "/v1/items", "GET, POST"),
        ("DELETE", "/v1/items/voip", "GET, PATCH"),
        ("DELETE", "/v1/item-families/voip", "GET, PATCH"),
        ("PUT", "/v1/customers/harbor", "DELETE, GET, PATCH"),
        ("DELETE", "/v1/subscriptions/calls", "GET, PATCH"),
        ("POST", "/v1/site", "GET, PATCH"),
        ("GET", "/v1/api-keys/x", "DELETE"),
        ("GET", f"/v1/invoices/{NOBODY}/close", "POST"),
        ("OPTIONS", "/v1/items", "GET, POST"),
        ("HEAD", "/v1/items", "GET, POST"),
        ("GET%0d%0a", "/v1/items", "GET, POST"),
    )
]

INVOICES = [
    _case(
        "close an unknown invoice",
        404,
        "invoice_not_found",
        method="POST",
        target=f"/v1/invoices/{NOBODY}/close",
    ),
    _case(
        "close with a field",
        422,
        "unknown_field",
        "force",
        method="POST",
        target=f"/v1/invoices/{NOBODY}/close",
        body={"force": True},
    ),
    _case(
        "close with a broken body",
        400,
        MALFORMED,
        method="POST",
        target=f"/v1/invoices/{NOBODY}/close",
        body=b"{",
    ),
    _case(
        "close with a body of another type",
        415,
        "unsupported_media_type",
        method="POST",
        target=f"/v1/invoices/{NOBODY}/close",
        body=b"{}",
        headers={"content-type": "text/plain"},
    ),
]

LISTED = [
    "/v1/items",
    "/v1/item-prices",
    "/v1/customers",
    "/v1/subscriptions",
    "/v1/invoices",
    "/v1/customers/harbor/invoices",
    "/v1/subscriptions/calls/invoices",
    USAGES,
]

LISTS = [
    *(
        _case(
            f"limit {limit:.12} of {len(limit)}",
            400,
            MALFORMED,
            "limit",
            method="GET",
            target=f"/v1/items?limit={quote(limit)}",
        )
        for limit in (
            *("0", "-1", "101", "ten", "", "1.5", "1e1", " 5", "5 ", "\u0663", "\u00b2"),
            *("0000000059999999", "1" + "0" * 5000, "9" * 9, "0" * 10 + "5"),
        )
    ),
    *(
        _case(f"{name} at {target}", 400, code, said, method="GET", target=f"{target}?{query}")
        for target in LISTED
        for name, code, said, query in (
            ("limit 101", MALFORMED, "limit", "limit=101"),
            ("limit twice", MALFORMED, "limit", "limit=1&limit=2"),
            ("an unknown parameter", MALFORMED, "page", "page=2"),
            ("an empty cursor", "invalid_cursor", "cursor", "cursor="),
            ("an invented cursor", "invalid_cursor", "cursor", "cursor=abc"),
            ("a cursor of no list", "invalid_cursor", "cursor", "cursor=e30"),
            ("a cursor of no text", "invalid_cursor", "cursor", "cursor=%C3%A9"),
            ("a cursor nested deep", "invalid_cursor", "cursor", "cursor=" + "W1tb" * 290),
            ("a cursor too long", "invalid_cursor", "cursor", "cursor=" + "W1tb" * 2000),
        )
    ),
    _case(
        "a parameter of the keys",
        400,
        MALFORMED,
        "limit",
        method="GET",
        target="/v1/api-keys?limit=5",
    ),
    *(
        _case(f"usages {query}", 422, BAD, said, method="GET", target=f"{USAGES}?{query}")
        for said, query in (
            ("start", "start=yesterday"),
            ("start", "start=2026-02-30"),
            ("start", "start=2026-10-15T08:30:00%2B25:00"),
            ("start", "start=2026-10-15T08:30:00+02:00"),  # a plus in a query is a blank
            ("start", "start="),
            ("end", "end=10000-01-01"),
            ("end", "start=2026-10-15&end=2026-10-15"),
            ("end", "start=2026-10-15&end=2026-10-14"),
        )
    ),
]

_TEXT = {"content-type": "text/plain"}
BODIES = [
    _case(f"{name} {method} {target}", status, code, said, method=method, target=target, **how)
    for method, target in (
        ("POST", "/v1/item-families"),
        ("POST", "/v1/items"),
        ("POST", "/v1/item-prices"),
        ("POST", "/v1/customers"),
        ("POST", "/v1/subscriptions"),
        ("PATCH", "/v1/items/voip"),
        ("PATCH", "/v1/customers/harbor"),
        ("PATCH", "/v1/subscriptions/calls"),
        ("PATCH", "/v1/site"),
        ("POST", "/v1/api-keys"),
    )
    for name, status, code, said, how in (
        ("no body", 415, "unsupported_media_type", None, {}),
        ("text", 415, "unsupported_media_type", None, {"body": b"a", "headers": _TEXT}),
        ("half a body", 400, MALFORMED, None, {"body": b'{"name":'}),
        ("an array", 400, MALFORMED, None, {"body": b"[]"}),
        ("a name twice", 400, MALFORMED, "id", {"body": b'{"id":"a","id":"b"}'}),
        ("a surrogate", 400, MALFORMED, None, {"body": rb'{"name":"\ud800"}'}),
        ("deep nesting", 400, MALFORMED, None, {"body": b'{"a":' * 100_000}),
        ("2 MB", 413, "payload_too_large", None, {"body": b" " * 2_000_000}),
    )
]  # fmt: skip

CASES = [
    *ITEMS,
    *PRICES,
    *CUSTOMERS,
    *SUBSCRIPTIONS,
    *CHANGES,
    *KEYS,
    *UNKNOWN,
    *METHODS,
    *INVOICES,
    *LISTS,
    *BODIES,
]


def test_no_two_cases_have_the_same_name() -> None:
    names = [case.name for case in CASES]

    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_bad_request_is_refused_and_writes_nothing(office: Office, case: Case) -> None:
    before = office.shop.functions.written()

    answer = office.shop.call(case.method, case.target, case.body, headers=case.headers)

    check_refusal(
        answer,
        status=case.status,
        code=case.code,
        said=case.said,
        allow=case.allow,
        secrets=office.secrets,
    )
    assert office.shop.functions.written() == before


def _cursor(shop: Shop, target: str) -> str:
    cursor = shop.must("GET", target)["next_cursor"]
    assert isinstance(cursor, str)
    return cursor


def _assert_bad_cursor(office: Office, target: str, cursor: str, *, by: Shop | None = None) -> None:
    joint = "&" if "?" in target else "?"
    answer = (by or office.shop).call("GET", f"{target}{joint}cursor={cursor}")
    check_refusal(answer, status=400, code="invalid_cursor", said="cursor", secrets=office.secrets)


def test_a_cursor_serves_its_own_list_only(office: Office) -> None:
    cursor = _cursor(office.shop, "/v1/customers?limit=1")
    page = office.shop.must("GET", f"/v1/customers?limit=2&cursor={cursor}")
    assert len(page["data"]) == 2

    for other in LISTED:
        if other != "/v1/customers":
            _assert_bad_cursor(office, other, cursor)


def test_a_cursor_of_another_site_is_refused(office: Office) -> None:
    for target in ("/v1/customers", "/v1/items", USAGES, "/v1/subscriptions/calls/invoices"):
        theirs = _cursor(office.other, f"{target}?limit=1")

        _assert_bad_cursor(office, target, theirs)
        assert office.other.call("GET", f"{target}?cursor={theirs}").status == 200


def test_a_cursor_keeps_to_the_filters_it_was_made_with(office: Office) -> None:
    cursor = _cursor(office.shop, f"{USAGES}?limit=1&line_id=texts")

    _assert_bad_cursor(office, USAGES, cursor)
    _assert_bad_cursor(office, f"{USAGES}?line_id=voip-usd", cursor)
    _assert_bad_cursor(office, f"{USAGES}?line_id=texts&start=2026-10-01", cursor)
    assert office.shop.call("GET", f"{USAGES}?line_id=texts&cursor={cursor}").status == 200


@pytest.mark.parametrize("target", ["/v1/customers", USAGES, "/v1/subscriptions/calls/invoices"])
def test_a_cursor_that_is_altered_anywhere_is_refused(office: Office, target: str) -> None:
    cursor = _cursor(office.shop, f"{target}?limit=1")
    # The last character also holds bits that mean nothing.
    for place in range(0, len(cursor) - 1, 3):
        letter = "A" if cursor[place] != "A" else "B"
        _assert_bad_cursor(office, target, f"{cursor[:place]}{letter}{cursor[place + 1 :]}")


@pytest.mark.parametrize(
    ("target", "listing", "place"),
    [
        ("/v1/items", "items", ["nonsense"]),
        ("/v1/items", "items", [""]),
        ("/v1/items", "items", ["2026-0Z-01T00:00:00Z#voip"]),
        ("/v1/items", "items", ["2026-1-1T0:0:0Z#voip"]),
        ("/v1/items", "items", ["2026-10-01T00:00:00Z#\ud800"]),
        ("/v1/items", "items", ["2026-10-01T00:00:00Z#a", "b"]),
        ("/v1/items", "items", []),
        (USAGES, "subscriptions/calls/usages", ["nonsense"]),
        (USAGES, "subscriptions/calls/usages", ["\u00e9"]),
        (USAGES, "subscriptions/calls/usages", [""]),
        (
            "/v1/subscriptions/calls/invoices",
            "subscriptions/calls/invoices",
            ["calls", "yesterday"],
        ),
        ("/v1/subscriptions/calls/invoices", "subscriptions/calls/invoices", ["calls"]),
        ("/v1/customers/harbor/invoices", "customers/harbor/invoices", ["calls", "2026-10-01"]),
    ],
)
def test_a_cursor_that_a_client_made_itself_is_refused(
    office: Office, target: str, listing: str, place: list[str]
) -> None:
    cursor = cursor_text(place, office.shop.site.scope, listing, {})

    _assert_bad_cursor(office, target, cursor)


def test_the_document_of_a_pending_invoice_is_not_ready(office: Office) -> None:
    answer = office.shop.call("GET", f"/v1/invoices/{office.pending}/pdf")

    check_refusal(answer, status=409, code="pdf_not_ready", said=None, secrets=office.secrets)


def test_a_key_cannot_revoke_itself_nor_one_of_another_site(office: Office) -> None:
    own, theirs = office.shop.admin.split("_")[2], office.other.admin.split("_")[2]

    itself = office.shop.call("DELETE", f"/v1/api-keys/{own}")
    other = office.shop.call("DELETE", f"/v1/api-keys/{theirs}")

    check_refusal(itself, status=422, code=BAD, said="id", secrets=office.secrets)
    check_refusal(other, status=404, code="key_not_found", said=None, secrets=office.secrets)
    assert office.shop.call("GET", "/v1/site").status == 200
    assert office.other.call("GET", "/v1/site").status == 200


def test_a_site_has_a_bounded_number_of_keys(functions: Functions) -> None:
    shop = bare_shop(functions, "control-keys")
    last = shop.must("POST", "/v1/api-keys", {"scopes": ["read"]})
    for n in range(KEYS_PER_SITE_MAX - 2):
        StoredApiKeys(functions.billing).add(
            ApiKey(
                id=f"spare{n:011d}",
                scope=shop.site.scope,
                test=True,
                digest="none",
                scopes=frozenset({KeyScope.READ}),
                label="spare",
                created_at=shop.site.created_at,
            )
        )

    answer = shop.call("POST", "/v1/api-keys", {"scopes": ["read"]})
    shop.must("DELETE", f"/v1/api-keys/{last['id']}")
    again = shop.call("POST", "/v1/api-keys", {"scopes": ["read"]})

    check_refusal(answer, status=422, code="limit_exceeded", said=None, secrets=[shop.admin])
    assert again.status == 201


def test_all_mistakes_of_a_body_are_named_at_once(office: Office) -> None:
    body = {"name": "", "metered": "yes", "colour": "red"}

    answer = office.shop.call("POST", "/v1/items", body)

    check_refusal(answer, status=422, code=BAD, said="name", secrets=office.secrets)
    assert [(each["code"], each["field"]) for each in answer.json["errors"]] == [
        (BAD, "name"),
        (BAD, "metered"),
        ("unknown_field", "colour"),
    ]
