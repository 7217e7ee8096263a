"""Two sites in one warm process, with the same ids: neither ever sees the other."""

from datetime import UTC, datetime

import pytest

from postpaid.domain.api_key import ApiKey, KeyScope, key_text, secret_digest, usage_url_token
from postpaid.runtime.cache import AGE_MAX_SECONDS
from postpaid.runtime.clock import monotonic
from postpaid.runtime.ids import new_key_parts
from postpaid.store.api_keys import StoredApiKeys
from postpaid.store.site_secrets import StoredSiteSecrets
from tests.support.functions import Functions
from tests.support.shop import CALLS, CALLS_PRICE, USAGES, Shop, bare_shop

pytestmark = pytest.mark.engine

ROUNDS = 5


def _shop(functions: Functions, site_id: str, price_id: str, clock: datetime) -> Shop:
    """Create a site where all but the price has the same ids as elsewhere."""
    shop = bare_shop(functions, site_id, clock)
    shop.must("POST", "/v1/items", CALLS | {"name": f"Calls of {site_id}"})
    shop.must("POST", "/v1/item-prices", CALLS_PRICE | {"id": price_id})
    shop.must("POST", "/v1/customers", {"id": "harbor", "name": f"Harbor of {site_id}"})
    lines = [{"item_price_id": price_id}]
    start = clock.date().replace(day=1).isoformat()
    shop.must(
        "POST",
        "/v1/subscriptions",
        {"id": "calls", "customer_id": "harbor", "start": start, "lines": lines},
    )
    return shop


@pytest.fixture(scope="module")
def sites(functions: Functions) -> tuple[Shop, Shop]:
    return (
        _shop(functions, "tenant-a", "alpha", datetime(2026, 10, 20, 12, tzinfo=UTC)),
        _shop(functions, "tenant-b", "beta", datetime(2026, 10, 25, 12, tzinfo=UTC)),
    )


