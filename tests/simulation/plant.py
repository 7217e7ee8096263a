"""The whole service in this process: every function of the template, on a backend of one run.

Requests come as the gateway's events, messages as the queues' batches. The functions keep their own
memory, as warm processes do, until one is killed.
"""

import io
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import partial
from types import ModuleType
from typing import Any

import pytest
from botocore.client import BaseClient

from postpaid.application.pull_usage import Unanswered
from postpaid.domain.asking import Question
from postpaid.domain.usage_url import UsageUrl
from postpaid.outbound import documents, queue
from postpaid.runtime import clock
from postpaid.store import dynamo, keys
from postpaid.store.sites import StoredSites
from tests.simulation.network import Fault, Network, ShortTable, Wiring
from tests.simulation.wire import Backend
from tests.support.events import sqs_event, stream_event
from tests.support.faults import Killed
from tests.support.functions import (
    Answer,
    Functions,
    _platform,
    forget,
    import_functions,
    routed,
)
from tests.support.samples import SCOPE
from tests.support.world import Clock, PlainTypesetter, World

USAGES, BILLING, BUCKET = "usages", "billing", "documents"
QUEUES = {"close": "CloseQueue", "render": "RenderQueue", "pull": "PullQueue"}
_WORKERS = {
    "close": "CloseWorkerFunction",
    "render": "RenderInvoiceFunction",
    "pull": "PullUsageFunction",
}
_ROUNDS_MAX = 40


class StandingClock:
    """The platform's clock, which stands where a run sets it."""

    def __init__(self) -> None:
        self.instant = datetime.min.replace(tzinfo=UTC)

    def now(self, zone: tzinfo) -> datetime:
        """Return the instant."""
        return self.instant.astimezone(zone)


@dataclass
class Outside:
    """What usage URLs answer, instead of `postpaid.outbound.usage_url`: it is no part of AWS.

    *answers* are by URL; those in *slow* say nothing when they are asked first in a run.
    """

    answers: dict[str, str] = field(default_factory=dict)
    slow: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)

    def ask(self, url: UsageUrl, question: Question) -> Decimal:
        """Answer a question."""
        first = url.text not in self.asked
        self.asked.add(url.text)
        if first and url.text in self.slow:
            raise Unanswered("did not answer")
        return Decimal(self.answers[url.text])


class Restless(AssertionError):
    """The service does not come to rest: I-30, I-33 or I-34 does not hold."""


@dataclass
class Plant:
    """The functions, wired; `begin` puts them before another backend."""

    modules: Mapping[str, ModuleType]
    wiring: Wiring
    clock: StandingClock
    functions: Functions
    log: io.StringIO  # what the functions printed in this run
    # Every message that was ever sent, to be delivered once more.
    delivered: dict[str, set[str]] = field(default_factory=dict)
    streamed: set[str] = field(default_factory=set)
    outside: Outside = field(default_factory=Outside)
    threads: int = field(default_factory=threading.active_count)

    @property
    def network(self) -> Network:
        """The network of this run."""
        return self.wiring.network

    @property
    def backend(self) -> Backend:
        """What this run has stored."""
        return self.network.backend

    def begin(self, backend: Backend, now: datetime, faults: tuple[Fault, ...] = ()) -> None:
        """Start all functions anew, on another backend."""
        self.wiring.network = Network(backend, faults)
        self.clock.instant = now
        self.delivered = {name: set() for name in QUEUES}
        self.streamed = set()
        self.outside.asked.clear()
        self.log.seek(0)
        self.log.truncate()
        for module in self.modules.values():
            forget(module)

    def world(self) -> World:
        """Return what is stored, to be read past the network."""
        objects = {path.rpartition("/")[2]: body for path, body in self.backend.objects.items()}
        hashes = {name.partition(".")[0]: body for name, body in objects.items()}
        site = StoredSites(self.backend.tables[BILLING]).get(SCOPE.site)
        now = self.clock.instant if site is None else clock.site_now(site)
        return World(
            Clock(now),
            usages=self.backend.tables[USAGES],
            billing=self.backend.tables[BILLING],
            objects=hashes,
            scope=SCOPE if site is None else site.scope,
        )

    # --- what happens

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str,
        headers: Mapping[str, str] | None = None,
    ) -> Answer | None:
        """Send a request; None if the process that served it was killed."""
        _, function = routed(method, path.partition("?")[0])
        try:
            return self.functions.call(method, path, body, key=key, headers=headers)
        except Killed:
            forget(self.modules[function])
            return None

    def dispatch(self, **event: Any) -> None:
        """Let the schedule fire once."""
        self._run("CloseDispatcherFunction", event)

    def deliver(self, name: str, *, again: bool = False) -> None:
        """Deliver the messages of a queue, one to a batch; what fails stays for another time."""
        messages = self.backend.queues[name]
        for body in sorted(self.delivered[name]) if again else list(messages):
            done = self._run(_WORKERS[name], sqs_event([body]))
            if not again and done is not None and not done["batchItemFailures"]:
                messages.remove(body)
                self.delivered[name].add(body)

    def stream(self) -> None:
        """Hand to the relay what the billing table's stream shows of issued and voided ones."""
        for item in self.backend.tables[BILLING].items():
            # A void is told of, too: its document is to be made anew.
            told = f"{item.get('id')} {item.get('status')}"
            if item.get("r") == "PENDING" and told not in self.streamed:
                self.streamed.add(told)
                key = {name: {"S": item[name]} for name in ("pk", "sk")}
                image = {**key, "r": {"S": "PENDING"}, "id": {"S": item["id"]}}
                self._run("RelayFunction", stream_event(("MODIFY", key, image)))

    def sweep(self) -> None:
        """Let everything run once that runs by itself."""
        self.dispatch()
        self.deliver("close")
        self.deliver("pull")
        self.deliver("render")

    def come_to_rest(self) -> None:
        """Sweep every six minutes until nothing moves; a run's hold on its term is five."""
        quiet = 0
        for _ in range(_ROUNDS_MAX):
            before = self.dump()
            self.sweep()
            idle = self.dump() == before and not any(self.backend.queues.values())
            quiet = quiet + 1 if idle else 0
            if quiet == 2:
                return
            self.skip(minutes=6)
        raise Restless("I-30: sweeps do not come to an end")

    def audit(self) -> None:
        """Let the daily audit run, and what it asks for."""
        self.dispatch(audit=True)
        self.come_to_rest()

    def skip(self, **by: float) -> None:
        """Move the clock on."""
        self.clock.instant += timedelta(**by)

    def dump(self) -> str:
        """Return all that is stored but for the dispatcher's place and nonces, as text."""
        tables = {
            name: [item for item in table.items() if not _is_passing(str(item["pk"]))]
            for name, table in self.backend.tables.items()
        }
        return repr((tables, sorted(self.backend.objects)))

    def _run(self, function: str, event: Mapping[str, Any]) -> Any:
        """Invoke a function; None if it was killed or failed, as the platform sees it."""
        try:
            return self.functions.invoke(function, dict(event))
        except Killed:
            forget(self.modules[function])
        except Exception:  # noqa: BLE001 - the platform takes note of it and tries again
            return None
        return None


