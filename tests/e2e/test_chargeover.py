"""The ChargeOver door on the deployed stack, by plain HTTP, as the vendor's libraries speak it."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit
from urllib.request import HTTPBasicAuthHandler, HTTPPasswordMgrWithDefaultRealm, build_opener

import pytest

from postpaid.domain.api_key import KeyPair
from postpaid.runtime.clock import real_now
from postpaid_cli.provision import provision_local
from postpaid_cli.stack import LocalStack
from tests.support.client import HttpClient, Reply, exchange, wait_for
from tests.support.over import basic
from tests.support.signer import Signer

pytestmark = pytest.mark.stack

ARTICLE = {
    "line_item_id": None,
    "usage_value": 22,
    "from": "2015-09-15 00:00:00",
    "to": "2015-09-15 23:59:59",
}
CALLS_MIN = 60


@dataclass
class Article:
    """A test site whose clock begins with September 2015, and every call that was made of it."""

    stack: LocalStack
    keys: dict[str, str]
    calls: set[str] = field(default_factory=set)

    def send(self, method: str, target: str, body: object = None, *, keys: bool = True) -> Reply:
        """Send a request to a path below `/api/v3`; bytes go as they are."""
        base = urlsplit(self.stack.base_url)
        headers = {} if body is None else {"Content-Type": "application/json"}
        if keys:
            headers["Authorization"] = basic(self.keys["public_key"], self.keys["private_key"])
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        reply = exchange(base.netloc, method, f"{base.path}/api/v3{target}", raw, headers)
        self.calls.add(f"{method} {target}")
        assert reply.json.keys() == {"code", "status", "message", "details", "response"}
        assert reply.json["code"] == reply.status
        return reply

    def must(self, method: str, target: str, body: object = None) -> Any:
        """Send a request that must succeed by exactly the status that clients wait for."""
        reply = self.send(method, target, body)
        is_action = "_action" in target or "?action" in target or target.startswith("/_")
        wanted = {"GET": 200, "PUT": 202, "DELETE": 200, "POST": 200 if is_action else 201}
        if "bulk" in target and target.startswith("/usage"):
            wanted["POST"] = 201
        assert reply.status == wanted[method], (method, target, reply)
        return reply.json["response"]

    def refused(self, method: str, target: str, body: object = None, status: int = 400) -> str:
        """Send what must be refused; return the message."""
        reply = self.send(method, target, body)
        assert reply.status == status, (method, target, reply)
        assert reply.json["status"] == "Error"
        return str(reply.json["message"])

    def to(self, instant: str) -> None:
        """Move the site's clock; whatever is due till then is done."""
        native = HttpClient(self.stack, self.keys["admin_key"])

        def look() -> bool | None:
            reply = native.send("POST", "/v1/test-clock/advance", {"to": instant})
            assert reply.status in {200, 409, 422, 503}, reply
            return True if reply.status == 200 else None

        wait_for(f"the clock at {instant}", look)


@pytest.fixture(scope="module")
def article(stack: LocalStack) -> Article:
    keys = provision_local(
        stack.outputs, stack.engine.endpoint, "2015-09-01T00:00:00Z", site_id="article"
    )
    return Article(stack, keys)


@dataclass(frozen=True)
class Voip:
    """The article's package: 10.00 a month and 0.05 a minute."""

    customer: int
    item: int
    package: int
    line: int


@pytest.fixture(scope="module")
def voip(article: Article) -> Voip:
    customer = article.must(
        "POST",
        "/customer",
        {"company": "Another Customer", "external_key": "voip-customer", "bill_state": "VT"},
    )["id"]
    item = article.must(
        "POST",
        "/item",
        {
            "name": "VoIP Service",
            "type": "service",
            "external_key": "voip",
            "units": "minute",
            "is_usage": True,
            "pricemodel": {
                "base": 10,
                "setup": 0,
                "paycycle": "mon",
                "pricemodel": "uni",
                "tiers": [{"unit_from": 1, "unit_to": 9999, "amount": 0.05}],
            },
        },
    )["id"]
    package = article.must(
        "POST",
        "/package",
        {
            "customer_id": customer,
            "paycycle": "mon",
            "external_key": "package-713",
            "holduntil_datetime": "2015-10-01 00:00:00",
            "line_items": [{"item_id": item, "external_key": "line-854"}],
        },
    )["id"]
    shown = article.must("GET", f"/package/{package}")
    assert next(iter(shown)) == "line_items"
    [line] = shown["line_items"]
    assert line["tierset"]["base"] == 10
    assert line["tierset"]["tiers"][0]["amount"] == 0.05
    return Voip(customer, item, package, line["line_item_id"])


