"""A site with something of everything, so that what is asked at random finds things that are."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from postpaid.api.chargebee.forms import MEDIA_TYPE
from postpaid.domain.instants import instant_from_text
from tests.support.chargebee_openapi import Known
from tests.support.functions import Functions

OCTOBER_5 = instant_from_text("2026-10-05T00:00:00Z")
START = int(OCTOBER_5.timestamp())
SITES = "fuzz-"
DAY = 86_400
CUSTOMERS = ("harbor", "quay", "pier")
IDLE = ("bollard", "buoy")
# Ids for what is made at random; some will be taken.
FRESH = tuple(f"new-{n}" for n in range(40))
_TIERS = {
    "tiers[starting_unit][0]": 1,
    "tiers[ending_unit][0]": 100,
    "tiers[price][0]": 10,
    "tiers[starting_unit][1]": 101,
    "tiers[price][1]": 7,
}
# Item, type, metered, and its price.
_SHELF: tuple[tuple[str, str, bool, Mapping[str, object]], ...] = (
    ("base", "plan", False, {"pricing_model": "flat_fee", "price": 1000}),
    ("calls", "plan", True, {"pricing_model": "per_unit", "price": 5, "free_quantity": 10}),
    ("data", "addon", True, {"pricing_model": "tiered", **_TIERS}),
    ("peak", "addon", True, {"pricing_model": "volume", **_TIERS}),
    ("seats", "addon", False, {"pricing_model": "per_unit", "price_in_decimal": "0.125"}),
    ("setup", "charge", False, {"pricing_model": "flat_fee", "price": 700}),
    ("cards", "charge", False, {"pricing_model": "per_unit", "price": 35}),
    ("hours", "charge", False, {"pricing_model": "tiered", **_TIERS}),
)
_serials = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Town:
    """The site's key, and what there is."""

    functions: Functions
    key: str
    known: Known

    @property
    def likely(self) -> Known:
        """What is there, and nothing else."""
        return replace(self.known, likely=True)


def open_town(functions: Functions) -> Town:
    """Make a site with a catalogue, customers, and subscriptions with three weeks behind them."""
    site = functions.new_site(f"{SITES}{next(_serials)}", clock=OCTOBER_5)
    door = _Door(functions, functions.new_key(site))
    door.post("item_families", {"id": "telephony", "name": "Telephony"})
    for item, kind, metered, price in _SHELF:
        text = "true" if metered else "false"
        named = {"name": item.title(), "type": kind, "item_family_id": "telephony"}
        door.post("items", {"id": item, **named, "metered": text})
        period = {} if kind == "charge" else {"period": 1, "period_unit": "week"}
        named = {"name": item.title(), "item_id": item, "currency_code": "USD"}
        door.post("item_prices", {"id": f"{item}-usd", **named, **period, **price})
    for customer in (*CUSTOMERS, *IDLE):
        door.post("customers", {"id": customer, "company": customer.title(), "net_term_days": 14})
    for customer in CUSTOMERS:
        _subscribe(door, customer)
    usages = []
    for until, days in _WEEKS:
        usages += [each for customer in CUSTOMERS for each in _use(door, customer, days)]
        door.native("POST", "/v1/test-clock/advance", {"to": until})
    known = _known(door, usages)
    return Town(functions, door.key, known)


def _subscribe(door: "_Door", customer: str) -> None:
    rows = {f"subscription_items[item_price_id][{n}]": f"{item}-usd" for n, item in _ROWS}
    door.post(
        f"customers/{customer}/subscription_for_items",
        {
            "id": f"{customer}-sub",
            "start_date": START,
            "auto_close_invoices": "false",
            "subscription_items[quantity][3]": 3,
            **rows,
        },
    )


def _use(door: "_Door", customer: str, days: tuple[int, ...]) -> list[str]:
    """Record usages on some days since the start, and return their ids."""
    made = []
    for day, item in itertools.product(days, _METERED):
        usage = {"id": f"{customer}-{day}-{item}", "item_price_id": f"{item}-usd"}
        date = START + day * DAY
        door.post(
            f"subscriptions/{customer}-sub/usages",
            {**usage, "usage_date": date, "quantity": "120"},
        )
        made.append(usage["id"])
    return made


