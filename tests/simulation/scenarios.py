"""What is played: together these come by every place that reaches out to AWS."""

from decimal import Decimal

from postpaid.domain.charge import Charge
from postpaid.domain.invoice import InvoiceStatus
from postpaid.store import keys
from postpaid.store.tables import Put
from tests.simulation.client import Client
from tests.simulation.over import OverClient
from tests.simulation.plant import BILLING
from tests.simulation.runs import Scenario, minutes, pending, skip_to, usage_id
from tests.support.samples import SCOPE, at

_AUTO = {"mode": "auto", "after_hours": 0}
_MANUAL = {"mode": "manual"}


def _voip(client: Client, **more: object) -> None:
    """Sell minutes at 0.05 with 10 a month, to one customer, since the first of October."""
    client.insist("POST", "/v1/items", {"id": "voip", "name": "VoIP", "metered": True})
    price = {"id": "minutes", "item_id": "voip", "pricing_model": "per_unit"}
    client.insist("POST", "/v1/item-prices", {**price, "unit_amount": "0.05", "base_fee": "10"})
    client.insist("POST", "/v1/customers", {"id": "globex", "name": "Globex"})
    subscribe(client, "sub", "minutes", **{"closing": _AUTO, **more})


def subscribe(client: Client, subscription_id: str, *prices: str, **more: object) -> None:
    """Create a subscription to prices, whose lines are called as they are."""
    lines = [{"id": each, "item_price_id": each} for each in prices]
    body = {"id": subscription_id, "customer_id": "globex", "start": "2026-10-01", "lines": lines}
    client.insist("POST", "/v1/subscriptions", {**body, **more})


# --- recording, closing and reconciling: of these all pairs of faults are run


def _record(client: Client) -> None:
    """New, the same again, another quantity, a correction, a deletion, and added again."""
    client.record("2026-10-05", "101")
    client.record("2026-10-05", "102")
    client.record("2026-10-06", "103")
    client.correct(usage_id("2026-10-05"), 1, "104")
    client.delete(usage_id("2026-10-06"))
    client.record("2026-10-06", "105")
    client.repeat()


def _named(client: Client) -> None:
    """Of external ids: new, taken, deleted, added again, the same; one more than there may be."""
    client.record("2026-10-05", "101", external_id="x")
    client.record("2026-10-06", "103", external_id="x")
    client.delete(usage_id("2026-10-05"))
    client.record("2026-10-05", "105", external_id="y")
    client.record("2026-10-07", "107", external_id="z")
    client.record("2026-10-07", "107", external_id="z")
    client.record("2026-10-08", "109")
    client.insist("GET", "/v1/usages?external_id=y")
    client.repeat()


def _signed(client: Client) -> None:
    """By signed requests: new, the same, another under its key; at both functions of the path."""
    over = OverClient.of(client)
    over.record("2026-10-05", "101", "x")
    over.record("2026-10-05", "103", "x", "//usage")
    over.record("2026-10-06", "105", "y", "//usage")
    client.repeat()


def _limited(client: Client) -> None:
    _voip(client, usage_records_max=2)


def _used(client: Client) -> None:
    _voip(client)
    for day, quantity in (("2026-10-05", "101"), ("2026-10-06", "103"), ("2026-10-07", "107")):
        client.record(day, quantity)
    client.delete(usage_id("2026-10-06"))


def _due(client: Client) -> None:
    """October has ended, and a worker has been told."""
    _used(client)
    skip_to(client.plant, at("2026-11-01T00:30"))
    client.plant.dispatch()


def _close(client: Client) -> None:
    """End October and close its invoice, beside a usage that just makes it or just does not."""
    client.plant.deliver("close")
    client.record("2026-10-08", "109")
    client.plant.skip(minutes=6)
    client.plant.deliver("close")


def _sweep(client: Client) -> None:
    """The same from the schedule to the document, and what the schedule finds behind it."""
    plant = client.plant
    plant.dispatch()
    _close(client)
    plant.stream()
    plant.deliver("render")
    plant.skip(minutes=6)
    plant.sweep()


def _billed(client: Client) -> None:
    _used(client)
    skip_to(client.plant, at("2026-11-01T00:30"))
    client.plant.come_to_rest()


