"""Every operation of a client or the schedule that touches money or usage, ready to be started.

A function here brings about what an operation needs, and returns the operation: it calls AWS, and
checks what it is answered. It is noon on 20 October 2026, on the live clock, and the clock stands
until it is moved. The processes are warm: they know their key, and have integer ids.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from postpaid.application.due_terms import Due
from postpaid.application.pull_usage import Unanswered
from postpaid.domain.charge import Charge
from postpaid.domain.instants import instant_from_text
from postpaid.domain.site import Site
from postpaid.outbound import queue
from postpaid.runtime import cache
from postpaid.runtime import clock as real_clock
from postpaid.store import keys
from postpaid.store.counters import StoredIds
from postpaid.store.tables import Put, Value
from tests.support import functions as support
from tests.support.events import Event, sqs_event, stream_event
from tests.support.functions import Answer, Functions, forget
from tests.support.shop import CLOCK, USAGE, Shop, stocked_shop

type Act = Callable[[], object]

DISPATCHER, WORKER = "CloseDispatcherFunction", "CloseWorkerFunction"
RECORDER, CONTROL = "RecordUsageFunction", "NativeApiFunction"
RELAY, RENDERER = "RelayFunction", "RenderInvoiceFunction"
PULLER = "PullUsageFunction"
MANUAL, AT_ONCE = {"mode": "manual"}, {"mode": "auto", "after_hours": 0}
LATER = {"mode": "auto", "after_hours": 24}
VOIP, SEATS = {"item_price_id": "voip-usd"}, {"item_price_id": "seat-usd", "id": "seats"}
SEPTEMBER, OCTOBER = "2026-09-01T00:00:00Z", "2026-10-01T00:00:00Z"
LATE_SEPTEMBER = "2026-09-20T00:00:00Z"
IN_SEPTEMBER = USAGE | {"usage_date": "2026-09-16"}
NUMBERS_MIN = 6  # integer ids of a kind are enough for any operation
NUMBERED = ("invoice", "line", "subscription")


@dataclass(slots=True)
class StandingClock:
    """The real time, as the functions are told it."""

    now: datetime = CLOCK

    def real_now(self) -> datetime:
        """Return it."""
        return self.now


@contextmanager
def standing_clock(functions: Functions) -> Iterator[StandingClock]:
    """Have all functions, and the operator, read a clock that stands.

    What they keep in memory does not age either, however slow the machine is.
    """
    clock = StandingClock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "monotonic", lambda: 0.0)
        for module in (real_clock, support, *functions.modules.values()):
            if hasattr(module, "real_now"):
                patch.setattr(module, "real_now", clock.real_now)
        yield clock


class Stage:
    """A site with a catalogue and a customer, where each operation has a subscription of its own.

    An operation that reads what there is of all gets a site of its own, or all of the tables.
    """

    def __init__(self, functions: Functions, clock: StandingClock) -> None:
        self.functions = functions
        self.clock = clock
        # What was started: a request's method and path, or a function's name.
        self.started: list[str] = []
        self._serial = 0
        self._customer = "harbor"
        self._shop = self._first_shop()
        self._home: Shop | None = self._shop

    def next(self) -> None:
        """Get ready for the next operation."""
        self.clock.now = CLOCK
        self._serial += 1
        self._customer = "harbor"
        if self._home is None:
            self._home = self._first_shop()
        self._shop = self._home
        self._reserve()

    def alone(self, *, is_test: bool = False, empty: bool = False) -> None:
        """Go to a site that is used for this once; if *empty*, nothing else is on the tables."""
        if empty:
            self.functions.reset()
            self._home = None
        site_id = f"site-{self._serial:03d}"
        self._shop = stocked_shop(self.functions, site_id, CLOCK if is_test else None)
        self._reserve()

    def _first_shop(self) -> Shop:
        """Open a shop that has issued an invoice: the first number of a series is put elsewise."""
        self.functions.reset()
        self._shop = stocked_shop(self.functions, "acme", clock=None)
        self._serial += 1
        self.close(self.september())
        self._serial += 1
        return self._shop

    def _reserve(self) -> None:
        """Have integer ids at hand: one in twenty requests must ask for more."""
        scope = self.site.scope
        for name in (WORKER, CONTROL):
            module = self.functions.modules[name]
            blocks = module.blocks if name == WORKER else module.control.blocks
            for kind in NUMBERED:
                pk = keys.counter(scope, kind).pk
                if len(blocks.get(pk, ())) < NUMBERS_MIN:
                    blocks.pop(pk, None)
                    StoredIds(self.functions.billing, scope, blocks).number(kind)

    @property
    def site(self) -> Site:
        """The site."""
        return self._shop.site

    @property
    def name(self) -> str:
        """The id of the subscription."""
        return f"calls-{self._serial:03d}"

    @property
    def path(self) -> str:
        """The path of the subscription."""
        return f"/v1/subscriptions/{self.name}"

    @property
    def usages(self) -> str:
        """The path of its usages."""
        return f"{self.path}/usages"

    def call(self, method: str, target: str, body: object = None, **options: Any) -> Answer:
        """Send a request."""
        self.started.append(f"{method} {target}")
        return self._shop.call(method, target, body, **options)

    def must(self, method: str, target: str, body: object = None, **options: Any) -> Any:
        """Send a request that must succeed; return its JSON."""
        answer = self.call(method, target, body, **options)
        assert answer.status in {200, 201}, (method, target, answer)
        return answer.json

    def invoke(self, function: str, event: Event) -> Any:
        """Start a function that no request starts."""
        self.started.append(function)
        return self.functions.invoke(function, event)

    def subscription(self, **more: Any) -> dict[str, Any]:
        """Return what the subscription is created with: closed by hand unless *more* says so."""
        return {
            "id": self.name,
            "customer_id": self._customer,
            "start": "2026-09-01",
            "lines": [VOIP],
            "closing": MANUAL,
            **more,
        }

    def subscribe(self, **more: Any) -> None:
        """Create the subscription."""
        self.must("POST", "/v1/subscriptions", self.subscription(**more))

    def warm(self) -> None:
        """Have the process that records know the subscription, and its key."""
        path = f"{self.usages}/{NOWHERE}"
        assert self.call("PUT", path, {"quantity": "1"}, **OVER_1).code == "usage_not_found"

    def usage(self, **more: str) -> str:
        """Record a usage, in October unless it says otherwise; return its path."""
        return f"{self.usages}/{self.must('POST', self.usages, USAGE | more)['id']}"

    def visit(self, start: str = SEPTEMBER) -> None:
        """Have the worker do what is due of a term."""
        term = keys.term(self.site.scope, self.name, instant_from_text(start))
        self.work(queue.due_message([Due(*term)]))

    def visit_invoice(self, invoice_id: str) -> None:
        """Have the worker do what is due of an invoice."""
        due = Due(*keys.entity(self.site.scope, "invoice", invoice_id))
        self.work(queue.due_message([due]))

    def reconcile(self) -> None:
        """Have the worker compare September with what was billed of it."""
        term = keys.term(self.site.scope, self.name, instant_from_text(SEPTEMBER))
        self.work(queue.reconcile_message([Due(*term)]))

    def work(self, message: object) -> None:
        """Give the worker one message."""
        answer = self.invoke(WORKER, sqs_event([json.dumps(message)]))
        assert answer == {"batchItemFailures": []}

    def render(self, invoice_id: str) -> None:
        """Make an invoice's document."""
        message = json.dumps(queue.render_message(self.site.scope, invoice_id))
        assert self.invoke(RENDERER, sqs_event([message])) == {"batchItemFailures": []}

    def invoice(self) -> str:
        """Return the id of the subscription's newest invoice."""
        return str(self.must("GET", f"{self.path}/invoices")["data"][0]["id"])

    def close(self, invoice_id: str) -> Any:
        """Close an invoice by request."""
        return self.must("POST", f"/v1/invoices/{invoice_id}/close")

    def september(self, **more: Any) -> str:
        """Have a September with usage end, and return its pending invoice."""
        self.subscribe(**more)
        self.usage(usage_date="2026-09-15")
        self.visit()
        return self.invoice()

    def september_invoiced(self, **more: Any) -> str:
        """Have it issued as well."""
        invoice_id = self.september(**more)
        assert self.close(invoice_id)["status"] == "issued"
        return invoice_id

    def late(self) -> None:
        """Record another usage of September."""
        assert self.must("POST", self.usages, IN_SEPTEMBER)["billing"] == "late"

    def credited(self) -> str:
        """Have a subscription end so that its last invoice gives back more than it charges."""
        self._customer = f"customer-{self._serial:03d}"
        self.must("POST", "/v1/customers", {"id": self._customer, "name": "Credited"})
        self.subscribe(start="2026-10-01", lines=[SEATS])
        self.must("POST", f"{self.path}/cancel", {"at": "now", "credit_unused": True})
        return self.invoice()

    def credits(self) -> list[Any]:
        """Return what that customer has in credit."""
        return list(self.must("GET", f"/v1/customers/{self._customer}/credits")["data"])


