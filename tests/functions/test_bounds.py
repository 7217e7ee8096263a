"""Bounds of a site, invoices that break one, and how pending ones are refreshed, by requests."""

from collections.abc import Iterator
from typing import Any

import pytest

from postpaid.domain.api_key import KeyScope
from tests.support.functions import Functions
from tests.support.refusals import check_refusal
from tests.support.shop import SUBSCRIPTION, USAGE, Shop, open_shop

pytestmark = pytest.mark.engine

BAD = "invalid_field"
OFF: dict[str, Any] = {"highest_totals": {}, "median_factor": None}
LOW = {"highest_totals": {"USD": "19.99"}}


@pytest.fixture(scope="module")
def the_shop(functions: Functions) -> Shop:
    return open_shop(functions, "bounds")


@pytest.fixture
def shop(the_shop: Shop) -> Iterator[Shop]:
    """A shop whose bounds are off before and after."""
    yield the_shop
    assert the_shop.must("PATCH", "/v1/site", {"bounds": {}})["bounds"] == OFF


@pytest.fixture
def pending(shop: Shop, request: pytest.FixtureRequest) -> str:
    """The path of a pending opening invoice of the test's own, of 20.00."""
    number = sum(place * ord(char) for place, char in enumerate(request.node.name, start=1))
    name = f"sub-{number}"
    lines = [{"item_price_id": "seat-usd"}]
    shop.must("POST", "/v1/subscriptions", SUBSCRIPTION | {"id": name, "lines": lines})
    [opening] = shop.invoices(name)
    return f"/v1/invoices/{opening['id']}"


# --- the setting


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({}, OFF),
        ({"median_factor": 5}, OFF | {"median_factor": "5"}),
        ({"median_factor": "2.50"}, OFF | {"median_factor": "2.5"}),
        (
            {"highest_totals": {"USD": "10000", "JPY": 500000, "KWD": "1.005"}},
            OFF | {"highest_totals": {"JPY": "500000", "KWD": "1.005", "USD": "10000.00"}},
        ),
        (
            {"highest_totals": {"USD": 1.5}, "median_factor": "1000"},
            {"highest_totals": {"USD": "1.50"}, "median_factor": "1000"},
        ),
    ],
)
def test_bounds_are_shown_as_they_were_said(shop: Shop, said: Any, shown: Any) -> None:
    shop.must("PATCH", "/v1/site", {"bounds": {"highest_totals": {"EUR": "7"}}})

    assert shop.must("PATCH", "/v1/site", {"bounds": said})["bounds"] == shown
    assert shop.must("GET", "/v1/site")["bounds"] == shown


REFUSED: list[tuple[object, str, str]] = [
    (None, BAD, "bounds"),
    ([], BAD, "bounds"),
    ({"highest": {}}, "unknown_field", "bounds.highest"),
    ({"highest_totals": None}, BAD, "bounds.highest_totals"),
    ({"highest_totals": {"USD": "0"}}, BAD, "bounds.highest_totals.USD"),
    ({"highest_totals": {"USD": "-1"}}, BAD, "bounds.highest_totals.USD"),
    ({"highest_totals": {"USD": "1.001"}}, BAD, "bounds.highest_totals.USD"),
    ({"highest_totals": {"USD": "1e3"}}, BAD, "bounds.highest_totals.USD"),
    ({"highest_totals": {"USD": None}}, BAD, "bounds.highest_totals.USD"),
    ({"highest_totals": {"usd": "1"}}, BAD, "bounds.highest_totals.usd"),
    ({"highest_totals": {"": "1"}}, BAD, "bounds.highest_totals."),
    ({"highest_totals": {"X" * 999: "1"}}, BAD, "bounds.highest_totals." + "X" * 20),
    ({"median_factor": "0.99"}, BAD, "bounds.median_factor"),
    ({"median_factor": "1000.1"}, BAD, "bounds.median_factor"),
    ({"median_factor": "many"}, BAD, "bounds.median_factor"),
    ({"median_factor": True}, BAD, "bounds.median_factor"),
]


@pytest.mark.parametrize(("bounds", "code", "field"), REFUSED, ids=lambda part: str(part)[:40])
def test_a_bound_that_cannot_be_is_refused_by_name_and_writes_nothing(
    shop: Shop, bounds: object, code: str, field: str
) -> None:
    before = shop.functions.written()

    answer = shop.call("PATCH", "/v1/site", {"bounds": bounds})

    check_refusal(answer, status=422, code=code, said=field, secrets=[shop.admin])
    assert shop.functions.written() == before


# --- closing


def test_what_breaks_a_bound_is_parked_until_a_request_accepts_it(shop: Shop, pending: str) -> None:
    shop.must("PATCH", "/v1/site", {"bounds": LOW})

    bodies: tuple[object, ...] = (None, {}, {"accept_bounds": False})
    answers = [shop.call("POST", f"{pending}/close", body) for body in bodies]

    for each in answers:
        check_refusal(each, status=409, code="bound_exceeded", said=None, secrets=[shop.admin])
    answer = answers[0]
    assert [each.anonymous() for each in answers] == [answer.anonymous()] * 3
    told = {
        "detail": "it charges 20.00 USD, and the site's highest total is 19.99 USD (I-20)",
        "bound": "highest_total",
        "figure": "20.00 USD",
        "limit": "19.99 USD",
        "acceptable": True,
    }
    assert answer.json.items() >= told.items()
    shown = shop.must("GET", pending)
    assert shown["status"] == "pending"
    assert shown["parked"] == shown["not_ratable"] == answer.json["detail"]
    assert shown["broken_bound"] == {
        name: answer.json[name] for name in ("bound", "figure", "limit", "acceptable")
    }
    assert (shown["total"], len(shown["lines"])) == ("20.00", 1), "it says what it would say"

    closed = shop.must("POST", f"{pending}/close", {"accept_bounds": True})

    assert (closed["status"], closed["total"]) == ("issued", "20.00")
    assert (closed["parked"], closed["broken_bound"]) == (None, None)
    assert "not_ratable" not in closed
    assert shop.must("POST", f"{pending}/close", {"accept_bounds": True}) == closed