def _reconcile(client: Client) -> None:
    """Usage comes, changes and goes after the invoice, and is billed when a worker is told."""
    client.record("2026-10-08", "113")
    client.correct(usage_id("2026-10-05"), 1, "114")
    client.plant.deliver("close")
    client.delete(usage_id("2026-10-07"))
    client.plant.deliver("close")


def _batch(client: Client) -> None:
    """Late ones and one on time by one request; then one that is there with another quantity."""
    client.record_batch(("2026-10-08", "113"), ("2026-11-01", "115"), ("2026-10-09", "117"))
    client.record_batch(("2026-10-05", "119"), ("2026-10-06", "121"))
    client.plant.deliver("close")


# --- the other ways of money


def _by_request(client: Client) -> None:
    """Close by request, see it, list its usages, pay a part of it, void another."""
    plant = client.plant
    plant.dispatch()
    plant.deliver("close")
    for invoice_id in pending(plant):
        client.insist("POST", f"/v1/invoices/{invoice_id}/close")
        client.insist("GET", f"/v1/invoices/{invoice_id}")
    plant.stream()
    plant.deliver("render")
    out = [each for each in plant.world().invoices() if each.status is InvoiceStatus.ISSUED]
    for invoice in out:
        path = f"/v1/invoices/{invoice.id}"
        client.insist("GET", f"{path}/pdf", refused=409)
        client.insist("GET", f"{path}/usages-pdf", refused=409)
    plant.deliver("render")
    for invoice in out:
        path = f"/v1/invoices/{invoice.id}"
        client.insist("GET", f"{path}/usages-pdf", refused=409)
        if invoice.subscription_id == "sub":
            for payment, amount in (("first", "1.00"), ("second", "2.00")):
                client.insist("POST", f"{path}/payments", {"id": payment, "amount": amount})
            client.insist("GET", f"{path}/payments")
            client.insist("POST", f"{path}/void", {}, refused=409)
        else:
            client.insist("POST", f"{path}/void", {"reason": "never used"})


def _two_manual(client: Client) -> None:
    _voip(client, closing=_MANUAL)
    client.insist("POST", "/v1/customers", {"id": "initech", "name": "Initech"})
    subscribe(client, "two", "minutes", customer_id="initech", closing=_MANUAL)
    client.record("2026-10-05", "101")
    client.record("2026-10-05", "103", "two")
    subscribe(client, "slow", "minutes", closing={"mode": "auto", "after_hours": 48})
    client.record("2026-10-05", "107", "slow")


def _stranded(client: Client) -> None:
    """A subscription ends; what waits for its last invoice is missed by that, and found later."""
    from postpaid.application import compose_invoice  # noqa: PLC0415

    _billed(client)
    client.record("2026-10-09", "117")
    client.plant.deliver("close")
    client.insist("POST", "/v1/subscriptions/sub/cancel", {"at": "2026-11-20"})
    skip_to(client.plant, at("2026-11-20T00:30"))
    taken, compose_invoice.SUPPLEMENTS_MAX = compose_invoice.SUPPLEMENTS_MAX, 0
    client.plant.come_to_rest()
    compose_invoice.SUPPLEMENTS_MAX = taken


def _find_stranded(client: Client) -> None:
    client.plant.dispatch(audit=True)
    client.plant.deliver("close")
    client.plant.deliver("render")


def _parks(client: Client) -> None:
    """A price that holds less than was used, as a bug might make it: no invoice can be made.

    Of another one nothing was used, so that its invoice is skipped.
    """
    _voip(client)
    client.insist("POST", "/v1/items", {"id": "disk", "name": "Disk", "metered": True})
    tiers = [{"up_to": "100", "unit_amount": "0.05"}, {"up_to": None, "unit_amount": "0.05"}]
    price = {"id": "disk", "item_id": "disk", "pricing_model": "tiered", "tiers": tiers}
    client.insist("POST", "/v1/item-prices", price)
    subscribe(client, "full", "disk", closing=_AUTO)
    client.record("2026-10-05", "101", "full", line_id="disk")
    price = {"id": "idle", "item_id": "disk", "pricing_model": "per_unit", "unit_amount": "1"}
    client.insist("POST", "/v1/item-prices", price)
    subscribe(client, "idle", "idle", closing=_AUTO)
    client.record("2026-10-05", "103")
    table = client.plant.backend.tables[BILLING]
    item = table.get(keys.price_version(SCOPE, "disk", 1))
    assert item is not None
    closed = Charge.from_plain({"pricing_model": "tiered", "tiers": tiers[:1]})
    table.put(Put({**item, "charge": dict(closed.to_plain())}))