OVER_1 = {"headers": {"if-match": '"1"'}}
NOWHERE = "MjAyNi0xMC0wMVQwMDowMDowMFojbm9ib2R5"  # a usage of a line that nobody has


def answers(expected: object, actual: object) -> None:
    """Check what an operation came to."""
    assert actual == expected, actual


# --- usage


def record_cold(stage: Stage) -> Act:
    stage.subscribe()
    forget(stage.functions.modules[RECORDER])
    return lambda: answers(201, stage.call("POST", stage.usages, USAGE).status)


def record(stage: Stage) -> Act:
    stage.subscribe()
    stage.warm()
    return lambda: answers(201, stage.call("POST", stage.usages, USAGE).status)


def record_on_a_test_site(stage: Stage) -> Act:
    stage.alone(is_test=True)
    return record(stage)


def record_again(stage: Stage) -> Act:
    stage.subscribe()
    stage.usage()
    return lambda: answers(True, stage.must("POST", stage.usages, USAGE)["replayed"])


def record_another_quantity(stage: Stage) -> Act:
    stage.subscribe()
    stage.usage()
    other = USAGE | {"quantity": "23"}
    return lambda: answers("usage_conflict", stage.call("POST", stage.usages, other).code)


def record_over_a_tombstone(stage: Stage) -> Act:
    stage.subscribe()
    stage.must("DELETE", stage.usage())
    return lambda: answers(3, stage.must("POST", stage.usages, USAGE)["version"])


