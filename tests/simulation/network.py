"""The way from the SDK to AWS, where faults are."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import botocore
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.client import BaseClient
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from postpaid.store.tables import Item, Key, Put, Range, Table, Update, Write
from tests.simulation import wire
from tests.simulation.callsites import CallSite, site_on_stack
from tests.simulation.kinds import KILLS, LATER, Kind, Mode, kinds_of
from tests.support.faults import Killed

_A_WHILE = 1_000  # calls: no run has as many
_THROTTLES = {
    "dynamodb": ("ProvisionedThroughputExceededException", 400),
    "sqs": ("RequestThrottled", 400),
    "s3": ("SlowDown", 503),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to the call with this number, 0 being the first of a run."""

    call: int
    kind: Kind
    mode: Mode = Mode.ONCE

    def __str__(self) -> str:
        return f"{self.call}:{self.kind}:{self.mode}"

    @classmethod
    def read(cls, text: str) -> "Fault":
        """Read a fault as it is printed."""
        call, kind, mode = text.split(":")
        return cls(int(call), Kind(kind), Mode(mode))


@dataclass(frozen=True, slots=True)
class Call:
    """One call as the product made it, whatever became of it."""

    site: CallSite
    operation: str
    consistent: bool
    body: Any


@dataclass
class Network:
    """One run: where requests go, which of them fail, and what was called."""

    backend: wire.Backend
    faults: tuple[Fault, ...] = ()
    calls: list[Call] = field(default_factory=list)
    met: set[Fault] = field(default_factory=set)
    healed: bool = False
    _attempts: int = 0
    _deaths: dict[CallSite, int] = field(default_factory=dict)
    _late: list[tuple[int, str, AWSPreparedRequest]] = field(default_factory=list)
    _stale: wire.Backend | None = None

    def __post_init__(self) -> None:
        if any(fault.kind is Kind.STALE for fault in self.faults):
            self._stale = self.backend.copy()

    def begin_call(self, operation: str, body: Any) -> None:
        """Note a call of the SDK, before its first attempt."""
        site = site_on_stack()
        index = operation == "Query" and "IndexName" in str(body)
        plain = operation == "GetItem" and '"ConsistentRead": false' in str(body)
        consistent = not (index or plain or operation == "BatchGetItem")
        self.calls.append(Call(site, operation, consistent, body))
        self._attempts = 0
        self._land()

    def send(self, service: str, request: AWSPreparedRequest) -> AWSResponse:
        """Answer one attempt, or fail it."""
        number = len(self.calls) - 1
        attempt, self._attempts = self._attempts, self._attempts + 1
        for fault in self.faults:
            if self._is_due(fault, number, attempt):
                self.met.add(fault)
                return self._failed(fault.kind, service, request, attempt)
        return self._serve(service, request)

    def heal(self) -> None:
        """Let no more faults happen; what is under way for a while lands now."""
        self.faults = ()
        self.healed = True
        under_way, self._late = self._late, []
        for calls, service, request in under_way:
            if calls > _A_WHILE:
                self._late.append((calls, service, request))
            else:
                self._serve(service, request)

    def land_last(self) -> bool:
        """Let land what comes when all is at rest; tell whether there was anything."""
        late, self._late = self._late, []
        for _, service, request in late:
            self._serve(service, request)
        return bool(late)

    def _is_due(self, fault: Fault, number: int, attempt: int) -> bool:
        if fault.kind in KILLS and fault.mode is Mode.ALWAYS and fault.call < number:
            # The next process that comes to this place ends there, too; the one after it does not.
            site = self.calls[fault.call].site
            if self.calls[number].site == site and self._deaths.get(site, 0) == 1:
                self._deaths[site] = 2
                return True
            return False
        if fault.call != number or not self._applies(fault.kind, number):
            return False
        if fault.kind in KILLS:
            site = self.calls[number].site
            self._deaths[site] = self._deaths.get(site, 0) + 1
            return attempt == 0
        return fault.mode is Mode.ALWAYS or attempt == 0

    def _applies(self, kind: Kind, number: int) -> bool:
        """Tell whether a fault can meet a call: a fault before may have brought another here."""
        call = self.calls[number]
        return kind in kinds_of(call.operation, consistent=call.consistent)

    def _land(self) -> None:
        still = []
        for calls, service, request in self._late:
            if calls == 0:
                self._serve(service, request)
            else:
                still.append((calls - 1, service, request))
        self._late = still

    def _serve(self, service: str, request: AWSPreparedRequest) -> AWSResponse:
        return self.backend.serve(service, request)

    def _failed(  # noqa: C901, PLR0911, PLR0912 - one case for each kind
        self, kind: Kind, service: str, request: AWSPreparedRequest, attempt: int
    ) -> AWSResponse:
        match kind:
            case Kind.DROPPED:
                raise ConnectTimeoutError(endpoint_url=request.url)
            case Kind.LOST_ANSWER:
                self._serve(service, request)
                raise ReadTimeoutError(endpoint_url=request.url)
            case Kind.THROTTLED:
                return _error(service, request, *_THROTTLES[service])
            case Kind.ERROR:
                return _error(service, request, "InternalServerError", 500)
            case Kind.ERROR_APPLIED:
                self._serve(service, request)
                return _error(service, request, "InternalServerError", 500)
            case Kind.DUPLICATED:
                self._serve(service, request)
                return self._serve(service, request)
            case Kind.LANDS_SOON | Kind.LANDS_LATER | Kind.LANDS_LAST:
                self._late.append((LATER[kind], service, request))
                raise ReadTimeoutError(endpoint_url=request.url)
            case Kind.KILLED_BEFORE:
                raise Killed
            case Kind.KILLED_AFTER:
                self._serve(service, request)
                raise Killed
            case Kind.CONFLICT:
                return wire.conflicting(request)
            case Kind.IN_PROGRESS:
                return wire.refused(request, "TransactionInProgressException")
            case Kind.SHORT_PAGE:
                return self.backend.first_row(request)
            case Kind.UNPROCESSED:
                return self.backend.unprocessed(request, none=attempt > 0)
            case Kind.STALE:
                assert self._stale is not None
                return self._stale.serve(service, request)
            case Kind.PRECONDITION:
                return wire.s3_error(request, 409, "ConditionalRequestConflict")