def _park(client: Client) -> None:
    client.plant.dispatch()
    client.plant.deliver("close")
    client.plant.deliver("render")


def _bounded(client: Client) -> None:
    """Two invoices are to come that charge more than the site lets pass."""
    _voip(client)
    subscribe(client, "two", "minutes", closing=_AUTO)
    client.record("2026-10-05", "101")
    client.record("2026-10-05", "103", "two")
    bounds = {"highest_totals": {"USD": "14.00"}, "median_factor": "3"}
    client.insist("PATCH", "/v1/site", {"bounds": bounds})


def _sync(client: Client) -> None:
    """Both are parked; use more, refresh, accept the one as it is, let the other pass.

    Each refresh rates anew: the first finds another figure, the last one no trouble any more.
    """
    plant = client.plant
    plant.dispatch()
    plant.deliver("close")
    client.record("2026-10-08", "109")
    for invoice_id in pending(plant):
        client.insist("POST", f"/v1/invoices/{invoice_id}/sync")
        client.insist("POST", f"/v1/invoices/{invoice_id}/close", refused=409)
    for invoice in plant.world().invoices():
        if invoice.subscription_id == "two":
            accepted = {"accept_bounds": True}
            client.insist("POST", f"/v1/invoices/{invoice.id}/close", accepted)
    client.insist("PATCH", "/v1/site", {"bounds": {"highest_totals": {"USD": "100"}}})
    for invoice_id in pending(plant):
        client.insist("POST", f"/v1/invoices/{invoice_id}/sync")


def _thrown(client: Client) -> None:
    """One that will be deleted as it is, one that cannot be rated, and one made in advance."""
    _voip(client, closing=_MANUAL)
    client.record("2026-10-05", "101")
    client.insist("POST", "/v1/items", {"id": "seat", "name": "Seat", "metered": False})
    price = {"id": "seats", "item_id": "seat", "pricing_model": "per_unit", "unit_amount": "31"}
    client.insist("POST", "/v1/item-prices", price)
    subscribe(client, "team", "seats", start="2026-12-01", closing=_MANUAL)
    tiers = [{"up_to": "100", "unit_amount": "0.05"}, {"up_to": None, "unit_amount": "0.05"}]
    disk = {"id": "disk", "item_id": "voip", "pricing_model": "tiered", "tiers": tiers}
    client.insist("POST", "/v1/item-prices", disk)
    subscribe(client, "full", "disk", closing=_MANUAL)
    client.record("2026-10-05", "103", "full", line_id="disk")
    table = client.plant.backend.tables[BILLING]
    item = table.get(keys.price_version(SCOPE, "disk", 1))
    assert item is not None
    closed = Charge.from_plain({"pricing_model": "tiered", "tiers": tiers[:1]})
    table.put(Put({**item, "charge": dict(closed.to_plain())}))


def _throw_away(client: Client) -> None:
    """Delete all three; then use more and less of October."""
    plant = client.plant
    plant.dispatch()
    plant.deliver("close")
    for invoice_id in pending(plant):
        client.insist("POST", f"/v1/invoices/{invoice_id}/delete", {"reason": "a test"})
    client.record("2026-10-08", "109")
    plant.deliver("close")
    client.correct(usage_id("2026-10-05"), 1, "91")
    plant.deliver("close")


def _to_charge(client: Client) -> None:
    """Three invoices are to come: two by hand, one by itself an hour after the month."""
    _voip(client, closing=_MANUAL)
    subscribe(client, "gone", "minutes", closing=_MANUAL)
    subscribe(client, "auto", "minutes", closing={"mode": "auto", "after_hours": 1})
    setup = {"id": "setup", "name": "Setup", "type": "charge", "metered": False}
    client.insist("POST", "/v1/items", setup)
    price = {"id": "setup", "item_id": "setup", "pricing_model": "per_unit", "unit_amount": "1"}
    client.insist("POST", "/v1/item-prices", price)
    client.insist("PATCH", "/v1/site", {"bounds": {"highest_totals": {"USD": "500.00"}}})
    client.record("2026-10-05", "101")
    skip_to(client.plant, _NOVEMBER)
    client.plant.dispatch()
    client.plant.deliver("close")