def record_named(stage: Stage) -> Act:
    stage.subscribe()
    stage.warm()
    named = USAGE | {"external_id": f"named-{stage.name}"}
    return lambda: answers(201, stage.call("POST", stage.usages, named).status)


def record_counted(stage: Stage) -> Act:
    stage.subscribe(usage_records_max=10)
    stage.warm()
    return lambda: answers(201, stage.call("POST", stage.usages, USAGE).status)


def search_by_external_id(stage: Stage) -> Act:
    stage.subscribe()
    name = f"named-{stage.name}"
    stage.usage(external_id=name)
    path = f"/v1/usages?external_id={name}"
    return lambda: answers(1, len(stage.must("GET", path)["data"]))


def record_late(stage: Stage) -> Act:
    stage.september_invoiced()
    return lambda: answers("late", stage.must("POST", stage.usages, IN_SEPTEMBER)["billing"])


def record_under_refuse(stage: Stage) -> Act:
    stage.september_invoiced(late_usage="refuse")
    return lambda: answers("on_time", stage.must("POST", stage.usages, USAGE)["billing"])


def record_late_under_refuse(stage: Stage) -> Act:
    stage.september_invoiced(late_usage="refuse")
    return lambda: answers("term_closed", stage.call("POST", stage.usages, IN_SEPTEMBER).code)


