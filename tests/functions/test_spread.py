"""A subscription that is spread over shards, over HTTP: nothing but what it says of itself."""

from typing import Any

import pytest

from postpaid.domain.subscription import USAGE_SHARDS_MAX
from postpaid.store import keys
from tests.support.functions import Functions
from tests.support.refusals import check_refusal
from tests.support.shop import SUBSCRIPTION, USAGE, Shop, open_shop

pytestmark = pytest.mark.engine

PATH = "/v1/subscriptions/hot"
USAGES = f"{PATH}/usages"
ONE = "/v1/subscriptions/calls/usages"
HOT = {**SUBSCRIPTION, "id": "hot", "usage_shards": 8}


@pytest.fixture(scope="module")
def shop(functions: Functions) -> Shop:
    """A shop whose `hot` is what its `calls` is, in eight shards."""
    shop = open_shop(functions, "spread")
    shop.must("POST", "/v1/subscriptions", HOT)
    return shop


@pytest.fixture(scope="module")
def used(shop: Shop) -> Shop:
    """The shop after twenty days of both, of which one was corrected and one deleted."""
    for path in (ONE, USAGES):
        for day in range(20, 0, -1):
            shop.must("POST", path, USAGE | {"usage_date": f"2026-10-{day:02d}"})
        first, second = (usage["id"] for usage in _all(shop, path, 100)[0][:2])
        headers = {"if-match": '"1"'}
        shop.must("PUT", f"{path}/{first}", {"quantity": "5"}, headers=headers)
        shop.must("DELETE", f"{path}/{second}")
    return shop


def _partitions(shop: Shop) -> set[str]:
    """Return the partitions that hold usages of `hot`."""
    found = {item["pk"]["S"] for item in shop.functions.usages_of("spread")}
    ours = {keys.usage_pk(shop.site.scope, "hot", slot): slot for slot in range(16)}
    return found & ours.keys()


def _fact(usage: dict[str, Any]) -> dict[str, Any]:
    """Return what a usage says, without what differs between two subscriptions."""
    return {
        name: value
        for name, value in usage.items()
        if name not in {"integer_id", "subscription_id", "recorded_at"}
    }


def _all(shop: Shop, path: str, limit: int) -> list[list[dict[str, Any]]]:
    """Read all pages of a list of usages."""
    pages = []
    cursor = ""
    while True:
        page = shop.must("GET", f"{path}?limit={limit}{cursor}")
        pages.append(page["data"])
        if page["next_cursor"] is None:
            return pages
        cursor = f"&cursor={page['next_cursor']}"


def test_a_subscription_says_over_how_many_shards_it_is_spread(shop: Shop) -> None:
    assert shop.must("GET", PATH)["usage_shards"] == 8
    assert shop.must("GET", "/v1/subscriptions/calls")["usage_shards"] == 1
    listed = shop.must("GET", "/v1/subscriptions")["data"]
    assert {each["id"]: each["usage_shards"] for each in listed} == {"hot": 8, "calls": 1}


def test_it_is_created_once_and_never_with_another_number(shop: Shop) -> None:
    again = shop.call("POST", "/v1/subscriptions", HOT)
    other = shop.call("POST", "/v1/subscriptions", {**HOT, "usage_shards": 4})
    moved = shop.call("PATCH", PATH, {"usage_shards": 4})

    assert (again.status, again.json["usage_shards"]) == (200, 8)
    check_refusal(other, status=409, code="already_exists", said="id", secrets=[shop.admin])
    check_refusal(moved, status=422, code="invalid_field", said="usage_shards", secrets=[])
    assert "where every usage is stored" in moved.json["detail"]
    assert shop.must("GET", PATH)["version"] == 1