def _charge(client: Client) -> None:
    """Put charges on and take some off; close by request and by a sweep, delete, park and go on.

    What comes after its invoice is closed or deleted is refused.
    """
    plant = client.plant
    of = {each.subscription_id: each.id for each in plant.world().invoices()}
    client.charge(of["sub"], "first", "201")
    client.charge(of["auto"], "much", "600")
    client.take_off(of["sub"], "first")
    client.charge(of["sub"], None, "203")
    client.charge(of["gone"], "gone", "207")
    client.insist("GET", f"/v1/invoices/{of['sub']}/charges")
    client.insist("POST", f"/v1/invoices/{of['sub']}/close")
    client.insist("POST", f"/v1/invoices/{of['gone']}/delete", {"reason": "a test"})
    client.charge(of["sub"], "late", "209")
    client.repeat()
    plant.skip(minutes=40)
    plant.sweep()  # what charges much is parked
    client.charge(of["auto"], "more", "205")
    client.take_off(of["auto"], "much")
    client.repeat()
    client.insist("POST", f"/v1/invoices/{of['auto']}/sync", refused=409)
    plant.sweep()
    client.take_off(of["auto"], "more")


# --- what is set up and changed


def _nothing(client: Client) -> None:
    """Begin with a bare site."""


def _set_up(client: Client) -> None:
    """Create and read one of each; create it once more; list them all."""
    _voip(client, closing=_MANUAL)
    _voip(client, closing=_MANUAL)
    client.insist("PATCH", "/v1/item-prices/minutes", {"base_fee": "11"})
    client.insist("GET", "/v1/item-prices/minutes/versions/1")
    _catalogue(client)
    client.insist("PATCH", "/v1/site", {"number_prefix": "A-"})
    client.new_site("umbrella")
    key = client.insist("POST", "/v1/api-keys", {"scopes": ["read"], "label": "one"}).json
    client.insist("GET", "/v1/api-keys")
    client.insist("DELETE", f"/v1/api-keys/{key['id']}")
    client.record("2026-10-05", "101")
    client.insist("GET", f"/v1/subscriptions/sub/usages/{usage_id('2026-10-05')}", refused=404)
    for path in (
        *("items", "item-prices", "customers", "subscriptions", "invoices", "late-usages"),
        *("subscriptions/sub/usages", "subscriptions/sub/invoices", "customers/globex/invoices"),
        *("subscriptions/sub/upcoming-invoice", "customers/globex/credits", "site"),
        *("items/voip", "item-prices/minutes", "customers/globex", "subscriptions/sub"),
        "item-families",
    ):
        client.insist("GET", f"/v1/{path}")
    _integers(client)


def _integers(client: Client) -> None:
    """Find one of each by its integer, and a line by that of its entry."""
    for listing, identifier in (
        *(("item-families", "phones"), ("items", "voip"), ("item-prices", "minutes")),
        *(("customers", "globex"), ("subscriptions", "sub")),
    ):
        shown = client.insist("GET", f"/v1/{listing}/{identifier}").json
        found = client.insist("GET", f"/v1/{listing}?integer_id={shown['integer_id']}").json
        assert [each["id"] for each in found["data"]] == [identifier]
    [line] = client.insist("GET", "/v1/subscriptions/sub").json["lines"]
    assert client.find_line(line["integer_id"]) == ("sub", "minutes")
    assert client.find_line(10**9) is None


def _catalogue(client: Client) -> None:
    """Change what is sold, and to whom; delete a customer that a subscription left."""
    client.insist("POST", "/v1/item-families", {"id": "phones", "name": "Phones"})
    client.insist("PATCH", "/v1/item-families/phones", {"description": "All that rings"})
    client.insist("GET", "/v1/item-families/phones")
    client.insist("PATCH", "/v1/items/voip", {"family_id": "phones"})
    client.insist("PATCH", "/v1/customers/globex", {"payment_days": 30})
    client.insist("DELETE", "/v1/customers/globex", refused=409)
    client.insist("POST", "/v1/customers", {"id": "initech", "name": "Initech"})
    client.insist("DELETE", "/v1/customers/initech")


def _seats(client: Client) -> None:
    _voip(client, closing=_MANUAL)
    client.insist("POST", "/v1/items", {"id": "seat", "name": "Seat", "metered": False})
    price = {"id": "seats", "item_id": "seat", "pricing_model": "per_unit", "unit_amount": "31"}
    client.insist("POST", "/v1/item-prices", price)
    client.record("2026-10-05", "101")


