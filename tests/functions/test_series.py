"""Series of invoice numbers as a client sets and sees them, and what is refused."""

from typing import Any

import pytest

from postpaid.domain.series import SERIES_MAX
from tests.support.functions import Functions
from tests.support.refusals import check_refusal
from tests.support.shop import CUSTOMER, SUBSCRIPTION, Shop, open_shop

pytestmark = pytest.mark.engine

BAD = "invalid_field"
EU = {"id": "eu", "number_prefix": "EU-"}
SEATS = {"lines": [{"item_price_id": "seat-usd"}]}


@pytest.fixture(scope="module")
def shop(functions: Functions) -> Shop:
    shop = open_shop(functions, "series")
    shop.must("PATCH", "/v1/site", {"series": [EU, {"id": "u#s", "number_prefix": "US/"}]})
    return shop


def closed(shop: Shop, name: str, **more: Any) -> dict[str, Any]:
    """Close the opening invoice of a new subscription."""
    shop.must("POST", "/v1/subscriptions", SUBSCRIPTION | SEATS | {"id": name, **more})
    [opening] = shop.invoices(name)
    assert (opening["number"], opening["series"]) == (None, None)
    invoice: dict[str, Any] = shop.must("POST", f"/v1/invoices/{opening['id']}/close")
    assert shop.invoices(name)[0]["series"] == invoice["series"]
    return invoice


def test_series_are_added_and_renamed_and_those_unnamed_stay(functions: Functions) -> None:
    shop = open_shop(functions, "series-of-a-site")
    before = shop.must("GET", "/v1/site")
    assert (before["series"], before["number_prefix"]) == ([], "INV-")

    added = shop.must("PATCH", "/v1/site", {"series": [EU]})
    both = shop.must("PATCH", "/v1/site", {"series": [{"id": "us", "number_prefix": "US-"}]})
    renamed = shop.must(
        "PATCH", "/v1/site", {"number_prefix": "M-", "series": [EU | {"number_prefix": "E/"}]}
    )

    assert added == before | {"series": [EU]}
    assert both["series"] == [EU, {"id": "us", "number_prefix": "US-"}]
    assert (renamed["series"][0], renamed["number_prefix"]) == (EU | {"number_prefix": "E/"}, "M-")
    assert shop.must("GET", "/v1/site") == renamed


def test_an_invoice_says_its_series_and_is_numbered_in_it(shop: Shop) -> None:
    customer = {"id": "riverside", "name": "Riverside", "series": "eu"}
    assert shop.must("POST", "/v1/customers", customer)["series"] == "eu"
    assert shop.must("GET", "/v1/customers/riverside")["series"] == "eu"
    assert shop.must("GET", "/v1/customers/harbor")["series"] is None

    shown = [
        closed(shop, name, customer_id=customer_id, series=series)
        for name, customer_id, series in (
            ("plain", "harbor", None),
            ("by-customer", "riverside", None),
            ("by-subscription", "riverside", "u#s"),
            ("back-to-main", "riverside", "main"),
            ("second", "riverside", None),
        )
    ]

    assert [(each["series"], each["number"]) for each in shown] == [
        ("main", "INV-000001"),
        ("eu", "EU-000001"),
        ("u#s", "US/000001"),
        ("main", "INV-000002"),
        ("eu", "EU-000002"),
    ]
    assert shop.must("GET", "/v1/subscriptions/by-subscription")["series"] == "u#s"
    assert shop.must("GET", "/v1/subscriptions/by-customer")["series"] is None
    voided = shop.must("POST", f"/v1/invoices/{shown[1]['id']}/void")
    assert (voided["series"], voided["number"]) == ("eu", "EU-000001")
    of_customer = shop.must("GET", "/v1/customers/riverside/invoices")["data"]
    assert {each["number"]: each["series"] for each in of_customer} == {
        each["number"]: each["series"] for each in shown[1:]
    }


def test_a_subscription_moves_to_another_series_and_back_to_its_customers(shop: Shop) -> None:
    shop.must("POST", "/v1/subscriptions", SUBSCRIPTION | SEATS | {"id": "mover"})
    path = "/v1/subscriptions/mover"

    moved = shop.call("PATCH", path, {"series": "eu"}, headers={"if-match": '"1"'})
    stale = shop.call("PATCH", path, {"series": "main"}, headers={"if-match": '"1"'})
    kept = shop.must("PATCH", path, {"closing": {"mode": "manual"}})
    back = shop.must("PATCH", path, {"series": None})

    assert (moved.status, moved.json["series"], moved.json["version"]) == (200, "eu", 2)
    check_refusal(stale, status=412, code="version_mismatch", said="If-Match", secrets=[shop.admin])
    assert (kept["series"], back["series"]) == ("eu", None)