def record_again_under_refuse(stage: Stage) -> Act:
    stage.september_invoiced(late_usage="refuse")
    again = USAGE | {"usage_date": "2026-09-15"}
    return lambda: answers(True, stage.must("POST", stage.usages, again)["replayed"])


def _batch(stage: Stage, *dates: str) -> list[str]:
    """Record usages of some dates by one request; return where they are billed."""
    named = USAGE | {"subscription_id": stage.name}
    body = {"usages": [named | {"usage_date": date} for date in dates]}
    return [each["usage"]["billing"] for each in stage.must("POST", "/v1/usages", body)["results"]]


def record_batch(stage: Stage) -> Act:
    stage.subscribe()
    stage.warm()
    dates = ("2026-10-02", "2026-10-03", "2026-10-04")
    return lambda: answers(["on_time"] * 3, _batch(stage, *dates))


def record_late_batch(stage: Stage) -> Act:
    stage.september_invoiced()
    dates = ("2026-09-16", "2026-10-02", "2026-09-17")
    return lambda: answers(["late", "on_time", "late"], _batch(stage, *dates))


def correct(stage: Stage) -> Act:
    stage.subscribe()
    path = stage.usage()
    return lambda: answers(2, stage.must("PUT", path, {"quantity": "30"}, **OVER_1)["version"])


def correct_again(stage: Stage) -> Act:
    stage.subscribe()
    path = stage.usage()
    stage.must("PUT", path, {"quantity": "30"}, **OVER_1)
    return lambda: answers(True, stage.must("PUT", path, {"quantity": "30"}, **OVER_1)["replayed"])


def correct_another_version(stage: Stage) -> Act:
    stage.subscribe()
    path = stage.usage()
    stage.must("PUT", path, {"quantity": "30"}, **OVER_1)
    return lambda: answers(412, stage.call("PUT", path, {"quantity": "31"}, **OVER_1).status)


def correct_late(stage: Stage) -> Act:
    stage.subscribe()
    path = stage.usage(usage_date="2026-09-15")
    stage.visit()
    stage.close(stage.invoice())
    return lambda: answers("late", stage.must("PUT", path, {"quantity": "9"}, **OVER_1)["billing"])


def delete(stage: Stage) -> Act:
    stage.subscribe()
    path = stage.usage()
    return lambda: answers(2, stage.must("DELETE", path)["version"])


def delete_on_a_test_site(stage: Stage) -> Act:
    stage.alone(is_test=True)
    return delete(stage)


def delete_again(stage: Stage) -> Act:
    stage.subscribe()
    path = stage.usage()
    stage.must("DELETE", path)
    return lambda: answers(2, stage.must("DELETE", path)["version"])


def read_usage(stage: Stage) -> Act:
    stage.subscribe()
    path = stage.usage()
    return lambda: answers("22", stage.must("GET", path)["quantity"])


def list_usages(stage: Stage) -> Act:
    stage.subscribe()
    stage.usage()
    return lambda: answers(1, len(stage.must("GET", stage.usages)["data"]))


def list_late_usages(stage: Stage) -> Act:
    stage.alone()
    stage.september_invoiced()
    stage.late()
    stage.reconcile()
    return lambda: answers(1, len(stage.must("GET", "/v1/late-usages")["data"]))


# --- the schedule


def sweep_nothing(stage: Stage) -> Act:
    stage.alone(empty=True)
    stage.clock.now += timedelta(hours=3)
    return lambda: answers({"due": 0}, stage.invoke(DISPATCHER, {}))


def sweep_a_term(stage: Stage) -> Act:
    stage.alone(empty=True)
    stage.clock.now += timedelta(hours=3)
    stage.subscribe()
    return lambda: answers({"due": 1}, stage.invoke(DISPATCHER, {}))


def sweep_in_the_next_hour(stage: Stage) -> Act:
    stage.alone(empty=True)
    stage.clock.now += timedelta(hours=4)
    return lambda: answers({"due": 0}, stage.invoke(DISPATCHER, {}))