_METERED = ("calls", "data", "peak")
# Each week: usages on these days, and then until when the clock goes.
_WEEKS = (
    ("2026-10-12T12:00:00Z", (1, 5)),
    ("2026-10-19T12:00:00Z", (8,)),
    ("2026-10-26T12:00:00Z", (15,)),
    ("2026-10-28T12:00:00Z", (22,)),
)
_ROWS = tuple(enumerate(("calls", "data", "peak", "seats")))


def _known(door: "_Door", usages: list[str]) -> Known:
    """Close one invoice of each customer, and return all ids there are."""
    drafts: list[str] = []
    issued: list[str] = []
    for customer in CUSTOMERS:
        heads = door.native("GET", f"/v1/subscriptions/{customer}-sub/invoices")["data"]
        *pending, oldest = [head["id"] for head in heads if head["status"] == "pending"]
        drafts += [f"draft_{each}" for each in pending]
        issued.append(door.native("POST", f"/v1/invoices/{oldest}/close")["number"])
    invoices = [*drafts, *issued]
    subscriptions = [f"{each}-sub" for each in CUSTOMERS]
    prices = [f"{item}-usd" for item, *_ in _SHELF]
    items = [item for item, *_ in _SHELF]
    dates = [START + day * DAY + 60 for day in (21, 22, 23, 24, 25, 26)]
    return Known(
        values={
            "customers": (*CUSTOMERS, *IDLE),
            "customer_id": CUSTOMERS,
            "item_families": ["telephony"],
            "item_family_id": ["telephony"],
            "items": items,
            "item_id": items,
            "item_prices": prices,
            "item_price_id": prices,
            "subscriptions": subscriptions,
            "subscription_id": subscriptions,
            "invoices": invoices,
            "invoice_id": invoices,
            "invoice[id]": invoices,
            "time_machines": ["delorean"],
            "currency_code": ["USD", "EUR", "JPY"],
            "usage_date": dates,
            "start_date": dates,
            "period_unit": ["week"],
            "period": [1],
            "auto_collection": ["off"],
            "destination_time": [START + 25 * DAY, START + 30 * DAY],
            **{f"{name} id": FRESH for name in _CREATED},
            "Usage.delete id": usages[-3:],
            "Usage.delete subscriptions": subscriptions[-1:],
            "Usage.create item_price_id": [f"{item}-usd" for item in _METERED],
            "Invoice.close invoices": drafts[0::2],
            "Invoice.sync_usages invoices": drafts,
            "Invoice.add_charge_item invoices": drafts,
            "Invoice.delete invoices": drafts[1::2],
            "Invoice.void_invoice invoices": issued,
            "Usage.retrieve id": usages,
            **{f"{name} offset": door.offsets(path) for name, path in _PAGED},
        }
    )


_CREATED = (
    *("ItemFamily.create", "Item.create", "ItemPrice.create", "Customer.create"),
    *("Subscription.create_with_items", "Usage.create"),
)
_PAGED = (
    ("Item.list", "items"),
    ("ItemPrice.list", "item_prices"),
    ("Customer.list", "customers"),
    ("Subscription.list", "subscriptions"),
    ("Usage.list", "usages"),
    ("Invoice.list", "invoices"),
)


@dataclass(frozen=True, slots=True)
class _Door:
    functions: Functions
    key: str

    def post(self, path: str, form: Mapping[str, object]) -> Any:
        """Send a form that must be accepted."""
        headers = {"content-type": MEDIA_TYPE}
        body = urlencode(form).encode()
        answer = self.functions.call("POST", f"/api/v2/{path}", body, key=self.key, headers=headers)
        assert answer.status == 200, (path, form, answer.text)
        return answer.json

    def offsets(self, path: str) -> list[str]:
        """Return a place to go on from in a list."""
        answer = self.functions.call("GET", f"/api/v2/{path}?limit=1", key=self.key)
        assert answer.status == 200, (path, answer.text)
        return [answer.json["next_offset"]]

    def native(self, method: str, path: str, body: object = None) -> Any:
        """Send a native request that must be accepted."""
        answer = self.functions.call(method, path, body, key=self.key)
        assert answer.status in {200, 201}, (path, answer.text)
        return answer.json