def _change(client: Client) -> None:
    """Lines, policies, holds, an invoice at once, a cancellation that gives back; one withdrawn."""
    plant = client.plant
    path = "/v1/subscriptions/sub"
    add = {"action": "add", "item_price_id": "seats", "id": "seats", "quantity": 2}
    once = {"Idempotency-Key": "add"}
    client.insist("POST", f"{path}/changes", {"changes": [add]}, headers=once)
    client.insist("PATCH", path, {"closing": _AUTO})
    subscribe(client, "later", "seats", start="2026-12-01", closing=_AUTO)
    client.insist("PATCH", "/v1/subscriptions/later", {"hold_until": "2026-12-20"})
    client.insist("POST", "/v1/subscriptions/later/cancel", {"at": "2026-10-21"})
    client.insist("POST", f"{path}/invoice-now", {}, headers={"Idempotency-Key": "now"})
    for _ in range(2):
        plant.sweep()
    client.insist("PATCH", path, {"closing": _MANUAL})
    skip_to(plant, at("2026-11-01T00:30"))
    plant.dispatch()
    plant.deliver("close")
    client.insist("PATCH", path, {"closing": _AUTO})
    plant.skip(minutes=6)
    plant.dispatch()
    plant.deliver("close")
    cancel = {"at": "2026-11-20", "credit_unused": True}
    client.insist("POST", f"{path}/cancel", cancel)
    client.insist("GET", "/v1/customers/globex/credits")


def _sell_seats(client: Client) -> None:
    """Charge something in advance: an invoice as soon as the subscription begins."""
    subscribe(client, "team", "seats", start="2026-10-20", closing=_AUTO)
    plant = client.plant
    plant.deliver("close")
    plant.stream()
    plant.deliver("render")
    plant.dispatch()
    plant.deliver("close")


def _late(client: Client) -> None:
    _billed(client)
    client.record("2026-10-08", "113")
    client.plant.deliver("close")


def _look(client: Client) -> None:
    """Look at what was billed, and at what came late."""
    for path in (
        *("invoices", "late-usages", "subscriptions/sub/invoices", "customers/globex/invoices"),
        *("subscriptions/sub/usages", "subscriptions/sub/upcoming-invoice"),
    ):
        client.insist("GET", f"/v1/{path}")
    for invoice in client.plant.world().invoices():
        client.insist("GET", f"/v1/invoices/{invoice.id}")
        if invoice.serial_text is not None:
            assert client.find_invoice(invoice.serial_text) == invoice.id


def _test_clock(client: Client) -> None:
    """Move a test site's clock over the end of a month."""
    client.record("2026-10-05", "101")
    to = {"to": "2026-11-01T02:00:00Z"}
    client.insist("POST", "/v1/test-clock/advance", to, refused=422)
    client.plant.stream()
    client.plant.deliver("render")
    client.plant.dispatch()


def _keyed(client: Client) -> None:
    """Make things under keys: at once, and by a request that fails first and is taken over."""
    client.make_customer("one")
    client.make_customer("two", fails=1)


def _no_month(client: Client) -> None:
    """Sell something in a generation that is left again, before anything was used."""
    _voip(client, closing=_MANUAL)


def _afresh(client: Client) -> None:
    """Start afresh, sell the same again, and watch the clock go over the end of a month."""
    client.insist("POST", "/v1/test-clock/start-afresh", {"at": "2026-10-31T22:00:00Z"})
    _voip(client)
    client.record("2026-10-05", "101")
    to = {"to": "2026-11-01T02:00:00Z"}
    client.insist("POST", "/v1/test-clock/advance", to, refused=422)
    client.insist("GET", "/v1/test-clock")
    client.plant.stream()
    client.plant.deliver("render")
    client.plant.dispatch(audit=True)
    client.plant.deliver("close")


def _volume(quantity: Decimal) -> int:
    """Return what disk costs: the first hundred at 0.05."""
    return int(quantity * 5)