@dataclass(frozen=True, slots=True)
class ShortTable:
    """A table as functions have it: over the SDK while there are faults, at once when healed.

    The SDK costs twenty times what the twin does, and adds nothing where nothing fails.
    """

    over_sdk: Table
    name: str
    wiring: "Wiring"

    def get(self, key: Key, *, consistent: bool = True) -> Item | None:
        return self._table.get(key, consistent=consistent)

    def batch_get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        return self._table.batch_get(keys)

    def put(self, put: Put) -> None:
        self._table.put(put)

    def update(self, update: Update) -> Item:
        return self._table.update(update)

    def query(self, span: Range) -> list[Item]:
        return self._table.query(span)

    def transact(self, writes: Sequence[Write]) -> None:
        self._table.transact(writes)

    @property
    def _table(self) -> Table:
        network = self.wiring.network
        return network.backend.tables[self.name] if network.healed else self.over_sdk


class Wiring:
    """Clients whose requests go to the network of the present run."""

    def __init__(self) -> None:
        self.network = Network(wire.Backend())

    def attach(self, clients: Iterable[BaseClient]) -> None:
        """Take the place of the network under these clients."""
        for client in clients:
            service = client.meta.service_model.service_name
            events = client.meta.events
            events.register_first(f"before-send.{service}", self._sender(service))
            events.register_first(f"before-call.{service}", self._before_call)
            events.register_first(f"choose-signer.{service}", lambda **_: botocore.UNSIGNED)

    def _sender(self, service: str) -> Callable[..., Any]:
        def send(request: AWSPreparedRequest, **_: object) -> AWSResponse:
            return self.network.send(service, request)

        return send

    def _before_call(self, model: Any, params: Any, **_: object) -> None:
        self.network.begin_call(model.name, params.get("body"))


def _error(service: str, request: AWSPreparedRequest, code: str, status: int) -> AWSResponse:
    if service == "s3":
        return wire.s3_error(request, status, code)
    return wire.refused(request, code, status=status)
