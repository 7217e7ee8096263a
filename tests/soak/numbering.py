"""The second part: a thousand pending invoices, and many that close them at once."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from functools import partial
from random import Random
from threading import Lock
from typing import Any

from tests.soak.audit_numbers import audit_numbers
from tests.soak.books import Outcome
from tests.soak.findings import Finding, Kind
from tests.soak.site import Operator, advance
from tests.soak.threads import at_once
from tests.soak.wire import Wire

CLOCK = "2026-06-01T00:00:00Z"
_TERMS = 20
_TRIES_MAX = 10
_AIMED_AT = 3  # so many close the same invoice, of every tenth one
_STEP = timedelta(days=1)
# Of twenty that draw a number at once one gets it, and nineteen have worked for nothing. So after
# these many closes without a pause, closers rest for up to some times as long as a close took.
_RUSHED = 100
_REST_MAX = 6.0
_SWEEP_SECONDS = 5
_PATIENCE_SECONDS = 300


def number_invoices(
    base_url: str,
    key: str,
    operator: Operator,
    say: Callable[[str], None],
    *,
    invoices: int,
    closers: int,
    seed: int,
) -> list[Finding]:
    """Make invoices pending, close them all at once, and return what is wrong with the numbers."""
    admin = Wire(base_url, key)
    _open_shop(admin, invoices // _TERMS)
    pending = _caught_up(admin, operator, invoices)
    say(f"{closers} closers close {len(pending)} invoices")
    rush = Rush(pending, Random(seed))  # noqa: S311 - the same every time is what it is for
    at_once(
        [
            *(
                partial(rush.close_all, Wire(base_url, key), Random(f"{seed}/{number}"))  # noqa: S311
                for number in range(closers)
            ),
            partial(rush.move_clock, Wire(base_url, key)),
        ],
        rush.stop,
    )
    heads = admin.all("/v1/invoices")
    admin.close()
    return list(audit_rush(heads, rush.told, rush.faults, invoices))


class Rush:
    """Invoices that wait to be closed, some by several at once, and what closers are told."""

    def __init__(self, pending: list[str], dice: Random) -> None:
        order = sorted(pending)
        dice.shuffle(order)
        self._waiting = [
            (each, 1)
            for number, each in enumerate(order)
            for _ in range(1 if number % 10 else _AIMED_AT)
        ]
        self._closing = True
        self._lock = Lock()
        self.told: dict[str, set[str]] = defaultdict(set)
        self.faults: list[str] = []

    def close_all(self, wire: Wire, dice: Random) -> None:
        """Close one after another until none waits."""
        while (taken := self._next()) is not None:
            invoice_id, tries = taken
            answer = wire.send("POST", f"/v1/invoices/{invoice_id}/close")
            with self._lock:
                if answer.outcome is Outcome.OK:
                    self.told[invoice_id].add(str(answer.body["number"]))
                elif answer.outcome is Outcome.UNKNOWN and tries < _TRIES_MAX:
                    self._waiting.insert(0, (invoice_id, tries + 1))
                else:
                    self.faults.append(f"the close of {invoice_id} was {answer.code}")
                rushes = len(self.told) < _RUSHED
            if not rushes:
                time.sleep(dice.uniform(0, _REST_MAX) * (answer.ended - answer.began))
        self._closing = False
        wire.close()

    def stop(self) -> None:
        """Leave the rest as it is."""
        with self._lock:
            self._waiting.clear()
        self._closing = False

    def move_clock(self, wire: Wire) -> None:
        """Let days go by while there is something to close, so that dates differ."""
        now = datetime.fromisoformat(CLOCK)
        while self._closing:
            now += _STEP
            advance(wire, now.strftime("%Y-%m-%dT%H:%M:%SZ"))
            time.sleep(1)
        wire.close()

    def _next(self) -> tuple[str, int] | None:
        with self._lock:
            return self._waiting.pop() if self._waiting else None


def audit_rush(
    heads: list[Any], told: dict[str, set[str]], faults: list[str], expected: int
) -> Iterator[Finding]:
    """Find what is wrong: I-10, I-15, and answers that say other numbers than there are."""
    issued = [head for head in heads if head["status"] == "issued"]
    yield from audit_numbers(heads, expected)
    if len(issued) != expected:
        text = f"{len(issued)} invoices are issued in place of {expected}"
        yield Finding(Kind.NUMBER, "I-15", text)
    for head in issued:
        numbers = told.get(head["id"], set())
        if numbers != {head["number"]}:
            text = f"{head['id']} has number {head['number']}; closers were told {sorted(numbers)}"
            yield Finding(Kind.NUMBER, "I-10", text)
    for fault in faults:
        yield Finding(Kind.UNSETTLED, "I-30", fault)


def _open_shop(admin: Wire, subscriptions: int) -> None:
    """Make subscriptions that began many terms ago, with usage."""
    item = {"id": "calls", "name": "calls", "metered": True, "unit": "minute"}
    admin.must("POST", "/v1/items", item)
    price = {"id": "calls", "item_id": "calls", "currency": "USD", "base_fee": "1.00"}
    price |= {"pricing_model": "per_unit", "unit_amount": "0.05"}
    admin.must("POST", "/v1/item-prices", price)
    start = date.fromisoformat(CLOCK[:10]) - timedelta(weeks=_TERMS)
    for number in range(subscriptions):
        name = f"sub-{number:02d}"
        admin.must("POST", "/v1/customers", {"id": name, "name": name})
        subscription = {
            "id": name,
            "customer_id": name,
            "start": start.isoformat(),
            "cadence": {"unit": "week", "count": 1},
            "lines": [{"item_price_id": "calls"}],
            "closing": {"mode": "manual"},
        }
        admin.must("POST", "/v1/subscriptions", subscription)
        usage = {"item_price_id": "calls", "usage_date": start.isoformat(), "quantity": "7"}
        admin.must("POST", f"/v1/subscriptions/{name}/usages", usage)


def _caught_up(admin: Wire, operator: Operator, expected: int) -> list[str]:
    """Let sweeps end all terms that are over; return the invoices that are pending then."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        operator.sweep()
        pending = [head["id"] for head in admin.all("/v1/invoices") if head["status"] == "pending"]
        if len(pending) >= expected or time.monotonic() > deadline:
            return pending
        time.sleep(_SWEEP_SECONDS)
