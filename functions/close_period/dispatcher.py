"""On schedule: find what is due on every clock and send it to the workers."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from postpaid.application.due_terms import Due, dispatch_due
from postpaid.outbound import queue
from postpaid.runtime.clock import note_server_date, real_now, site_now
from postpaid.runtime.log import log
from postpaid.runtime.settings import Settings
from postpaid.store import dynamo, keys
from postpaid.store.due import StoredDue
from postpaid.store.sites import StoredSites, clock_name

settings = Settings.from_environment()
billing = dynamo.DynamoTable(dynamo.connect(note_server_date), settings.billing_table)
close_queue = queue.Queue(queue.connect(), settings.close_queue_url)


def handler(event: dict[str, Any], context: object) -> dict[str, int]:  # noqa: ARG001
    """Sweep all clocks; *event* may hold `look_back_hours`, to search behind the last place.

    With `audit` it asks for an audit of every site instead.
    """
    if event.get("audit"):
        return _audit()
    hours = int(event.get("look_back_hours", 0))
    look_back = timedelta(hours=hours) if hours else None
    sites = StoredSites(billing)
    scopes = sites.test_scopes()
    # Behind the first answer of the table: it says whether this host's clock is ahead.
    clocks = {keys.LIVE: real_now()}
    for scope in scopes:
        site = sites.get(scope.site)
        if site is not None:
            clocks[clock_name(site)] = site_now(site)
    found = 0
    for name, now in clocks.items():
        found += dispatch_due(StoredDue(billing, name), _send, now=now, look_back=look_back)
    log("info", "dispatched", due=found, clocks=len(clocks))
    return {"due": found}


def _audit() -> dict[str, int]:
    scopes = StoredSites(billing).scopes()
    for scope in scopes:
        close_queue.send(queue.audit_message(scope, None))
    log("info", "audit_asked_for", sites=len(scopes))
    return {"sites": len(scopes)}


def _send(due: Sequence[Due]) -> None:
    close_queue.send(queue.due_message(due))