def roll(stage: Stage) -> Act:
    stage.subscribe(closing=LATER, start="2026-09-20")
    stage.usage(usage_date="2026-10-15")
    return lambda: stage.visit(LATE_SEPTEMBER)


def roll_by_hand(stage: Stage) -> Act:
    stage.subscribe()
    stage.usage(usage_date="2026-09-15")
    return stage.visit


def roll_the_last(stage: Stage) -> Act:
    stage.subscribe(cycles=1)
    return stage.visit


def close_after_grace(stage: Stage) -> Act:
    stage.subscribe(closing=LATER, start="2026-09-20", lines=[VOIP, SEATS])
    stage.usage(usage_date="2026-10-15")
    stage.visit(LATE_SEPTEMBER)
    stage.clock.now += timedelta(hours=24)
    return lambda: stage.visit(LATE_SEPTEMBER)


def roll_and_close(stage: Stage) -> Act:
    stage.subscribe(closing=AT_ONCE, lines=[VOIP, SEATS])
    stage.usage(usage_date="2026-09-15")
    return stage.visit


def skip(stage: Stage) -> Act:
    stage.subscribe(closing=AT_ONCE, lines=[{"item_price_id": "sms-usd"}])
    return stage.visit


def park(stage: Stage) -> Act:
    stage.subscribe(closing=AT_ONCE, lines=[{"item_price_id": unratable(stage)}])
    stage.usage(item_price_id="odd", usage_date="2026-09-15")
    return stage.visit


def unratable(stage: Stage) -> str:
    """Create a price that the catalogue refuses, as another release might: for ten units only."""
    tier = {"up_to": None, "unit_amount": "1"}
    price = {"pricing_model": "tiered", "tiers": [tier]}
    stage.must("POST", "/v1/item-prices", {"id": "odd", "item_id": "voip", **price})
    tiers = [{**tier, "up_to": "10"}]
    charge: Value = dict(Charge.from_plain({**price, "tiers": tiers}).to_plain())
    item = stage.functions.billing.get(keys.price_version(stage.site.scope, "odd", 1))
    assert item is not None
    stage.functions.billing.put(Put({**item, "charge": charge}))
    return "odd"


def open_with_an_invoice(stage: Stage) -> Act:
    stage.subscribe(start="2026-10-21", lines=[SEATS], closing=AT_ONCE)
    opening = stage.invoice()
    stage.clock.now += timedelta(hours=12)
    return lambda: stage.visit_invoice(opening)


def relay(stage: Stage) -> Act:
    invoice_id = stage.september_invoiced()
    pk = keys.entity(stage.site.scope, "invoice", invoice_id).pk
    [image] = [each for each in stage.functions.billing_items() if each["pk"]["S"] == pk]
    of_it = {name: image[name] for name in ("pk", "sk")}
    return lambda: stage.invoke(RELAY, stream_event(("MODIFY", of_it, image)))


def render(stage: Stage) -> Act:
    invoice_id = stage.september_invoiced()
    return lambda: stage.render(invoice_id)


def render_usages(stage: Stage) -> Act:
    path = f"/v1/invoices/{stage.september_invoiced()}/usages-pdf"
    stage.functions.messages("RenderQueue")
    answers("pdf_not_ready", stage.call("GET", path).code)
    [message] = stage.functions.messages("RenderQueue")
    asked = sqs_event([message])
    return lambda: answers({"batchItemFailures": []}, stage.invoke(RENDERER, asked))


def render_usages_again(stage: Stage) -> Act:
    again = render_usages(stage)
    again()
    return again


class _Url:
    """Stands in for what asks usage URLs: a line's answers 361, or does not."""

    def __init__(self, *, answers: bool) -> None:
        self._answers = answers

    def ask(self, url: object, question: object) -> Decimal:
        if not self._answers:
            raise Unanswered("did not answer")
        return Decimal(361)


def have_a_url_asked(stage: Stage) -> Act:
    asked = VOIP | {"usage_url": "https://usage.example.com/minutes"}
    stage.subscribe(closing=AT_ONCE, lines=[asked])
    stage.functions.messages("PullQueue")
    return stage.visit


