"""AWS in this process, behind botocore: the twin tables, a bucket and two queues.

The SDK is the real one, with its retries and its reading of errors; only the network is not. Each
request of a client that was `wired` comes here as bytes and is answered as AWS would answer it.
"""

import io
import json
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders

from postpaid.store.dynamo import _attributes, _item
from postpaid.store.memory import MemoryTable
from postpaid.store.tables import (
    Absent,
    AtMost,
    Check,
    Condition,
    ConditionFailed,
    Item,
    Key,
    OneOf,
    Put,
    Range,
    TransactionRefused,
    Update,
    Write,
    all_of,
    either,
)

_CHANGE = re.compile(r"\b(SET|REMOVE|ADD) ")
_ABSENT = re.compile(r"attribute_not_exists\((#\w+)\)")
_ONE_OF = re.compile(r"(#\w+) IN \(([^)]*)\)")
_AT_MOST = re.compile(r"(#\w+) <= (:\w+)")
_DEFAULT = re.compile(r"(#\w+) = if_not_exists\((#\w+), (:\w+)\)")


type Watch = Callable[[Item | None, Item], None]


class WatchedTable(MemoryTable):
    """A twin table that shows each item it stores, beside what was there before."""

    def __init__(self, watch: Watch | None = None) -> None:
        super().__init__()
        self.watch = watch

    def _store(self, item: Item) -> None:
        if self.watch is not None:
            self.watch(self._items.get(Key(str(item["pk"]), str(item["sk"]))), item)
        super()._store(item)