def test_invoice_now_is_held_to_the_bounds_as_well(shop: Shop) -> None:
    name = "sub-at-once"
    shop.must("POST", "/v1/subscriptions", SUBSCRIPTION | {"id": name, "start": "2026-10-01"})
    shop.must("PATCH", "/v1/site", {"bounds": {"highest_totals": {"USD": "0.01"}}})

    answer = shop.call("POST", f"/v1/subscriptions/{name}/invoice-now")

    check_refusal(answer, status=409, code="bound_exceeded", said=None, secrets=[shop.admin])
    [invoice, _opening] = shop.invoices(name)
    assert (invoice["status"], invoice["parked"]) == ("pending", answer.json["detail"])
    path = f"/v1/invoices/{invoice['id']}/close"
    assert shop.must("POST", path, {"accept_bounds": True})["status"] == "issued"


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "field"),
    [
        ("close", {"accept_bounds": None}, 422, BAD, "accept_bounds"),
        ("close", {"accept_bounds": "true"}, 422, BAD, "accept_bounds"),
        ("close", {"accept_bounds": 1}, 422, BAD, "accept_bounds"),
        ("close", {"accept": True}, 422, "unknown_field", "accept"),
        ("close", b"[]", 400, "malformed_request", None),
        ("sync", {"accept_bounds": True}, 422, "unknown_field", "accept_bounds"),
        ("sync", b"{", 400, "malformed_request", None),
    ],
    ids=str,
)
def test_a_body_that_cannot_be_is_refused_and_writes_nothing(
    shop: Shop, pending: str, path: str, body: object, status: int, code: str, field: str | None
) -> None:
    before = shop.functions.written()

    answer = shop.call("POST", f"{pending}/{path}", body)

    check_refusal(answer, status=status, code=code, said=field, secrets=[shop.admin])
    assert shop.functions.written() == before


# --- sync


@pytest.mark.parametrize("body", [None, {}])
def test_sync_shows_what_get_shows_and_writes_nothing(
    shop: Shop, pending: str, body: object
) -> None:
    before = shop.functions.written()

    synced = shop.must("POST", f"{pending}/sync", body)

    assert synced == shop.must("GET", pending)
    assert (synced["status"], synced["total"]) == ("pending", "20.00")
    assert shop.functions.written() == before


def test_sync_brings_in_the_usage_there_is(shop: Shop) -> None:
    name = "sub-used"
    body = SUBSCRIPTION | {"id": name, "start": "2026-09-01"}
    shop.must("POST", "/v1/subscriptions", body)
    shop.work(name)
    invoice = f"/v1/invoices/{shop.invoices(name)[0]['id']}"
    first = shop.must("POST", f"{invoice}/sync")
    usage = USAGE | {"usage_date": "2026-09-15", "quantity": "100"}
    recorded = shop.must("POST", f"/v1/subscriptions/{name}/usages", usage)

    second = shop.must("POST", f"{invoice}/sync")

    assert recorded["billing"] == "on_time"
    assert (first["total"], second["total"]) == ("30.00", "35.00")
    assert second["status"] == "pending"
    assert shop.must("POST", f"{invoice}/close")["total"] == "35.00"


def test_sync_lets_go_what_is_within_its_bounds_by_now(shop: Shop, pending: str) -> None:
    shop.must("PATCH", "/v1/site", {"bounds": LOW})
    assert shop.call("POST", f"{pending}/close").status == 409
    shop.must("PATCH", "/v1/site", {"bounds": {"highest_totals": {"USD": "15.00"}}})

    still = shop.must("POST", f"{pending}/sync")
    assert still["parked"] == still["not_ratable"]
    assert "highest total is 15.00 USD" in still["parked"]
    assert still["broken_bound"]["limit"] == "15.00 USD"
    assert shop.must("GET", pending) == still
    shop.must("PATCH", "/v1/site", {"bounds": {}})
    synced = shop.must("POST", f"{pending}/sync")

    assert (synced["parked"], synced["broken_bound"], synced["total"]) == (None, None, "20.00")
    assert "not_ratable" not in synced
    assert shop.must("GET", pending) == synced


def test_an_invoice_that_is_closed_is_not_refreshed(shop: Shop, pending: str) -> None:
    shop.must("POST", f"{pending}/close")
    before = shop.functions.written()

    answer = shop.call("POST", f"{pending}/sync")

    check_refusal(answer, status=409, code="invoice_not_pending", said=None, secrets=[shop.admin])
    assert shop.functions.written() == before


def test_who_may_close_may_refresh_and_accept_but_not_change_the_bounds(
    shop: Shop, pending: str
) -> None:
    key = shop.new_key(KeyScope.INVOICE_CLOSE)
    shop.must("PATCH", "/v1/site", {"bounds": LOW})

    assert shop.call("PATCH", "/v1/site", {"bounds": {}}, key=key).status == 403
    assert shop.call("POST", f"{pending}/sync", key=key).status == 200
    accepted = shop.call("POST", f"{pending}/close", {"accept_bounds": True}, key=key)
    assert (accepted.status, accepted.json["status"]) == (200, "issued")