def ask_a_url(stage: Stage, *, answered: bool = True) -> Act:
    have_a_url_asked(stage)()
    asked = sqs_event(stage.functions.messages("PullQueue"))
    stage.functions.messages("CloseQueue")

    def act() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stage.functions.modules[PULLER], "usage_urls", _Url(answers=answered))
            answers({"batchItemFailures": []}, stage.invoke(PULLER, asked))

    return act


def token(stage: Stage) -> Act:
    answers(200, stage.call("GET", "/v1/usage-url-token").status)
    return lambda: answers(200, stage.call("GET", "/v1/usage-url-token").status)


def first_token(stage: Stage) -> Act:
    stage.alone()
    return lambda: answers(200, stage.call("GET", "/v1/usage-url-token").status)


def hear_an_answer(stage: Stage) -> Act:
    ask_a_url(stage)()
    [report] = stage.functions.messages("CloseQueue")
    return lambda: stage.work(json.loads(report))


def hear_of_a_failure(stage: Stage) -> Act:
    ask_a_url(stage, answered=False)()
    [report] = stage.functions.messages("CloseQueue")
    return lambda: stage.work(json.loads(report))


def close_before_an_answer(stage: Stage) -> Act:
    have_a_url_asked(stage)()
    path = f"/v1/invoices/{stage.invoice()}/close"
    return lambda: answers("usage_url_unanswered", stage.call("POST", path).code)


def settle_a_term(stage: Stage) -> Act:
    render(stage)()
    stage.clock.now += timedelta(minutes=6)
    return stage.visit


def settle_an_invoice(stage: Stage) -> Act:
    stage.subscribe(start="2026-10-20", lines=[SEATS], closing=AT_ONCE)
    opening = stage.invoice()
    stage.visit_invoice(opening)
    stage.render(opening)
    stage.clock.now += timedelta(minutes=6)
    return lambda: stage.visit_invoice(opening)


def reconcile_nothing(stage: Stage) -> Act:
    stage.september_invoiced()
    return stage.reconcile


def reconcile_to_wait(stage: Stage) -> Act:
    stage.september_invoiced()
    stage.late()
    return stage.reconcile


def reconcile_again(stage: Stage) -> Act:
    reconcile_to_wait(stage)()
    return stage.reconcile


def reconcile_to_an_invoice(stage: Stage) -> Act:
    stage.september_invoiced(cycles=1)
    stage.late()
    return stage.reconcile


def close_with_a_supplement(stage: Stage) -> Act:
    reconcile_to_wait(stage)()
    stage.clock.now = instant_from_text("2026-11-01T00:10:00Z")
    stage.visit(OCTOBER)
    pending = stage.invoice()
    return lambda: answers("issued", stage.close(pending)["status"])


def ask_for_audits(stage: Stage) -> Act:
    stage.alone(empty=True)
    return lambda: answers({"sites": 1}, stage.invoke(DISPATCHER, {"audit": True}))


def audit(stage: Stage) -> Act:
    stage.alone()
    stage.september_invoiced()
    return lambda: stage.work(queue.audit_message(stage.site.scope, None))


# --- invoices


def close_by_request(stage: Stage) -> Act:
    pending = stage.september(lines=[VOIP, SEATS])
    return lambda: answers("issued", stage.close(pending)["status"])


def close_a_second_time(stage: Stage) -> Act:
    invoice_id = stage.september_invoiced()
    return lambda: answers("issued", stage.close(invoice_id)["status"])


def close_with_credit(stage: Stage) -> Act:
    last = stage.credited()
    return lambda: answers("7.74", stage.close(last)["credit_granted"])


def show_a_draft(stage: Stage) -> Act:
    pending = stage.september()
    return lambda: answers("11.10", stage.must("GET", f"/v1/invoices/{pending}")["total"])


def sync_a_draft(stage: Stage) -> Act:
    path = f"/v1/invoices/{stage.september()}/sync"
    return lambda: answers("11.10", stage.must("POST", path)["total"])


