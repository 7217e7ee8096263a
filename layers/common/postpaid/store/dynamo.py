"""The table operations, spoken to DynamoDB.

This is the only file that knows expression syntax, attribute values and botocore's errors. Every
failure that is not a refused condition becomes `Unavailable`: its outcome is unknown, and every
operation above is safe to repeat.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from postpaid.application.ports import Unavailable
from postpaid.store.tables import (
    TRANSACTION_WRITES_MAX,
    Absent,
    All,
    AtMost,
    Check,
    Condition,
    ConditionFailed,
    Either,
    Item,
    Key,
    OneOf,
    Put,
    Range,
    TransactionRefused,
    Update,
    Value,
    Write,
    span_keys,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BATCH_GET_MAX = 100
PK_BYTES_MAX = 2048
SK_BYTES_MAX = 1024
_UNPROCESSED_TRIES = 5
# Answers that say "not now": nothing was decided about the request itself.
_TRANSIENT = frozenset(
    {
        "InternalServerError",
        "InternalServerErrorException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ThrottlingException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)


def connect(note_date: Callable[[str], None] | None = None) -> "DynamoDBClient":
    """Return a client for the process; short timeouts, so that the SDK's own retry still fits.

    *note_date* is told the `Date` of each answer.

    botocore without boto3's session saves its resource machinery at cold start; parameters are
    checked by us and by the service, so botocore's third check is off.
    """
    config = Config(
        connect_timeout=1,
        read_timeout=3,
        retries={"mode": "standard", "total_max_attempts": 3},
        parameter_validation=False,
        tcp_keepalive=True,
        max_pool_connections=16,
    )
    client = botocore.session.get_session().create_client("dynamodb", config=config)
    if note_date is not None:

        def note(http_response: Any, **_: object) -> None:
            date = http_response.headers.get("Date")
            if date:
                note_date(date)

        client.meta.events.register("after-call.dynamodb", note)
    return cast("DynamoDBClient", client)


class DynamoTable:
    """One DynamoDB table."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._name = name

    def get(self, key: Key, *, consistent: bool = True) -> Item | None:
        """Read one item."""
        if len(key.pk.encode()) > PK_BYTES_MAX or len(key.sk.encode()) > SK_BYTES_MAX:
            return None  # DynamoDB refuses the question, so nothing can be there
        with _errors():
            answer = self._client.get_item(
                TableName=self._name, Key=_attributes(key._asdict()), ConsistentRead=consistent
            )
        found = answer.get("Item")
        return _item(found) if found else None

    def batch_get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        """Read many items, eventually consistent, a hundred to a call."""
        found: dict[Key, Item] = {}
        pending = iter(dict.fromkeys(keys))
        while chunk := list(islice(pending, BATCH_GET_MAX)):
            request: dict[str, Any] = {
                self._name: {"Keys": [_attributes(key._asdict()) for key in chunk]}
            }
            for _ in range(_UNPROCESSED_TRIES):
                with _errors():
                    answer = self._client.batch_get_item(RequestItems=request)
                for raw in answer["Responses"].get(self._name, []):
                    item = _item(raw)
                    found[Key(str(item["pk"]), str(item["sk"]))] = item
                request = dict(answer.get("UnprocessedKeys") or {})
                if not request:
                    break
            else:
                raise Unavailable("the table returned keys unprocessed too often")
        return found

    def put(self, put: Put) -> None:
        """Write an item; raises `ConditionFailed`."""
        expression = _Expression()
        with _errors():
            self._client.put_item(
                TableName=self._name,
                Item=_attributes(put.item),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **expression.condition(put.condition),
            )

    def update(self, update: Update) -> Item:
        """Change an item and return it as it is now; raises `ConditionFailed`."""
        expression = _Expression()
        request = expression.changes(update) | expression.condition(update.condition)
        with _errors():
            answer = self._client.update_item(
                TableName=self._name,
                Key=_attributes(update.key._asdict()),
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **request,
            )
        return _item(answer["Attributes"])

    def query(self, span: Range) -> list[Item]:
        """Read the items of a span in sort order, over as many pages as it takes."""
        return list(islice(self._rows(span), span.limit))

    def transact(self, writes: Sequence[Write]) -> None:
        """Apply all writes or none; raises `TransactionRefused`."""
        assert 1 <= len(writes) <= TRANSACTION_WRITES_MAX
        with _errors():
            self._client.transact_write_items(
                TransactItems=[self._transact_item(write) for write in writes]
            )

    def _rows(self, span: Range) -> Iterator[Item]:
        pk_name, sk_name = span_keys(span)
        first, last = span.first, span.last
        if span.after is not None:
            # The bound moves past what was seen: the least string greater than `after`, or, going
            # down, `after` itself, which the loop below leaves out. It never leaves the span.
            if span.reverse:
                last = min(last, span.after)
            else:
                first = max(first, span.after + "\x00")
        if first > last:  # DynamoDB calls it an error
            return
        request: dict[str, Any] = {
            "TableName": self._name,
            "KeyConditionExpression": "#p = :p AND #s BETWEEN :a AND :b",
            "ExpressionAttributeNames": {"#p": pk_name, "#s": sk_name},
            "ExpressionAttributeValues": _attributes({":p": span.pk, ":a": first, ":b": last}),
            "ScanIndexForward": not span.reverse,
        }
        if span.index is not None:
            request["IndexName"] = span.index
        else:
            request["ConsistentRead"] = span.consistent
        if span.limit is not None:
            request["Limit"] = span.limit + (span.after is not None and span.reverse)
        while True:
            with _errors():
                page = self._client.query(**request)
            for raw in page["Items"]:
                item = _item(raw)
                if item[sk_name] != span.after:
                    yield item
            if not page.get("LastEvaluatedKey"):
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _transact_item(self, write: Write) -> Any:
        expression = _Expression()
        common = {
            "TableName": self._name,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        match write:
            case Put():
                action = {"Item": _attributes(write.item)} | expression.condition(write.condition)
                return {"Put": common | action}
            case Update():
                changes = expression.changes(write) | expression.condition(write.condition)
                return {"Update": common | {"Key": _attributes(write.key._asdict())} | changes}
            case Check():
                check = {"Key": _attributes(write.key._asdict())}
                return {"ConditionCheck": common | check | expression.condition(write.condition)}


class _Expression:
    """The names and values of one request's expressions."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, Any] = {}

    def condition(self, condition: Condition | None) -> dict[str, Any]:
        parts = {} if condition is None else {"ConditionExpression": self._text(condition)}
        return parts | self._placeholders()

    def changes(self, update: Update) -> dict[str, Any]:
        sections = []
        pairs = [f"{self._name(n)} = {self._value(v)}" for n, v in update.set.items()]
        for n, v in update.default.items():
            name = self._name(n)
            pairs.append(f"{name} = if_not_exists({name}, {self._value(v)})")
        if pairs:
            sections.append("SET " + ", ".join(pairs))
        if update.remove:
            sections.append("REMOVE " + ", ".join(self._name(n) for n in update.remove))
        if update.add:
            pairs = [f"{self._name(n)} {self._value(v)}" for n, v in update.add.items()]
            sections.append("ADD " + ", ".join(pairs))
        return {"UpdateExpression": " ".join(sections)} | self._placeholders()

    def _placeholders(self) -> dict[str, Any]:
        parts: dict[str, Any] = {}
        if self._names:
            parts["ExpressionAttributeNames"] = self._names
        if self._values:
            parts["ExpressionAttributeValues"] = self._values
        return parts

    def _text(self, condition: Condition) -> str:
        match condition:
            case Absent(name):
                return f"attribute_not_exists({self._name(name)})"
            case OneOf(name, values):
                options = ", ".join(self._value(value) for value in values)
                return f"{self._name(name)} IN ({options})"
            case AtMost(name, value):
                return f"{self._name(name)} <= {self._value(value)}"
            case All(conditions):
                return " AND ".join(f"({self._text(each)})" for each in conditions)
            case Either(conditions):
                return " OR ".join(f"({self._text(each)})" for each in conditions)

    def _name(self, name: str) -> str:
        placeholder = f"#{name}"
        self._names[placeholder] = name
        return placeholder

    def _value(self, value: Value) -> str:
        placeholder = f":v{len(self._values)}"
        self._values[placeholder] = _attribute(value)
        return placeholder


@contextmanager
def _errors() -> Iterator[None]:
    """Turn botocore's errors into the three outcomes there are: refused, unavailable, a bug."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code == "ConditionalCheckFailedException":
            existing = cast("dict[str, Any]", error.response).get("Item")
            raise ConditionFailed(_item(existing) if existing else None) from None
        if code == "TransactionCanceledException":
            raise _cancelled(error) from None
        if code in _TRANSIENT or status >= 500:  # noqa: PLR2004 - HTTP's server errors
            raise Unavailable(f"DynamoDB answered {code or status}") from error
        raise
    except (HTTPClientError, BotoCoreError) as error:
        raise Unavailable(f"DynamoDB did not answer: {type(error).__name__}") from error


def _cancelled(error: ClientError) -> Exception:
    reasons = cast("dict[str, Any]", error.response).get("CancellationReasons", [])
    codes = [reason.get("Code") for reason in reasons]
    failed = {
        index: _item(reason["Item"]) if reason.get("Item") else None
        for index, reason in enumerate(reasons)
        if reason.get("Code") == "ConditionalCheckFailed"
    }
    conflicts = frozenset(
        index for index, code in enumerate(codes) if code == "TransactionConflict"
    )
    if failed:
        return TransactionRefused(failed, conflicts)
    if any(code in {"ValidationError", "ItemCollectionSizeLimitExceeded"} for code in codes):
        return error
    if codes and all(code in {"None", None, "TransactionConflict"} for code in codes):
        # Another transaction holds one of the items. Nothing was written, so this one may decide
        # anew: the closes of a site meet at its counter of invoice numbers.
        return TransactionRefused({}, conflicts)
    return Unavailable("a transaction was throttled")


def _attributes(item: Mapping[str, Value]) -> dict[str, Any]:
    return {name: _attribute(value) for name, value in item.items()}


def _attribute(value: Value) -> dict[str, Any]:
    match value:
        case str():
            return {"S": value}
        case bool():  # before int, of which it is a kind
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case None:
            return {"NULL": True}
        case list():
            return {"L": [_attribute(each) for each in value]}
        case dict():
            return {"M": _attributes(value)}
    raise TypeError(f"a {type(value).__name__} cannot be stored")


def _item(raw: Mapping[str, Any]) -> Item:
    return {name: _plain(value) for name, value in raw.items()}


def _plain(attribute: Mapping[str, Any]) -> Value:
    ((kind, value),) = attribute.items()
    match kind:
        case "S":
            return str(value)
        case "N":
            return int(value)
        case "BOOL":
            return bool(value)
        case "NULL":
            return None
        case "L":
            return [_plain(each) for each in value]
        case "M":
            return _item(value)
    raise TypeError(f"an attribute of type {kind} was not written by this product")