MONTH = [("2015-09-15", 22), ("2015-09-16", 100), ("2015-09-17", "39.5"), ("2015-09-30", 199.5)]


def test_the_article_is_walked_from_the_service_to_its_invoice(
    article: Article, voip: Voip
) -> None:
    """A service and a package, 22 minutes on 15 September, 361 in the month, 28.05 in the end."""
    used = {**ARTICLE, "line_item_id": voip.line}
    first = article.must("POST", "/usage", used)["id"]
    for day, minutes in MONTH[1:]:
        record = {"line_item_id": voip.line, "usage_value": minutes, "from": day}
        article.must("POST", "/usage", record)
    rows = article.must("GET", f"/usage?where=line_item_id:EQUALS:{voip.line}&limit=500")
    assert sum(row["usage_value"] for row in rows) == 361
    assert rows[0]["usage_history_id"] == first

    article.to("2015-10-01T02:00:00Z")

    [invoice] = article.must(
        "GET", f"/invoice?where=package_id:EQUALS:{voip.package}&expand=line_items"
    )
    lines = [
        (line["line_rate"], line["line_quantity"], line["line_total"], line["is_usage"])
        for line in invoice["line_items"]
    ]
    assert lines == [(10, 1, 10, False), (0.05, 361, 18.05, True)]
    assert (invoice["total"], invoice["sum_base"], invoice["sum_usage"]) == (28.05, 10, 18.05)
    assert (invoice["cycle_post_from_date"], invoice["cycle_post_to_date"]) == (
        "2015-09-01",
        "2015-09-30",
    )
    assert invoice["invoice_status_str"] == "open-unpaid"
    whole = article.must("GET", f"/invoice/{invoice['invoice_id']}")
    assert whole["line_items"] == invoice["line_items"]


def test_an_invoice_is_paid_and_another_is_voided(article: Article, voip: Voip) -> None:
    [invoice] = article.must("GET", f"/invoice?where=customer_id:EQUALS:{voip.customer}")
    number = invoice["invoice_id"]
    payment = {
        "customer_id": voip.customer,
        "transaction_type": "pay",
        "applied_to": [{"invoice_id": number, "applied": 28.05}],
        "external_key": "wire-7",
    }

    paid = article.must("POST", "/transaction", payment)["id"]
    again = article.must("POST", "/transaction", payment)["id"]

    assert paid == again
    assert article.must("GET", f"/transaction/{paid}")["amount"] == 28.05
    assert article.must("GET", "/transaction?limit=1")[0]["transaction_id"] == paid
    assert article.must("GET", "/transaction/_count") == 1
    assert article.must("GET", f"/invoice/{number}")["invoice_status_str"] == "closed-paid"
    assert article.refused("POST", f"/invoice/{number}/_action/void")
    article.must(
        "POST",
        "/usage",
        {"line_item_id": voip.line, "usage_value": 1, "from": "2015-10-01 01:00:00"},
    )
    made = article.must("POST", f"/package/{voip.package}?action=invoice")["id"]
    assert article.must("POST", f"/invoice/{made}?action=void") is True
    assert article.must("GET", f"/invoice/{made}")["is_void"] is True
    assert article.must("GET", "/invoice/_count") == 2
    assert article.must("GET", "/invoice?order=invoice_date:DESC&limit=1")

    def look() -> str | None:
        reply = article.send("POST", f"/invoice/{number}/_action/pdf")
        return str(reply.json["response"]["url"]) if reply.status == 200 else None

    assert "http" in wait_for("the document", look)


def test_usage_is_recorded_in_bulk_and_once_under_its_key(article: Article, voip: Voip) -> None:
    day = {"line_item_id": voip.line, "from": "2015-10-01 00:30:00"}
    keyed = {**day, "usage_value": 2.5, "external_key": "pump-7"}
    before = article.must("GET", f"/usage/_count?where=line_item_id:EQUALS:{voip.line}")

    first = article.must("POST", "/usage", keyed)["id"]
    assert article.must("POST", "/usage", keyed)["id"] == first
    many = [{**day, "usage_value": str(n + 1), "external_key": f"bulk-{n}"} for n in range(20)]
    assert article.must("POST", "/usage/_action/bulk", many)["result"] is True
    assert article.must("POST", "/usage?action=bulk", many)["result"] is True

    after = article.must("GET", f"/usage/_count?where=line_item_id:EQUALS:{voip.line}")
    assert after - before == 21
    found = article.must("GET", "/usage?where=external_key:EQUALS:pump-7")
    assert [row["usage_value"] for row in found] == [2.5]
    assert "usage_value" in article.refused("POST", "/usage", {**day, "usage_value": -1})
    assert "line_item_id" in article.refused(
        "POST", "/usage", {"line_item_id": 99999999, "usage_value": 1}
    )
    assert article.refused("POST", "/usage", {**keyed, "usage_value": 3})