@pytest.fixture
def ahead(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """By how many seconds the clock of the caches is set forward."""
    seconds = [0.0]
    monkeypatch.setattr("postpaid.runtime.cache.monotonic", lambda: monotonic() + seconds[0])
    return seconds


def _usage(price_id: str, n: int, quantity: int) -> dict[str, str]:
    return {
        "item_price_id": price_id,
        "usage_date": f"2026-10-{n + 1:02d}",
        "quantity": str(quantity),
    }


def test_the_same_usage_on_two_sites_is_two_usages(sites: tuple[Shop, Shop]) -> None:
    a, b = sites
    for n in range(ROUNDS):
        first = a.call("POST", USAGES, _usage("alpha", n, 10 + n))
        second = b.call("POST", USAGES, _usage("beta", n, 20 + n))

        assert (first.status, first.json["quantity"]) == (201, str(10 + n))
        assert (second.status, second.json["quantity"]) == (201, str(20 + n))

    for shop, base in ((a, 10), (b, 20)):
        shown = shop.must("GET", USAGES)["data"]
        assert [usage["quantity"] for usage in shown] == [str(base + n) for n in range(ROUNDS)]
    partitions = {item["pk"]["S"] for item in a.functions.usage_items()}
    assert {"tenant-a~1#calls#0", "tenant-b~1#calls#0"} <= partitions


def test_a_subscription_kept_for_one_site_never_serves_the_other(
    sites: tuple[Shop, Shop],
) -> None:
    a, b = sites
    for n in range(10, 10 + ROUNDS):
        assert a.call("POST", USAGES, _usage("alpha", n, 1)).status == 201
        assert b.call("POST", USAGES, _usage("alpha", n, 1)).code == "line_not_found"
        assert b.call("POST", USAGES, _usage("beta", n, 1)).status == 201
        assert a.call("POST", USAGES, _usage("beta", n, 1)).code == "line_not_found"


def test_what_a_process_keeps_is_kept_by_site(sites: tuple[Shop, Shop]) -> None:
    """I-42."""
    a, b = sites
    a.must("POST", USAGES, _usage("alpha", 0, 10))
    b.must("POST", USAGES, _usage("beta", 0, 20))
    kept = a.functions.modules["RecordUsageFunction"].kept_subscriptions._entries

    prices = {
        key.pk: [line.item_price_id for line in subscription.lines]
        for key, (_, subscription) in kept.items()
        if key.pk.endswith("#subscription#calls") and key.pk.startswith("tenant-")
    }

    assert prices == {
        "tenant-a~1#subscription#calls": ["alpha"],
        "tenant-b~1#subscription#calls": ["beta"],
    }


def test_each_site_has_its_own_clock(sites: tuple[Shop, Shop]) -> None:
    for _ in range(ROUNDS):
        for shop, day in zip(sites, ("2026-10-20", "2026-10-25"), strict=True):
            price = shop.must("GET", "/v1/item-prices")["data"][0]["id"]
            answer = shop.must("POST", USAGES, _usage(price, 18, 1))

            assert answer["recorded_at"].startswith(day)


def test_integers_are_counted_for_each_site_alone(functions: Functions) -> None:
    a, b = bare_shop(functions, "tenant-c"), bare_shop(functions, "tenant-d")

    numbers = [
        (
            a.must("POST", "/v1/customers", {"id": f"{n}", "name": "A"})["integer_id"],
            b.must("POST", "/v1/customers", {"id": f"{n}", "name": "B"})["integer_id"],
        )
        for n in range(1, 23)  # more than a process reserves at once
    ]

    assert numbers == [(n, n) for n in range(1, 23)]


def test_every_read_shows_the_callers_own_thing(sites: tuple[Shop, Shop]) -> None:
    for shop in sites:
        shop.must("GET", "/v1/usage-url-token")
    for _ in range(ROUNDS):
        for shop in sites:
            site = shop.site.scope.site
            assert shop.must("GET", "/v1/site")["id"] == site
            secret = StoredSiteSecrets(shop.functions.billing).get(site) or ""
            token = usage_url_token(secret)
            assert shop.must("GET", "/v1/items/voip")["name"] == f"Calls of {site}"
            assert shop.must("GET", "/v1/usage-url-token") == {"security_token": token}
            assert shop.must("GET", "/v1/customers/harbor")["name"] == f"Harbor of {site}"
            [subscription] = shop.must("GET", "/v1/subscriptions")["data"]
            price = {"tenant-a": "alpha", "tenant-b": "beta"}[site]
            assert [line["item_price_id"] for line in subscription["lines"]] == [price]


def test_a_revoked_key_is_refused_within_a_minute(
    sites: tuple[Shop, Shop], ahead: list[float]
) -> None:
    a, _ = sites
    key = a.new_key(KeyScope.ADMIN)
    usage = _usage("alpha", 17, 1)
    assert a.call("GET", "/v1/site", key=key).status == 200
    assert a.call("POST", USAGES, usage, key=key).status == 201

    a.must("DELETE", f"/v1/api-keys/{key.split('_')[2]}")
    ahead[0] = AGE_MAX_SECONDS

    assert a.call("GET", "/v1/site", key=key).status == 401
    assert a.call("POST", USAGES, usage, key=key).status == 401


def test_a_key_that_was_unknown_works_from_the_moment_it_exists(functions: Functions) -> None:
    shop = bare_shop(functions, "tenant-e")
    key_id, secret = new_key_parts()
    text = key_text(test=True, key_id=key_id, secret=secret)
    assert shop.call("GET", "/v1/site", key=text).status == 401

    StoredApiKeys(functions.billing).add(
        ApiKey(
            id=key_id,
            scope=shop.site.scope,
            test=True,
            digest=secret_digest(secret),
            scopes=frozenset({KeyScope.READ}),
            label="new",
            created_at=shop.site.created_at,
        )
    )

    assert shop.call("GET", "/v1/site", key=text).status == 200


def test_a_line_is_known_at_once_to_a_process_that_kept_the_subscription_without_it(
    functions: Functions,
) -> None:
    shop = _shop(functions, "tenant-f", "alpha", datetime(2026, 10, 20, tzinfo=UTC))
    shop.must("POST", USAGES, _usage("alpha", 0, 1))
    kept = functions.modules["RecordUsageFunction"].kept_subscriptions
    [key] = [key for key in kept._entries if key.pk == "tenant-f~1#subscription#calls"]
    _, current = kept._entries[key]
    # The process keeps what another site's subscription looks like, as if this one had changed.
    other = _shop(functions, "tenant-g", "gamma", datetime(2026, 10, 20, tzinfo=UTC))
    other.must("POST", USAGES, _usage("gamma", 0, 1))
    [stale] = [
        subscription
        for each, (_, subscription) in kept._entries.items()
        if each.pk == "tenant-g~1#subscription#calls"
    ]
    kept.put(key, stale)

    answer = shop.call("POST", USAGES, _usage("alpha", 1, 1))

    assert answer.status == 201
    assert kept._entries[key][1] == current


def test_what_is_another_sites_is_answered_as_if_it_were_nobodys(functions: Functions) -> None:
    """I-41: for every read and write, by every id; only the id and the request may differ."""
    mine, other = (bare_shop(functions, f"tenant-{name}") for name in ("mine", "other"))
    other.must("POST", "/v1/item-families", {"id": "theirs", "name": "Theirs"})
    other.must("POST", "/v1/items", CALLS | {"id": "theirs"})
    other.must("POST", "/v1/item-prices", CALLS_PRICE | {"id": "theirs", "item_id": "theirs"})
    other.must("POST", "/v1/customers", {"id": "theirs", "name": "Theirs"})
    lines = [{"item_price_id": "theirs"}, {"item_price_id": "theirs", "id": "second"}]
    body = {"id": "theirs", "customer_id": "theirs", "start": "2026-10-01", "lines": lines[:1]}
    other.must("POST", "/v1/subscriptions", body)
    usage = other.must("POST", "/v1/subscriptions/theirs/usages", _usage("theirs", 4, 1))
    sub, place = "/v1/subscriptions/{id}", usage["id"]
    asked: list[tuple[str, str, object]] = [
        *(("GET", f"/v1/{kind}/{{id}}", None) for kind in ("items", "item-prices", "customers")),
        ("GET", "/v1/item-families/{id}", None),
        ("PATCH", "/v1/item-families/{id}", {"name": "Ours"}),
        ("PATCH", "/v1/items/{id}", {"archived": True}),
        ("PATCH", "/v1/customers/{id}", {"payment_days": 1}),
        ("DELETE", "/v1/customers/{id}", None),
        ("GET", sub, None),
        *(("GET", f"{sub}/{part}", None) for part in ("usages", "invoices", "upcoming-invoice")),
        ("GET", "/v1/customers/{id}/credits", None),
        ("GET", "/v1/customers/{id}/invoices", None),
        ("GET", f"{sub}/usages/{place}", None),
        ("PUT", f"{sub}/usages/{place}", {"quantity": "2"}),
        ("DELETE", f"{sub}/usages/{place}", None),
        ("POST", f"{sub}/usages", _usage("theirs", 5, 1)),
        ("POST", f"{sub}/cancel", {}),
        ("PATCH", sub, {"closing": {"mode": "manual"}}),
        ("PATCH", "/v1/item-prices/{id}", {"base_fee": "1"}),
    ]
    before = functions.written()

    for method, path, sent in asked:
        headers = {"If-Match": '"1"'} if method == "PUT" else {}
        theirs, nobodys = (
            mine.call(method, path.format(id=each), sent, headers=headers)
            for each in ("theirs", "nobody")
        )
        assert theirs.status == nobodys.status == 404, (method, path)
        told = str(theirs.anonymous()).replace("'theirs'", "'nobody'")
        assert told == str(nobodys.anonymous()), (method, path)

    assert functions.written() == before