def test_usage_is_recorded_read_corrected_deleted_and_listed_as_in_one_shard(used: Shop) -> None:
    assert len(_partitions(used)) == 8
    for limit in (1, 7, 19, 100):
        listed = [
            [list(map(_fact, page)) for page in _all(used, path, limit)] for path in (USAGES, ONE)
        ]
        assert listed[0] == listed[1]
    [usages] = _all(used, USAGES, 100)
    assert [usage["quantity"] for usage in usages] == ["5", *["22"] * 18]
    for usage in usages:
        assert used.must("GET", f"{USAGES}/{usage['id']}") == usage
    replay = used.call("POST", USAGES, USAGE | {"usage_date": "2026-10-20"})
    conflict = used.call("POST", USAGES, USAGE | {"usage_date": "2026-10-20", "quantity": "9"})
    assert (replay.status, replay.json["replayed"]) == (200, True)
    assert (conflict.code, conflict.json["recorded_quantity"]) == ("usage_conflict", "22")


def test_its_invoices_and_late_usage_are_those_of_one_shard(used: Shop) -> None:
    told = []
    for name in ("hot", "calls"):
        path = f"/v1/subscriptions/{name}"
        used.must("POST", f"{path}/usages", USAGE | {"usage_date": "2026-09-10"})
        used.work(name)
        upcoming = used.must("GET", f"{path}/upcoming-invoice")
        pending = used.invoices(name)[0]
        used.must("POST", f"/v1/invoices/{pending['id']}/close")
        closed = used.must("GET", f"/v1/invoices/{pending['id']}")
        late = used.must("POST", f"{path}/usages", USAGE | {"usage_date": "2026-09-11"})
        deleted = used.must("DELETE", f"{path}/usages/{late['id']}")
        amounts = [
            [(line["line_id"], line["quantity"], line["amount"]) for line in invoice["lines"]]
            for invoice in (upcoming, closed)
        ]
        totals = upcoming["total"], closed["total"]
        told.append((amounts, totals, late["billing"], deleted["billing"]))

    assert told[0] == told[1]
    # Fee, seat and 401 minutes of October; fee and 22 minutes of September, and October's seat.
    assert told[0][1:] == (("50.05", "31.10"), "late", "late")


def test_a_warm_record_costs_one_put_and_one_look_in_sixteen_shards_too(
    functions: Functions,
) -> None:
    live = functions.new_site("spread-live")
    shop = Shop(functions, live, functions.new_key(live))
    shop.must("POST", "/v1/items", {"id": "voip", "name": "VoIP", "metered": True})
    price = {"id": "voip-usd", "item_id": "voip", "pricing_model": "per_unit", "unit_amount": "1"}
    shop.must("POST", "/v1/item-prices", price)
    shop.must("POST", "/v1/customers", {"id": "harbor", "name": "Blue Harbor"})
    lines = [{"item_price_id": "voip-usd"}]
    body = {"id": "hot", "customer_id": "harbor", "lines": lines, "usage_shards": USAGE_SHARDS_MAX}
    start = shop.must("POST", "/v1/subscriptions", body)["start"]
    usage = {"item_price_id": "voip-usd", "usage_date": start, "quantity": "1"}

    def cost(*request: Any, **options: Any) -> list[str]:
        before = len(functions.calls)
        shop.must(*request, **options)
        return functions.calls[before:]

    assert cost("POST", USAGES, usage) == ["GetItem", "GetItem", "PutItem", "Query"]
    assert cost("POST", USAGES, usage) == ["PutItem", "Query"]
    usage_id = shop.must("POST", USAGES, usage)["id"]
    correction = cost("PUT", f"{USAGES}/{usage_id}", {"quantity": "2"}, headers={"if-match": '"1"'})
    assert correction == ["GetItem", "PutItem", "Query"]
    assert cost("DELETE", f"{USAGES}/{usage_id}") == ["GetItem", "UpdateItem", "Query"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_usage_of_a_subscription_that_is_not_there_is_not_found(shop: Shop, method: str) -> None:
    usage_id = shop.must("POST", USAGES, USAGE | {"usage_date": "2026-10-02"})["id"]
    body = {"quantity": "1"} if method == "PUT" else None
    before = shop.functions.written()

    answer = shop.call(
        method, f"/v1/subscriptions/nobody/usages/{usage_id}", body, headers={"if-match": '"1"'}
    )

    check_refusal(answer, status=404, code="usage_not_found", said=None, secrets=[shop.admin])
    assert shop.functions.written() == before