@pytest.mark.parametrize("series", ["uk", "EU", "eu ", "", "e/u", "x" * 101, "№", 7, True, ["eu"]])
def test_a_series_that_is_none_of_the_sites_is_refused_and_nothing_written(
    shop: Shop, series: object
) -> None:
    unknown = series in {"uk", "EU"} if isinstance(series, str) else False
    before = shop.functions.written()

    for method, target, body in (
        ("POST", "/v1/customers", CUSTOMER | {"id": "new"}),
        ("POST", "/v1/subscriptions", SUBSCRIPTION | {"id": "new"}),
        ("PATCH", "/v1/subscriptions/calls", {}),
    ):
        answer = shop.call(method, target, body | {"series": series})
        check_refusal(
            answer,
            status=404 if unknown else 422,
            code="series_not_found" if unknown else BAD,
            said="series",
            secrets=shop.functions.internals(),
        )

    assert shop.functions.written() == before


MANY = [{"id": f"s{n}", "number_prefix": f"S{n}-"} for n in range(SERIES_MAX + 1)]


@pytest.mark.parametrize(
    ("code", "said", "change"),
    [
        (BAD, "series", {"series": None}),
        (BAD, "series", {"series": []}),
        (BAD, "series", {"series": {"eu": "EU-"}}),
        (BAD, "series", {"series": MANY}),
        ("limit_exceeded", "series", {"series": MANY[: SERIES_MAX - 2]}),
        (BAD, "series[0]", {"series": ["eu"]}),
        ("missing_field", "series[0].id", {"series": [{"number_prefix": "A-"}]}),
        ("missing_field", "series[0].number_prefix", {"series": [{"id": "a"}]}),
        ("unknown_field", "series[0].next", {"series": [EU | {"next": 7}]}),
        (BAD, "series[0].id", {"series": [{"id": 7, "number_prefix": "A-"}]}),
        (BAD, "series[0].id", {"series": [{"id": "a/b", "number_prefix": "A-"}]}),
        (BAD, "series[0].id", {"series": [{"id": " a", "number_prefix": "A-"}]}),
        (BAD, "series[0].id", {"series": [{"id": "main", "number_prefix": "A-"}]}),
        (BAD, "series[1].id", {"series": [EU, EU]}),
        (BAD, "series[0].number_prefix", {"series": [{"id": "a", "number_prefix": "x" * 21}]}),
        (BAD, "series[0].number_prefix", {"series": [{"id": "a", "number_prefix": "№"}]}),
        (BAD, "series[0].number_prefix", {"series": [{"id": "a", "number_prefix": "A\n"}]}),
        (BAD, "series[0].number_prefix", {"series": [{"id": "a", "number_prefix": None}]}),
        (BAD, "series[0].number_prefix", {"series": [{"id": "a", "number_prefix": "INV-"}]}),
        (BAD, "series[0].number_prefix", {"series": [{"id": "a", "number_prefix": "inv-2"}]}),
        (BAD, "series[0].number_prefix", {"series": [{"id": "a", "number_prefix": "eu -"}]}),
        (BAD, "number_prefix", {"number_prefix": "EU-"}),
        (BAD, "number_prefix", {"number_prefix": "INV-2027"}),
    ],
    ids=lambda value: str(value)[:70],
)
def test_series_that_cannot_be_are_refused_and_nothing_written(
    shop: Shop, code: str, said: str, change: dict[str, Any]
) -> None:
    before = shop.functions.written()

    answer = shop.call("PATCH", "/v1/site", {"timezone": "Asia/Tokyo", **change})

    secrets = shop.functions.internals()
    check_refusal(answer, status=422, code=code, said=said, secrets=secrets)
    assert shop.functions.written() == before


def test_series_are_of_one_site_only(functions: Functions, shop: Shop) -> None:
    other = open_shop(functions, "series-of-others")

    refused = other.call("POST", "/v1/customers", CUSTOMER | {"id": "new", "series": "eu"})
    other.must("PATCH", "/v1/site", {"series": [{"id": "eu", "number_prefix": "INV-EU-"}]})

    check_refusal(refused, status=404, code="series_not_found", said="series", secrets=[])
    assert shop.must("GET", "/v1/site")["series"][0] == EU
    assert closed(other, "first", series="eu")["number"] == "INV-EU-000001"