def test_a_package_is_changed_held_suspended_and_cancelled(article: Article, voip: Voip) -> None:
    seat = article.must(
        "POST",
        "/item",
        {"name": "Seat", "item_type": "service", "pricemodel": {"base": 5, "pricemodel": "fla"}},
    )["id"]
    package = article.must(
        "POST",
        "/package",
        {
            "customer_external_key": "voip-customer",
            "nickname": "second",
            "line_items": [{"item_external_key": "voip"}, {"item_id": seat, "descrip": "Seats"}],
        },
    )["id"]
    path = f"/package/{package}"
    lines = article.must("GET", path)["line_items"]
    tiers = [{"unit_from": 1, "unit_to": 9999, "amount": "0.04"}]
    dearer = {"base": 12, "pricemodel": "uni", "tiers": tiers}
    change = {"line_item_id": lines[0]["line_item_id"], "tierset": dearer}

    assert article.must("POST", f"{path}/_action/upgrade", {"line_items": [change]}) is True

    after = article.must("GET", path)["line_items"]
    assert after[0]["line_item_id"] != lines[0]["line_item_id"]
    assert after[0]["tierset"]["base"] == 12
    for line in (lines[0], after[0]):  # the old id stands for the line
        record = {"line_item_id": line["line_item_id"], "usage_value": 3}
        article.must("POST", "/usage", record)
    assert article.must("PUT", path, {"nickname": "renamed", "custom_3": "x"})["id"] == package
    held = {"holduntil_datetime": "2015-12-01 00:00:00"}
    assert article.must("POST", f"{path}?action=hold", held) is True
    assert article.must("POST", f"{path}/_action/paycycle", {"paycycle": "qtr"}) is True
    assert article.must("POST", f"{path}/_action/suspend", b'""') is True
    suspended = article.must("GET", path)
    assert suspended["package_status_state"] == "s"
    assert article.must("POST", f"{path}?action=unsuspend") is True
    assert article.must("POST", f"{path}?action=paymethod", {"paymethod": "inv"}) is True
    assert article.must("POST", f"{path}/_action/cancel") is True
    gone = article.must("GET", path)
    assert (gone["package_status_state"], gone["nickname"]) == ("c", "renamed")
    assert article.refused("POST", f"{path}?action=uncancel")
    assert article.refused("POST", f"{path}?action=welcome")
    assert article.must("GET", "/package?expand=line_items&limit=500")[0]["line_items"]
    assert article.must("GET", "/package/_count?where=customer_id:GT:0") == 2
    assert article.must("GET", f"/billing_package/{package}")["package_id"] == package
    key = "where=external_key:EQUALS:package-713"
    assert article.must("GET", f"/package?{key}")[0]["package_id"] == voip.package
    assert "card" in article.refused("POST", f"{path}?action=paymethod", {"creditcard_id": 1})


def test_what_is_sold_and_to_whom_is_read_changed_and_taken_away(article: Article) -> None:
    customer = article.must("POST", "/customer", {"company": "Gone soon"})["id"]
    assert article.must("GET", f"/customer/{customer}")["company"] == "Gone soon"
    article.must("PUT", f"/customer/{customer}", {"bill_city": "Salem"})
    assert article.must("GET", "/customer?where=bill_state:EQUALS:VT&order=company:ASC")
    assert article.must("GET", "/customer/_count") == 2
    assert article.must("GET", "/customer/external_key:voip-customer")["bill_state"] == "VT"
    assert article.must("DELETE", f"/customer/{customer}") is True
    missing = article.refused("GET", f"/customer/{customer}", status=404)
    assert missing == "This customer does not exist."
    for code, tiers in (("fla", []), ("tie", [[1, 10], [11, 20]]), ("vol", [[1, 9999]])):
        rows = [{"unit_from": a, "unit_to": b, "amount": 1.5} for a, b in tiers]
        model = {"base": 2, "pricemodel": code, "tiers": rows}
        fields = {"name": f"Item {code}", "external_key": f"i-{code}", "pricemodel": model}
        item = article.must("POST", "/item", fields | {"is_usage": True})["id"]
        shown = article.must("GET", f"/item/{item}")
        assert (shown["tiersets"][0]["pricemodel"], shown["tiersets"][0]["base"]) == (code, 2)
    assert article.must("PUT", "/item/external_key:i-fla", {"name": "Renamed"})["id"]
    assert article.must("GET", "/item?where=name:EQUALS:Renamed")[0]["name"] == "Renamed"
    assert article.must("GET", "/item/_count") >= 4
    assert article.must("DELETE", "/item/external_key:i-vol") is True


