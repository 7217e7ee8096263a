"""The first part: clients write, correct, delete and close while terms end; then all is read."""

from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from functools import partial
from random import Random
from threading import Event

from tests.soak.books import Books
from tests.soak.clients import Client, Present, move_clock
from tests.soak.ending import Ending, Shown
from tests.soak.plan import CLOCK, PRICES, Plan
from tests.soak.site import Operator, advance_to
from tests.soak.threads import at_once
from tests.soak.wire import Wire

_SWEEP_SECONDS = 4.0
_SWEEPS_TO_AN_AUDIT = 4
_PAST_ALL_TERMS = timedelta(days=9)  # a term, and the grace of what closes by itself
_ROUNDS_MAX = 8
_READERS = 4

type Say = Callable[[str], None]


def open_shop(admin: Wire, plans: Mapping[str, Plan]) -> None:
    """Make what is sold, and who buys it."""
    for price in PRICES:
        admin.must("POST", "/v1/items", price.item())
        admin.must("POST", "/v1/item-prices", price.body())
    for plan in plans.values():
        admin.must("POST", "/v1/customers", {"id": plan.customer_id, "name": plan.customer_id})
        admin.must("POST", "/v1/subscriptions", plan.body())


def client_keys(admin: Wire, count: int) -> list[str]:
    """Return a key for each client, of the scopes that it needs."""
    scopes = ["usage:write", "usage:read", "read", "invoice:close"]
    bodies = ({"scopes": scopes, "label": f"client {number}"} for number in range(count))
    return [admin.must("POST", "/v1/api-keys", body)["key"] for body in bodies]


def storm(
    base_url: str,
    key: str,
    operator: Operator,
    plans: Mapping[str, Plan],
    *,
    clients: int,
    seconds: float,
    seed: int,
    say: Say,
) -> tuple[Books, str]:
    """Let clients loose for some seconds; return what they were told, and the site's present."""
    books, present = Books(), Present(CLOCK)
    admin = Wire(base_url, key)
    open_shop(admin, plans)
    crowd = [
        Client(
            number=number,
            dice=Random(f"{seed}/{number}"),  # noqa: S311 - the same every time is what it is for
            wire=Wire(base_url, each),
            plans=plans,
            books=books,
            present=present,
        )
        for number, each in enumerate(client_keys(admin, clients))
    ]
    over = Event()
    with ThreadPoolExecutor(clients + 1) as pool:
        running = [pool.submit(move_clock, crowd[0], admin, over)]
        try:
            for client in crowd[1:]:
                # One by one: each needs processes of its own, whose first call is a second of work.
                client.warm()
                running.append(pool.submit(client.run, over))
            running.append(pool.submit(_schedules, operator, over))
            say(f"{clients} clients write to {len(plans)} subscriptions")
            wait(running, timeout=seconds, return_when=FIRST_EXCEPTION)
        finally:
            over.set()
    for each in running:
        each.result()
    for wire in (admin, *(client.wire for client in crowd)):
        wire.close()
    return books, present.now


def settled(base_url: str, key: str, operator: Operator, now: str, say: Say) -> None:
    """Move the clock until each term that has usage is over, closed, and audited."""
    admin = Wire(base_url, key)
    before = -1
    for number in range(_ROUNDS_MAX):
        now = (datetime.fromisoformat(now) + _PAST_ALL_TERMS).strftime("%Y-%m-%dT%H:%M:%SZ")
        advance_to(admin, now)
        operator.settle()
        pending = [head for head in admin.all("/v1/invoices") if head["status"] == "pending"]
        for head in pending:
            admin.must("POST", f"/v1/invoices/{head['id']}/close")
        operator.audit()
        operator.settle()
        late = admin.all("/v1/late-usages")
        waiting = [each for each in late if each["invoice_id"] is None and each["lines"]]
        found = len(late) - max(before, 0)
        say(
            f"round {number + 1}: closed {len(pending)} by request, {found} more supplements, "
            f"{len(waiting)} wait for an invoice"
        )
        if len(late) == before and not waiting:
            break
        before = len(late)
    for head in admin.all("/v1/invoices"):
        if head["status"] == "pending":
            admin.must("POST", f"/v1/invoices/{head['id']}/close")
    admin.close()


def read_ending(base_url: str, key: str, plans: Mapping[str, Plan]) -> Ending:
    """Read all there is by the public API."""
    admin = Wire(base_url, key)
    ending = Ending(
        subscriptions={each: admin.must("GET", f"/v1/subscriptions/{each}") for each in plans},
        usages={each: admin.all(f"/v1/subscriptions/{each}/usages") for each in plans},
        invoices=_whole(base_url, key, [head["id"] for head in admin.all("/v1/invoices")]),
        late=admin.all("/v1/late-usages"),
        credits={
            plan.customer_id: admin.must("GET", f"/v1/customers/{plan.customer_id}/credits")["data"]
            for plan in plans.values()
        },
    )
    admin.close()
    return ending


def _schedules(operator: Operator, over: Event) -> None:
    """Sweep and audit as the schedules do, only more often."""
    sweeps = 0
    while not over.wait(_SWEEP_SECONDS):
        operator.sweep()
        sweeps += 1
        if sweeps % _SWEEPS_TO_AN_AUDIT == 0:
            operator.audit()


def _whole(base_url: str, key: str, ids: list[str]) -> list[Shown]:
    found: dict[str, Shown] = {}

    def read(part: list[str]) -> None:
        wire = Wire(base_url, key)
        for each in part:
            found[each] = wire.must("GET", f"/v1/invoices/{each}")
        wire.close()

    at_once([partial(read, ids[number::_READERS]) for number in range(_READERS)])
    return [found[each] for each in ids]