def show_what_is_coming(stage: Stage) -> Act:
    stage.subscribe(start="2026-10-01")
    stage.usage()
    return lambda: answers("11.10", stage.must("GET", f"{stage.path}/upcoming-invoice")["total"])


def show_an_issued(stage: Stage) -> Act:
    invoice_id = stage.september_invoiced()
    return lambda: answers("11.10", stage.must("GET", f"/v1/invoices/{invoice_id}")["total"])


def link_a_document(stage: Stage) -> Act:
    render(stage)()
    invoice_id = stage.invoice()
    return lambda: answers(200, stage.call("GET", f"/v1/invoices/{invoice_id}/pdf").status)


def ask_for_usages(stage: Stage) -> Act:
    path = f"/v1/invoices/{stage.september_invoiced()}/usages-pdf"
    return lambda: answers("pdf_not_ready", stage.call("GET", path).code)


def ask_for_usages_of_a_draft(stage: Stage) -> Act:
    path = f"/v1/invoices/{stage.september()}/usages-pdf"
    return lambda: answers("pdf_not_ready", stage.call("GET", path).code)


def link_usages(stage: Stage) -> Act:
    render_usages(stage)()
    path = f"/v1/invoices/{stage.invoice()}/usages-pdf"
    return lambda: answers(200, stage.call("GET", path).status)


def list_invoices(stage: Stage) -> Act:
    stage.alone()
    stage.september_invoiced()
    return lambda: answers(1, len(stage.must("GET", "/v1/invoices")["data"]))


def find_an_invoice_by_its_integer(stage: Stage) -> Act:
    invoice = stage.must("GET", f"/v1/invoices/{stage.september_invoiced()}")
    return _finding(stage, "invoices", invoice)


def find_a_subscription_by_its_integer(stage: Stage) -> Act:
    stage.subscribe()
    return _finding(stage, "subscriptions", stage.must("GET", stage.path))


def _finding(stage: Stage, listing: str, thing: dict[str, Any]) -> Act:
    path = f"/v1/{listing}?integer_id={thing['integer_id']}"
    return lambda: answers([thing["id"]], [each["id"] for each in stage.must("GET", path)["data"]])


def list_invoices_of_a_subscription(stage: Stage) -> Act:
    stage.september_invoiced()
    return lambda: answers(1, len(stage.must("GET", f"{stage.path}/invoices")["data"]))


def list_invoices_of_a_customer(stage: Stage) -> Act:
    stage.alone()
    stage.september_invoiced()
    return lambda: answers(1, len(stage.must("GET", "/v1/customers/harbor/invoices")["data"]))


def pay(stage: Stage) -> Act:
    path = f"/v1/invoices/{stage.september_invoiced()}/payments"
    return lambda: answers(201, stage.call("POST", path, {"id": "wire-7", "amount": "11"}).status)


def pay_again(stage: Stage) -> Act:
    path = f"/v1/invoices/{stage.september_invoiced()}/payments"
    stage.must("POST", path, {"id": "wire-7", "amount": "11"})
    return lambda: answers(200, stage.call("POST", path, {"id": "wire-7", "amount": "11"}).status)


def list_payments(stage: Stage) -> Act:
    path = f"/v1/invoices/{stage.september_invoiced()}/payments"
    stage.must("POST", path, {"id": "wire-7", "amount": "11"})
    return lambda: answers(1, len(stage.must("GET", path)["data"]))


def void(stage: Stage) -> Act:
    path = f"/v1/invoices/{stage.september_invoiced()}/void"
    return lambda: answers("voided", stage.must("POST", path)["status"])


def void_again(stage: Stage) -> Act:
    path = f"/v1/invoices/{stage.september_invoiced()}/void"
    stage.must("POST", path)
    return lambda: answers("voided", stage.must("POST", path)["status"])


def void_with_credit(stage: Stage) -> Act:
    last = stage.credited()
    stage.close(last)
    return lambda: answers("voided", stage.must("POST", f"/v1/invoices/{last}/void")["status"])