def _asking(client: Client) -> None:
    """Usage URLs of three: one answers, one only when it is asked again, one that it is nothing."""
    _voip(client)
    for name in ("two", "idle"):
        subscribe(client, name, "minutes", closing=_AUTO)
    answers = {"sub": "211", "two": "223", "idle": "0"}
    urls = {name: f"https://{name}.example.com/minutes" for name in answers}
    client.plant.outside.answers = {urls[name]: amount for name, amount in answers.items()}
    client.plant.outside.slow = {urls["two"]}
    for name, url in urls.items():
        client.insist("PATCH", f"/v1/subscriptions/{name}", {"usage_urls": {"minutes": url}})
    client.record("2026-10-05", "101")


def _ask(client: Client) -> None:
    """Have them asked, hear of it, and ask one of them again."""
    plant = client.plant
    for quantity in ("211", "223"):
        client.ledger.no_answer(Decimal(quantity))  # no client hears of an answer
    for _ in range(2):
        plant.dispatch()
        plant.deliver("close")
        plant.deliver("pull")
        plant.deliver("close")
        plant.skip(minutes=6)


_OCTOBER, _NOVEMBER = at("2026-10-20T12:00"), at("2026-11-01T00:30")

MONEY = (
    Scenario(name="record", at=_OCTOBER, begin=_voip, play=_record, price=minutes),
    Scenario(name="named", at=_OCTOBER, begin=_limited, play=_named, price=minutes),
    Scenario(name="close", at=_OCTOBER, begin=_due, play=_close, price=minutes),
    Scenario(name="batch", at=_OCTOBER, begin=_billed, play=_batch, price=minutes),
    Scenario(name="reconcile", at=_OCTOBER, begin=_billed, play=_reconcile, price=minutes),
)
OTHERS = (
    Scenario(name="sweep", at=_OCTOBER, begin=_used, play=_sweep, price=minutes, then=_NOVEMBER),
    Scenario(
        name="by_request",
        at=_OCTOBER,
        begin=_two_manual,
        play=_by_request,
        price=minutes,
        then=_NOVEMBER,
        subscriptions=("sub", "two", "slow"),
    ),
    Scenario(name="signed", at=_OCTOBER, begin=_voip, play=_signed, price=minutes),
    Scenario(name="stranded", at=_OCTOBER, begin=_stranded, play=_find_stranded, price=minutes),
    Scenario(
        name="park",
        at=_OCTOBER,
        begin=_parks,
        play=_park,
        price=_volume,
        then=_NOVEMBER,
        subscriptions=("sub", "full", "idle"),
    ),
    Scenario(
        name="bounds",
        at=_OCTOBER,
        begin=_bounded,
        play=_sync,
        price=minutes,
        then=_NOVEMBER,
        subscriptions=("sub", "two"),
    ),
    Scenario(
        name="throw_away",
        at=_OCTOBER,
        begin=_thrown,
        play=_throw_away,
        price=minutes,
        then=_NOVEMBER,
        subscriptions=("sub", "full", "team"),
    ),
    Scenario(
        name="charge",
        at=_OCTOBER,
        begin=_to_charge,
        play=_charge,
        price=minutes,
        subscriptions=("sub", "gone", "auto"),
    ),
    Scenario(
        name="set_up",
        at=_OCTOBER,
        begin=_nothing,
        play=_set_up,
        price=minutes,
        by_operator=True,
    ),
    Scenario(name="change", at=_OCTOBER, begin=_seats, play=_change, price=minutes),
    Scenario(
        name="advance",
        at=_OCTOBER,
        begin=_seats,
        play=_sell_seats,
        price=minutes,
        subscriptions=("sub", "team"),
    ),
    Scenario(
        name="ask",
        at=_OCTOBER,
        begin=_asking,
        play=_ask,
        price=minutes,
        then=_NOVEMBER,
        subscriptions=("sub", "two", "idle"),
    ),
    Scenario(name="keyed", at=_OCTOBER, begin=_used, play=_keyed, price=minutes),
    Scenario(name="look", at=_OCTOBER, begin=_late, play=_look, price=minutes),
    Scenario(
        name="test_clock",
        at=at("2026-10-31T22:00"),
        begin=_voip,
        play=_test_clock,
        price=minutes,
        test_site=True,
    ),
    Scenario(
        name="afresh",
        at=at("2026-10-31T23:00"),
        begin=_no_month,
        play=_afresh,
        price=minutes,
        test_site=True,
    ),
)
# Of these every two faults at every two calls are run.
PAIRED = frozenset({"record", "close", "reconcile"})
SCENARIOS = {each.name: each for each in (*MONEY, *OTHERS)}