def _is_passing(pk: str) -> bool:
    """Tell whether a key is of what says nothing of the business: each signed request notes one."""
    return pk.startswith("~system") or "#~nonce#" in pk


@contextmanager
def running() -> Iterator[Plant]:
    """Import the functions, wired to a network of their own; nothing leaves this process."""
    wiring, standing = Wiring(), StandingClock()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as log:
        for name, value in _platform("http://127.0.0.1:9"):
            patch.setenv(name, value)
        patch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)
        # Its budget of retries would have one run depend on those before it.
        patch.setattr("botocore.retries.quota.RetryQuota.acquire", lambda *_: True)
        patch.setattr(clock, "datetime", standing)
        # Sixteen shards would be sixteen times the same place to fail at.
        patch.setattr(keys, "DUE_SHARDS", 1)
        patch.setattr(keys, "LIST_SHARDS", 1)
        clients = [module.connect() for module in (dynamo, documents, queue)]
        for module, client in zip((dynamo, documents, queue), clients, strict=True):
            patch.setattr(module, "connect", partial(_connected, client))
        wiring.attach(clients)
        table = dynamo.DynamoTable
        patch.setattr(
            dynamo,
            "DynamoTable",
            lambda client, name: ShortTable(table(client, name), name, wiring),
        )
        patch.setattr("botocore.useragent.UserAgentString.to_string", lambda *_: "postpaid")
        told = {
            "UsageTable": USAGES,
            "BillingTable": BILLING,
            "DocumentBucket": BUCKET,
            "LogLevel": "error",
            "PublicBaseUrl": "",
            "UsageUrlTestHosts": "",
            **{resource: name for name, resource in QUEUES.items()},
        }
        modules = import_functions(told, "http://127.0.0.1:9")
        outside = Outside()
        patch.setattr(modules["PullUsageFunction"], "usage_urls", outside)
        for each in ("typesetter", "statement_typesetter"):
            patch.setattr(modules["RenderInvoiceFunction"], each, PlainTypesetter())
        try:
            functions = _functions(modules, clients)
            yield Plant(modules, wiring, standing, functions, log, outside=outside)
        finally:
            for module in modules.values():
                sys.modules.pop(module.__name__, None)
            for client in clients:
                client.close()


def _connected(client: BaseClient, note_date: Callable[[str], None] | None = None) -> BaseClient:
    """Return the one client there is of a service, with what a function wants to be told."""
    if note_date is not None:

        def note(http_response: Any, **_: object) -> None:
            if "Date" in http_response.headers:
                note_date(http_response.headers["Date"])

        client.meta.events.register("after-call.dynamodb", note)
    return client


def _functions(modules: Mapping[str, ModuleType], clients: list[Any]) -> Functions:
    dynamodb, s3, sqs = clients
    return Functions(
        dynamodb=dynamodb,
        s3=s3,
        sqs=sqs,
        usages=dynamo.DynamoTable(dynamodb, USAGES),
        billing=dynamo.DynamoTable(dynamodb, BILLING),
        bucket=BUCKET,
        queues={resource: name for name, resource in QUEUES.items()},
        modules=modules,
    )