def test_requests_come_in_lists_and_what_is_not_served_says_so(
    article: Article, voip: Voip
) -> None:
    parts = [
        {"request_method": "GET", "uri": f"/api/v3/customer/{voip.customer}", "payload": None},
        {
            "request_method": "POST",
            "uri": "/api/v3/usage",
            "payload": {"line_item_id": voip.line, "usage_value": 1, "external_key": "in-bulk"},
        },
        {"request_method": "GET", "uri": "/api/v3/package/99999999", "payload": None},
    ]
    answers = article.must("POST", "/_bulk", parts)["_bulk"]
    assert [each["code"] for each in answers] == [200, 201, 404]
    for method, target in (
        ("GET", "/quote"),
        ("POST", "/creditcard"),
        ("POST", "/_aggregate"),
        ("GET", "/_config"),
        ("POST", "/_resthook"),
        ("GET", "/widget"),
    ):
        assert "not supported" in article.refused(method, target, {} if method == "POST" else None)


def test_the_manners_of_the_vendors_libraries_are_known(article: Article, voip: Voip) -> None:
    """Python asks without keys first; C# and Salesforce double slashes; Java ends with one."""
    challenge = article.send("GET", "/customer", keys=False)
    assert challenge.status == 401
    assert challenge.headers["www-authenticate"] == 'Basic realm="postpaid"'
    assert challenge.json["message"].startswith("Invalid or incorrect authorization [")
    for target in (
        f"//customer/{voip.customer}",
        f"/customer/{voip.customer}/",
        "/customer/?where=company:EQUALS:Another%20Customer",
        "/customer?where=mod_datetime:GTE:2015-09-01%2000:00:00&_dummy=1",
        r"/customer?where=company%3AEQUALS%3AAnother+Customer,bill_state%3AEQUALS%3AVT",
    ):
        assert article.must("GET", target)
    record = {"line_item_id": str(voip.line), "usage_value": "1.5", "from": "2015-10-01T00:45:00"}
    for target in ("//usage", "/usage/"):
        assert article.must("POST", target, record)["id"]
    assert article.refused("POST", "/customer", b'""') == (
        "A required parameter was missing: No data."
    )
    assert article.refused("GET", "/customer?where=company") == "Malformed WHERE clause."


def test_a_client_that_shows_its_keys_only_when_it_is_asked_gets_through(
    article: Article, voip: Voip
) -> None:
    """As the vendor's Python library does: httplib2 waits for the challenge, and so does urllib."""
    known = HTTPPasswordMgrWithDefaultRealm()
    url = f"{article.stack.base_url}/api/v3/customer/{voip.customer}"
    known.add_password(None, url, article.keys["public_key"], article.keys["private_key"])

    with build_opener(HTTPBasicAuthHandler(known)).open(url, timeout=60) as answer:
        shown = json.loads(answer.read())

    assert (answer.status, shown["response"]["customer_id"]) == (200, voip.customer)


def test_a_client_may_sign_instead_of_showing_its_private_key(article: Article, voip: Voip) -> None:
    """As the vendor's PHP library does; a signed request is taken once."""
    base = urlsplit(article.stack.base_url)
    pair = KeyPair(article.keys["public_key"], article.keys["private_key"])
    signer = Signer(pair=pair)
    record = {"line_item_id": voip.line, "usage_value": 4, "from": "2015-10-01 00:50:00"}
    for method, target, body, status in (
        ("GET", f"/customer/{voip.customer}?_dummy=1", b"", 200),
        ("POST", "/usage", json.dumps(record).encode(), 201),
    ):
        # On AWS the API is at its host's root; what the local engine puts before is its own.
        url = f"http://{base.netloc}/api/v3{target}"
        headers = {"Content-Type": "application/json"}
        headers["Authorization"] = signer.header(url, body, at=real_now())
        path = f"{base.path}/api/v3{target}"
        first, again = (exchange(base.netloc, method, path, body, headers) for _ in range(2))
        assert (first.status, again.status) == (status, 401), first
        assert "co_nonce was used" in again.json["message"]