def throw_away(stage: Stage) -> Act:
    path = f"/v1/invoices/{stage.september()}/delete"
    return lambda: answers("deleted", stage.must("POST", path)["status"])


def throw_away_again(stage: Stage) -> Act:
    path = f"/v1/invoices/{stage.september()}/delete"
    stage.must("POST", path)
    return lambda: answers("deleted", stage.must("POST", path)["status"])


def show_credits(stage: Stage) -> Act:
    stage.close(stage.credited())
    return lambda: answers(1, len(stage.credits()))


# --- subscriptions


def subscribe(stage: Stage) -> Act:
    body = stage.subscription(start="2026-10-01")
    return lambda: answers(201, stage.call("POST", "/v1/subscriptions", body).status)


def subscribe_in_advance(stage: Stage) -> Act:
    body = stage.subscription(start="2026-10-01", lines=[VOIP, SEATS])
    return lambda: answers(201, stage.call("POST", "/v1/subscriptions", body).status)


def show_subscription(stage: Stage) -> Act:
    stage.subscribe()
    return lambda: answers("active", stage.must("GET", stage.path)["status"])


def list_subscriptions(stage: Stage) -> Act:
    stage.alone()
    stage.subscribe()
    return lambda: answers(1, len(stage.must("GET", "/v1/subscriptions")["data"]))


def _changing(stage: Stage, path: str, body: object, **expected: object) -> Act:
    stage.subscribe(start="2026-10-01", lines=[VOIP, SEATS], closing=LATER)

    def act() -> None:
        shown = stage.must("POST", f"{stage.path}/{path}", body)
        answers(expected, {name: shown[name] for name in expected})

    return act


def change_a_line(stage: Stage) -> Act:
    change = {"action": "change", "id": "seats", "quantity": "3"}
    body = {"effective": "2026-10-11", "changes": [change]}
    return _changing(stage, "changes", body, version=2)


def change_a_line_to_what_it_is(stage: Stage) -> Act:
    change = {"action": "change", "id": "seats", "quantity": "1"}
    body = {"effective": "2026-10-11", "changes": [change]}
    return _changing(stage, "changes", body, version=1)


def add_a_line(stage: Stage) -> Act:
    change = {"action": "add", "id": "texts", "item_price_id": "sms-usd"}
    return _changing(stage, "changes", {"changes": [change]}, version=2)


def cancel_at_term_end(stage: Stage) -> Act:
    return _changing(stage, "cancel", {}, status="non_renewing", end="2026-11-01T00:00:00Z")


def cancel_within_the_term(stage: Stage) -> Act:
    return _changing(stage, "cancel", {"at": "2026-10-25"}, status="non_renewing")


def cancel_now(stage: Stage) -> Act:
    return _changing(stage, "cancel", {"at": "now"}, status="ended")


def uncancel(stage: Stage) -> Act:
    cancel_within_the_term(stage)()
    return lambda: answers("active", stage.must("POST", f"{stage.path}/uncancel")["status"])


def suspend(stage: Stage) -> Act:
    return _changing(stage, "suspend", {"from": "2026-12-01"}, version=2)


def resume(stage: Stage) -> Act:
    suspend(stage)()
    body = {"at": "2026-12-20"}
    return lambda: answers(3, stage.must("POST", f"{stage.path}/resume", body)["version"])


def change_cadence(stage: Stage) -> Act:
    return _changing(stage, "cadence", {"unit": "quarter"}, version=2)


def change_cadence_now(stage: Stage) -> Act:
    return _changing(stage, "cadence", {"unit": "quarter", "at": "now"}, version=2)


def change_closing(stage: Stage) -> Act:
    stage.subscribe(closing=LATER)
    stage.visit()
    return lambda: answers(200, stage.call("PATCH", stage.path, {"closing": MANUAL}).status)


def invoice_now(stage: Stage) -> Act:
    return _changing(stage, "invoice-now", {}, status="issued")


def invoice_now_to_wait(stage: Stage) -> Act:
    return _changing(stage, "invoice-now", {"close": False}, status="pending")
