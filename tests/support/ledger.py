"""A ledger of calls to AWS, kept at the SDK: what was called, on what, and what it costs.

Writes are charged as the engine says, which counts them as AWS does. Two things are counted here
from sizes: reads, which it counts wrongly, and writes that a condition refused, which AWS charges
as well and never tells.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.session import Session

from postpaid.store.dynamo import _item
from tests.support.capacity import READ_UNIT, item_size, read_units, write_units

NOTHING = Decimal(0)
_READS = frozenset({"GetItem", "Query", "BatchGetItem"})
_CHARGED = ("GetItem", "BatchGetItem", "PutItem", "Query", "TransactWriteItems", "UpdateItem")
# What a key of the billing table is of, by the beginning of its sort key; else by its second part.
_BY_SORT_KEY = {
    "TERM#": "term",
    "MAN#": "manifest",
    "SUB#": "note",
    "TALLY": "tally",
    "CREDIT#": "credit",
    "PAY#": "payment",
    "CHG#": "charge",
    "COUNTER": "counter",
    "NO#": "number",
    "V#": "price",
    "SECRET": "secret",
}
_BY_PARTITION = {
    "item_price": "price",
    "item_family": "family",
    "counter": "ids",
    "number": "integer",
}
_OF_THE_SYSTEM = {"clocks": "clocks", "sites": "sites", "dispatch": "place"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call: *table* is empty where there is none; *what* says of which things, by their keys.

    *note* says what differs from a strongly consistent read, or a write that took effect.
    """

    operation: str
    what: str
    table: str = ""
    writes: Decimal = NOTHING
    reads: Decimal = NOTHING
    note: str = ""

    def __str__(self) -> str:
        units = [
            f"{amount.normalize():f} {unit}"
            for amount, unit in ((self.writes, "W"), (self.reads, "R"))
            if amount
        ]
        return " ".join([self.operation, self.what, *units, *([self.note] if self.note else [])])

    @property
    def units(self) -> Decimal:
        """What the call costs; it reads or writes."""
        return self.writes + self.reads


@dataclass(frozen=True, slots=True)
class Ledger:
    """The calls of some clients, in order."""

    calls: list[Call] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return the calls as text, those that come several times in a row as one."""
        runs = [(text, len(list(run))) for text, run in groupby(map(str, self.calls))]
        return [text if count == 1 else f"{count} x {text}" for text, count in runs]

    def attach(self, client: BaseClient) -> None:
        """Enter what a client calls from now on."""
        for operation in _CHARGED:
            client.meta.events.register(f"provide-client-params.dynamodb.{operation}", _ask)
        client.meta.events.register("before-parameter-build", _keep)
        client.meta.events.register("after-call", self._enter)

    def detach(self, client: BaseClient) -> None:
        """Enter no more of it."""
        for operation in _CHARGED:
            client.meta.events.unregister(f"provide-client-params.dynamodb.{operation}", _ask)
        client.meta.events.unregister("before-parameter-build", _keep)
        client.meta.events.unregister("after-call", self._enter)

    def _enter(self, parsed: Any, model: Any, context: Any, **_: object) -> None:
        service = model.service_model.service_name
        asked = context["asked"]
        if service == "dynamodb":
            self.calls.append(_table_call(model.name, asked, parsed))
        elif service == "s3":
            self.calls.append(Call(operation=model.name, what=_object(asked["Key"])))
        else:
            assert service == "sqs", service
            queue = asked["QueueUrl"].rpartition("/")[2].partition("-")[0]
            self.calls.append(Call(operation=model.name, what=queue))


@contextmanager
def kept(clients: Iterable[BaseClient]) -> Iterator[Ledger]:
    """Keep a ledger of these clients' calls, and of those that are connected inside the block."""
    ledger, known = Ledger(), list(clients)
    connect = Session.create_client

    def create_client(session: Session, *given: Any, **named: Any) -> Any:
        client = connect(session, *given, **named)
        known.append(client)
        ledger.attach(client)
        return client

    for client in known:
        ledger.attach(client)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "create_client", create_client)
        try:
            yield ledger
        finally:
            for client in known:
                ledger.detach(client)


def _ask(params: Any, **_: object) -> None:
    params["ReturnConsumedCapacity"] = "INDEXES"


def _keep(params: Any, context: Any, **_: object) -> None:
    context["asked"] = params