Number = (int, float)
SHAPES: dict[str, dict[str, Any]] = {
    "/customer/{customer}": {
        **dict.fromkeys(("customer_id", "superuser_id", "terms_days", "currency_id"), int),
        **dict.fromkeys(("token", "company", "external_key", "display_as", "bill_block"), str),
        **dict.fromkeys(("superuser_email", "currency_symbol", "currency_iso4217"), str),
        **dict.fromkeys(("customer_status_str", "customer_status_state", "write_datetime"), str),
        **dict.fromkeys(("no_taxes", "no_dunning"), bool),
    },
    "/item/{item}": {
        **dict.fromkeys(("item_id", "tierset_id"), int),
        **dict.fromkeys(("name", "item_type", "external_key", "token"), str),
        "enabled": bool,
        "service_data.is_usage": bool,
        **dict.fromkeys(("tiersets.0.tierset_id", "tiersets.0.tiers.0.tier_id"), int),
        **dict.fromkeys(("tiersets.0.setup", "tiersets.0.base", "tiersets.0.minimum"), Number),
        **dict.fromkeys(("tiersets.0.pricemodel", "tiersets.0.paycycle"), str),
        **dict.fromkeys(
            [f"tiersets.0.tiers.0.{name}" for name in ("unit_from", "unit_to", "amount")], Number
        ),
    },
    "/package/{package}": {
        **dict.fromkeys(("package_id", "customer_id", "currency_id", "package_status_id"), int),
        **dict.fromkeys(("paymethod", "paycycle", "token", "currency_iso4217"), str),
        **dict.fromkeys(("package_status_str", "package_status_state", "nickname"), str),
        "next_invoice_datetime": str,
        **dict.fromkeys(
            [f"line_items.0.{name}" for name in ("line_item_id", "item_id", "tierset_id")], int
        ),
        **dict.fromkeys(["line_items.0.line_quantity", "line_items.0.tierset.base"], Number),
        "line_items.0.item_is_usage": bool,
        "line_items.0.tierset.tiers.0.amount": Number,
    },
    "/invoice/{invoice}": {
        **dict.fromkeys(("invoice_id", "customer_id", "package_id", "terms_days"), int),
        **dict.fromkeys(("refnumber", "date", "due_date", "token", "invoice_status_str"), str),
        **dict.fromkeys(("subtotal", "taxes", "total", "credits", "payments", "balance"), Number),
        **dict.fromkeys(("sum_base", "sum_usage", "sum_onetime"), Number),
        **dict.fromkeys(("is_paid", "is_void", "is_overdue"), bool),
        **dict.fromkeys(
            [f"line_items.0.{each}" for each in ("line_item_id", "package_line_id", "item_id")], int
        ),
        **dict.fromkeys(
            [f"line_items.0.{each}" for each in ("line_rate", "line_quantity", "line_usage")],
            Number,
        ),
        **dict.fromkeys(
            [
                f"line_items.0.{each}"
                for each in ("is_base", "is_usage", "is_setup", "is_free", "is_recurring")
            ],
            bool,
        ),
        "line_items.0.is_taxed": str,
    },
    "/usage?where=line_item_id:EQUALS:{line}": {
        **dict.fromkeys(("0.usage_history_id", "0.line_item_id"), int),
        "0.usage_value": Number,
        **dict.fromkeys(("0.type", "0.from", "0.to"), str),
    },
}


@pytest.mark.parametrize("target", SHAPES)
def test_what_comes_back_has_the_shape_of_what_was_recorded(
    article: Article, voip: Voip, target: str
) -> None:
    """Members and kinds of values as in the vendor's answers; typed clients need them so."""
    [paid, *_] = article.must("GET", f"/invoice?where=customer_id:EQUALS:{voip.customer}")
    names = {**asdict(voip), "invoice": paid["invoice_id"]}

    shown = article.must("GET", target.format(**names))

    for path, kind in SHAPES[target].items():
        value = shown
        for part in path.split("."):
            value = value[int(part)] if part.isdigit() else value[part]
        assert isinstance(value, kind), (path, value)
        assert kind is bool or not isinstance(value, bool), (path, value)


def test_all_that_must_be_there_was_called(article: Article) -> None:
    print(f"{len(article.calls)} distinct calls of the ChargeOver door")  # noqa: T201 - it is told
    assert len(article.calls) >= CALLS_MIN