@dataclass
class Backend:
    """What is kept when every process has ended: tables, objects, messages."""

    tables: dict[str, WatchedTable] = field(default_factory=lambda: defaultdict(WatchedTable))
    objects: dict[str, bytes] = field(default_factory=dict)
    queues: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    date: str | None = None  # what answers say the time is

    def copy(self) -> "Backend":
        """Return a backend of its own that holds the same; nobody watches it."""
        copy = Backend()
        for name, table in self.tables.items():
            for item in table.items():
                copy.tables[name]._store(item)
        copy.objects.update(self.objects)
        copy.queues.update({name: [*messages] for name, messages in self.queues.items()})
        return copy

    def serve(self, service: str, request: AWSPreparedRequest) -> AWSResponse:
        """Do what a request asks for, and answer it."""
        response = self._served(service, request)
        if self.date is not None:
            response.headers["Date"] = self.date
        return response

    def _served(self, service: str, request: AWSPreparedRequest) -> AWSResponse:
        if service == "s3":
            return self._object(request)
        operation = _header(request, "X-Amz-Target").rpartition(".")[2]
        body = _json(request)
        if service == "sqs":
            assert operation == "SendMessage", operation
            self.queues[body["QueueUrl"]].append(body["MessageBody"])
            return answer(request, {"MessageId": "1", "MD5OfMessageBody": "0"})
        try:
            return answer(request, getattr(self, f"_{operation}")(body))
        except ConditionFailed as refusal:
            return refused(request, "ConditionalCheckFailedException", _existing(refusal.existing))
        except TransactionRefused as refusal:
            count = len(body["TransactItems"])
            reasons = [
                {"Code": "ConditionalCheckFailed", **_existing(refusal.failed[index])}
                if index in refusal.failed
                else {"Code": "None"}
                for index in range(count)
            ]
            return cancelled(request, reasons)

    # --- DynamoDB

    def _GetItem(self, body: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802 - as AWS calls it
        found = self._table(body).get(_key(body["Key"]))
        return {} if found is None else {"Item": _attributes(found)}

    def _BatchGetItem(self, body: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        responses = {}
        for name, asked in body["RequestItems"].items():
            found = self.tables[name].batch_get([_key(raw) for raw in asked["Keys"]])
            responses[name] = [_attributes(item) for item in found.values()]
        return {"Responses": responses, "UnprocessedKeys": {}}

    def _PutItem(self, body: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        self._table(body).put(_put(body))
        return {}

    def _UpdateItem(self, body: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"Attributes": _attributes(self._table(body).update(_update(body)))}

    def _Query(self, body: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        names, values = body["ExpressionAttributeNames"], _item(body["ExpressionAttributeValues"])
        assert body["KeyConditionExpression"] == "#p = :p AND #s BETWEEN :a AND :b"
        rows = self._table(body).query(
            Range(
                pk=str(values[":p"]),
                first=str(values[":a"]),
                last=str(values[":b"]),
                index=body.get("IndexName"),
                reverse=not body["ScanIndexForward"],
            )
        )
        shown = ["pk", "sk"] if "IndexName" not in body else ["pk", "sk", *names.values()]
        if "ExclusiveStartKey" in body:
            start = _item(body["ExclusiveStartKey"])
            places = [index for index, row in enumerate(rows) if _named(row, shown) == start]
            assert len(places) == 1, "nothing is ever removed from between two pages"
            rows = rows[places[0] + 1 :]
        size = body.get("Limit", len(rows))
        page: dict[str, Any] = {"Items": [_attributes(row) for row in rows[:size]]}
        if len(rows) > size:
            page["LastEvaluatedKey"] = _attributes(_named(rows[size - 1], shown))
        return page

    def _TransactWriteItems(self, body: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        actions = [action for entry in body["TransactItems"] for action in entry.items()]
        [table] = {action["TableName"] for _, action in actions}
        self.tables[table].transact([_write(kind, action) for kind, action in actions])
        return {}

    def _table(self, body: Mapping[str, Any]) -> WatchedTable:
        return self.tables[body["TableName"]]

    def first_row(self, request: AWSPreparedRequest) -> AWSResponse:
        """Answer a query with one row, as if the rest were on further pages."""
        return answer(request, self._Query({**_json(request), "Limit": 1}))

    def unprocessed(self, request: AWSPreparedRequest, *, none: bool) -> AWSResponse:
        """Answer a batch of reads with one of them, or with *none*."""
        asked = _json(request)["RequestItems"]
        [(name, part)] = asked.items()
        count = 0 if none else 1
        body = self._BatchGetItem({"RequestItems": {name: {"Keys": part["Keys"][:count]}}})
        left = part["Keys"][count:]
        body["UnprocessedKeys"] = {name: {"Keys": left}} if left else {}
        return answer(request, body)

    # --- S3

    def _object(self, request: AWSPreparedRequest) -> AWSResponse:
        key = unquote(urlsplit(request.url).path)
        if request.method == "GET":
            return _response(request, 200, {}, self.objects[key])
        if request.method == "HEAD":
            return _response(request, 200 if key in self.objects else 403, {}, b"")
        assert (request.method, _header(request, "If-None-Match")) == ("PUT", "*")
        if key in self.objects:
            return s3_error(request, 412, "PreconditionFailed")
        self.objects[key] = _bytes(request.body)
        return _response(request, 200, {"ETag": '"0"'}, b"")


def answer(request: AWSPreparedRequest, body: Mapping[str, Any], status: int = 200) -> AWSResponse:
    """Return a JSON answer as the SDK reads it."""
    headers = {"Content-Type": "application/x-amz-json-1.0"}
    return _response(request, status, headers, json.dumps(body).encode())


def refused(
    request: AWSPreparedRequest, code: str, more: Mapping[str, Any] | None = None, status: int = 400
) -> AWSResponse:
    """Return an error answer of DynamoDB or SQS."""
    return answer(
        request, {"__type": f"com.amazonaws#{code}", "message": "", **(more or {})}, status
    )


def cancelled(request: AWSPreparedRequest, reasons: Sequence[Mapping[str, Any]]) -> AWSResponse:
    """Return the answer to a transaction that was cancelled for these reasons."""
    return refused(request, "TransactionCanceledException", {"CancellationReasons": [*reasons]})


def conflicting(request: AWSPreparedRequest) -> AWSResponse:
    """Return the answer to a transaction that met another one at its first item."""
    count = len(_json(request)["TransactItems"])
    return cancelled(request, [{"Code": "TransactionConflict"}, *[{"Code": "None"}] * (count - 1)])


def s3_error(request: AWSPreparedRequest, status: int, code: str) -> AWSResponse:
    """Return an error answer of S3."""
    body = f"<Error><Code>{code}</Code><Message>-</Message></Error>".encode()
    return _response(request, status, {"Content-Type": "application/xml"}, body)


def _json(request: AWSPreparedRequest) -> dict[str, Any]:
    assert isinstance(request.body, str | bytes)
    return dict(json.loads(request.body))


def _response(
    request: AWSPreparedRequest, status: int, headers: Mapping[str, str], body: bytes
) -> AWSResponse:
    return AWSResponse(request.url, status, HTTPHeaders.from_dict(headers), _Raw(body))


class _Raw(io.BytesIO):
    """What urllib3 would have read from the network."""

    def stream(self, amt: int = 65536, decode_content: object = None) -> Any:
        """Yield what is left."""
        while chunk := self.read(amt):
            yield chunk


def _write(kind: str, action: Mapping[str, Any]) -> Write:
    match kind:
        case "Put":
            return _put(action)
        case "Update":
            return _update(action)
        case "ConditionCheck":
            condition = _condition(action)
            assert condition is not None
            return Check(_key(action["Key"]), condition)
    raise AssertionError(kind)


def _put(action: Mapping[str, Any]) -> Put:
    return Put(_item(action["Item"]), condition=_condition(action))


def _update(action: Mapping[str, Any]) -> Update:
    names = action.get("ExpressionAttributeNames", {})
    values = _item(action.get("ExpressionAttributeValues", {}))
    parts: dict[str, dict[str, Any]] = {"set": {}, "default": {}, "add": {}}
    removed: list[str] = []
    _, *sections = _CHANGE.split(action["UpdateExpression"])
    for verb, text in zip(sections[::2], sections[1::2], strict=True):
        for name, _, value in _DEFAULT.findall(text):
            parts["default"][names[name]] = values[value]
        for each in _DEFAULT.sub("", text).replace(" = ", " ").split(","):
            words = each.split()
            if verb == "REMOVE":
                removed += [names[words[0]]]
            elif words:
                parts[verb.lower()][names[words[0]]] = values[words[1]]
    return Update(
        _key(action["Key"]),
        _condition(action),
        set=parts["set"],
        remove=removed,
        add=parts["add"],
        default=parts["default"],
    )


def _condition(action: Mapping[str, Any]) -> Condition | None:
    text = action.get("ConditionExpression")
    if text is None:
        return None
    values = _item(action.get("ExpressionAttributeValues", {}))
    return _parsed(text, action["ExpressionAttributeNames"], values)


def _parsed(text: str, names: Mapping[str, str], values: Item) -> Condition:
    """Read a condition: an atom, or several in brackets that are all joined by one word."""
    for word, join in ((" OR ", either), (" AND ", all_of)):
        parts = _outside_brackets(text, word)
        if len(parts) > 1:
            return join(*[_parsed(part, names, values) for part in parts])
    if text.startswith("("):
        return _parsed(text[1:-1], names, values)
    if found := _ABSENT.fullmatch(text):
        return Absent(names[found[1]])
    if found := _ONE_OF.fullmatch(text):
        return OneOf(names[found[1]], tuple(values[each] for each in found[2].split(", ")))
    if found := _AT_MOST.fullmatch(text):
        bound = values[found[2]]
        assert isinstance(bound, str | int)
        return AtMost(names[found[1]], bound)
    raise AssertionError(f"a condition that is not understood: {text}")


def _outside_brackets(text: str, word: str) -> list[str]:
    """Split a text at a word, but not inside of brackets."""
    parts: list[str] = []
    for piece in text.split(word):
        if parts and parts[-1].count("(") != parts[-1].count(")"):
            parts[-1] += word + piece
        else:
            parts.append(piece)
    return parts


def _key(raw: Mapping[str, Any]) -> Key:
    return Key(raw["pk"]["S"], raw["sk"]["S"])


def _named(row: Item, names: Sequence[str]) -> Item:
    return {name: row[name] for name in names}


def _existing(item: Item | None) -> dict[str, Any]:
    return {} if item is None else {"Item": _attributes(item)}


def _header(request: AWSPreparedRequest, name: str) -> str:
    value = request.headers[name]
    return value.decode() if isinstance(value, bytes) else str(value)


def _bytes(body: Any) -> bytes:
    if isinstance(body, bytes | bytearray):
        return bytes(body)
    content = body.read()
    assert isinstance(content, bytes)
    return content