def _table_call(operation: str, asked: Any, parsed: Any) -> Call:
    if operation in _READS:
        return _read(operation, asked, parsed)
    if operation == "TransactWriteItems":
        return _transaction(asked, parsed)
    if "Error" in parsed:
        assert parsed["Error"]["Code"] == "ConditionalCheckFailedException", parsed
        sizes = [item_size(_item(raw)) for raw in (asked.get("Item"), parsed.get("Item")) if raw]
        return Call(
            operation=operation,
            what=_thing(asked),
            table=_table(asked),
            writes=write_units(*sizes),
            note="refused",
        )
    told = parsed["ConsumedCapacity"]
    return Call(operation=operation, what=_thing(asked), table=_table(told), writes=_units(told))


def _transaction(asked: Any, parsed: Any) -> Call:
    actions = [next(iter(each.items())) for each in asked["TransactItems"]]
    what = "(" + " + ".join(f"{_VERBS[verb]} {_thing(action)}" for verb, action in actions) + ")"
    if "Error" not in parsed:
        [told] = parsed["ConsumedCapacity"]
        return Call(
            operation="TransactWriteItems", what=what, table=_table(told), writes=_units(told)
        )
    # What a refused one costs is told nowhere: that of each item, twice.
    sizes = [item_size(_item(action["Item"])) if "Item" in action else 1 for _, action in actions]
    units = sum((2 * write_units(size) for size in sizes), NOTHING)
    table = _table(actions[0][1])
    return Call(
        operation="TransactWriteItems", what=what, table=table, writes=units, note="refused"
    )


_VERBS = {"Put": "put", "Update": "update", "ConditionCheck": "check"}


def _read(operation: str, asked: Any, parsed: Any) -> Call:
    assert "Error" not in parsed, parsed
    if operation == "BatchGetItem":
        return _batch(asked, parsed)
    consistent = asked.get("ConsistentRead", False)
    raws = parsed["Items"] if operation == "Query" else [parsed.get("Item") or {}]
    sizes = [item_size(_item(raw)) for raw in raws]
    units = read_units(sizes, consistent=consistent)
    told = parsed["ConsumedCapacity"]
    assert sum(sizes) > READ_UNIT or units == _units(told), (units, told)
    return Call(
        operation=operation,
        what=_thing(asked),
        table=_table(told),
        reads=units,
        note="" if consistent else "eventual",
    )


def _batch(asked: Any, parsed: Any) -> Call:
    [(name, of_table)] = asked["RequestItems"].items()
    keys = of_table["Keys"]
    found = parsed["Responses"].get(name, [])
    consistent = of_table.get("ConsistentRead", False)
    # Each item is charged for itself, also one that is not there.
    sizes = [item_size(_item(raw)) for raw in found] + [0] * (len(keys) - len(found))
    [what] = {_thing({"TableName": name, "Key": key}) for key in keys}
    return Call(
        operation="BatchGetItem",
        what=what if len(keys) == 1 else f"{len(keys)} {what}s",
        table=name.partition("-")[0],
        reads=sum((read_units([size], consistent=consistent) for size in sizes), NOTHING),
        note="" if consistent else "eventual",
    )


def _units(told: Any) -> Decimal:
    return Decimal(str(told["CapacityUnits"]))


def _table(named: Any) -> str:
    return str(named["TableName"]).partition("-")[0]


def _thing(asked: Any) -> str:
    """Name what a request is of; the keys are those that `postpaid.store.keys` makes."""
    if "IndexName" in asked:
        return f"index-{asked['IndexName']}"
    if "KeyConditionExpression" in asked:
        values = asked["ExpressionAttributeValues"]
        pk, sk = values[":p"], values[":b"]
    else:
        key = asked.get("Key") or asked["Item"]
        pk, sk = key["pk"], key["sk"]
    if _table(asked) == "UsageTable":
        _, _, kind = pk["S"].partition("#~")
        named = {"external": "register", "count": "count", "nonce": "nonce"}
        return named.get(kind.partition("#")[0], "usage")
    return _billing_thing(pk["S"], sk["S"])


def _billing_thing(pk: str, sk: str) -> str:
    first, _, rest = pk.partition("#")
    kind = rest.partition("#")[0]
    if first == "KEY" or sk.startswith("KEY#"):
        return "API-key"
    if first == "~system":
        return _OF_THE_SYSTEM[kind]
    for beginning, name in _BY_SORT_KEY.items():
        if sk.startswith(beginning):
            return name
    return _BY_PARTITION.get(kind, kind)


def _object(key: str) -> str:
    if "/supplements/" in key:
        return "supplement"
    if "/usages/" in key:
        return {"json": "statement", "pdf": "statement-pdf"}[key.rpartition(".")[2]]
    return {"json": "content", "pdf": "pdf"}[key.rpartition(".")[2]]
