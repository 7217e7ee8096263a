"""What becomes of DynamoDB's answers: refused, unavailable, or a bug that nobody may hide."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from postpaid.application.ports import Unavailable
from postpaid.store.dynamo import DynamoTable
from postpaid.store.tables import (
    Absent,
    Check,
    ConditionFailed,
    Item,
    Key,
    Put,
    Range,
    Table,
    TransactionRefused,
    Update,
    Write,
)
from tests.support.tables import create_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

pytestmark = pytest.mark.engine

A = Key("a", "1")
CALLS: dict[str, Callable[[Table], object]] = {
    "GetItem": lambda table: table.get(A),
    "BatchGetItem": lambda table: table.batch_get([A]),
    "PutItem": lambda table: table.put(Put({"pk": "a", "sk": "1"})),
    "UpdateItem": lambda table: table.update(Update(A, None, set={"n": 1})),
    "Query": lambda table: table.query(Range(pk="a", first="0", last="9")),
    "TransactWriteItems": lambda table: table.transact([Check(A, Absent())]),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


@pytest.fixture(scope="module")
def client(connect: "Callable[[], DynamoDBClient]") -> "DynamoDBClient":
    """A client of this file's own, because its tests stand between it and the engine."""
    return connect()


@pytest.fixture
def table(client: "DynamoDBClient") -> DynamoTable:
    return create_table(client, "BillingTable")


@contextmanager
def answering(client: "DynamoDBClient", answer: Callable[[], object]) -> Iterator[list[str]]:
    """Let *answer* stand in for the service; yield the operations it was asked for."""
    asked: list[str] = []

    def stand_in(request: Any, **_: object) -> Any:
        asked.append(request.headers["X-Amz-Target"].decode().split(".")[-1])
        return answer()

    events: Any = client.meta.events  # whose stubs know no answer of a handler
    events.register_first("before-send.dynamodb", stand_in)
    try:
        yield asked
    finally:
        events.unregister("before-send.dynamodb", stand_in)


def an_error(status: int, code: str, **more: object) -> Callable[[], AWSResponse]:
    """Return an answer that says an error."""
    body = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", **more}).encode()

    class Raw:
        def stream(self) -> Iterator[bytes]:
            yield body

    headers: Any = {}
    return lambda: AWSResponse("http://dynamodb", status, headers, Raw())


def raising(error: Exception) -> Callable[[], object]:
    def answer() -> object:
        raise error

    return answer


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the SDK retry without waiting."""
    backoff = "botocore.retries.standard.ExponentialBackoff.delay_amount"
    monkeypatch.setattr(backoff, lambda _self, _context: 0)


@every_call
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "ProvisionedThroughputExceededException"),
        (400, "ThrottlingException"),
        (400, "RequestLimitExceeded"),
        (400, "TransactionConflictException"),
        (400, "TransactionInProgressException"),
        (500, "InternalServerError"),
        (503, "ServiceUnavailable"),
        (502, "Whatever"),
    ],
)
def test_not_now_is_unavailable(
    client: "DynamoDBClient",
    table: DynamoTable,
    call: Callable[[Table], object],
    status: int,
    code: str,
) -> None:
    with answering(client, an_error(status, code)), pytest.raises(Unavailable, match=code):
        call(table)


@every_call
@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="http://dynamodb"),
        ReadTimeoutError(endpoint_url="http://dynamodb"),
    ],
    ids=["no connection", "no answer"],
)
def test_no_answer_is_unavailable_after_three_tries(
    connect: "Callable[[], DynamoDBClient]",
    call: Callable[[Table], object],
    error: Exception,
) -> None:
    client = connect()  # with all of its allowance for retries

    with answering(client, raising(error)) as asked, pytest.raises(Unavailable):
        call(DynamoTable(client, "any"))

    assert len(asked) == 3


@every_call
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "ValidationException"),
        (400, "ResourceNotFoundException"),
        (400, "AccessDeniedException"),
        (400, "ItemCollectionSizeLimitExceededException"),
    ],
)
def test_our_own_mistake_is_not_taken_for_the_platforms(
    client: "DynamoDBClient",
    table: DynamoTable,
    call: Callable[[Table], object],
    status: int,
    code: str,
) -> None:
    with answering(client, an_error(status, code)) as asked, pytest.raises(ClientError, match=code):
        call(table)

    assert len(asked) == 1


def cancelled(*codes: str) -> Callable[[], AWSResponse]:
    reasons = [{"Code": code} for code in codes]
    return an_error(400, "TransactionCanceledException", CancellationReasons=reasons)


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (("None", "ConditionalCheckFailed"), TransactionRefused),
        (("TransactionConflict", "ConditionalCheckFailed"), TransactionRefused),
        (("TransactionConflict", "None"), TransactionRefused),
        (("ThrottlingError", "None"), Unavailable),
        (("ProvisionedThroughputExceeded", "TransactionConflict"), Unavailable),
        (("ValidationError", "None"), ClientError),
        (("None", "ItemCollectionSizeLimitExceeded"), ClientError),
    ],
)
def test_a_cancelled_transaction_is_judged_by_its_reasons(
    client: "DynamoDBClient",
    table: DynamoTable,
    codes: tuple[str, ...],
    expected: type[Exception],
) -> None:
    two: list[Write] = [Check(A, Absent()), Put({"pk": "a", "sk": "2"})]

    with answering(client, cancelled(*codes)), pytest.raises(expected):
        table.transact(two)


def test_a_refusal_names_the_writes_at_which_another_transaction_was_in_the_way(
    client: "DynamoDBClient", table: DynamoTable
) -> None:
    three: list[Write] = [Check(Key("a", each), Absent()) for each in "123"]
    answers: list[tuple[tuple[str, ...], dict[int, Item | None], frozenset[int]]] = [
        (("TransactionConflict", "ConditionalCheckFailed", "None"), {1: None}, frozenset({0})),
        (("None", "TransactionConflict", "TransactionConflict"), {}, frozenset({1, 2})),
        (("ConditionalCheckFailed", "None", "None"), {0: None}, frozenset()),
    ]

    for codes, failed, conflicts in answers:
        with answering(client, cancelled(*codes)), pytest.raises(TransactionRefused) as refusal:
            table.transact(three)
        assert (refusal.value.failed, refusal.value.conflicts) == (failed, conflicts)


def test_a_write_whose_answer_was_lost_meets_itself(
    client: "DynamoDBClient", table: DynamoTable
) -> None:
    """The SDK's retry of a conditional put is refused by the first attempt, and shows it."""
    refusal = an_error(
        400, "ConditionalCheckFailedException", Item={"pk": {"S": "a"}, "sk": {"S": "1"}}
    )
    answers = iter([raising(ReadTimeoutError(endpoint_url="http://dynamodb")), refusal])

    def answer() -> object:
        return next(answers)()

    with answering(client, answer), pytest.raises(ConditionFailed) as refused:
        table.put(Put({"pk": "a", "sk": "1"}, condition=Absent()))

    assert refused.value.existing == {"pk": "a", "sk": "1"}


def test_a_retried_transaction_is_applied_once(
    client: "DynamoDBClient", table: DynamoTable
) -> None:
    """One token goes with all attempts, so that a retry after a lost answer changes nothing."""
    tokens: list[str] = []

    def note(request: Any, **_: object) -> None:
        tokens.append(json.loads(request.data)["ClientRequestToken"])

    client.meta.events.register("before-sign.dynamodb.TransactWriteItems", note)
    with answering(client, an_error(500, "InternalServerError")), pytest.raises(Unavailable):
        table.transact([Update(A, None, add={"n": 1})])
    client.meta.events.unregister("before-sign.dynamodb.TransactWriteItems", note)

    assert len(tokens) == 3
    assert len(set(tokens)) == 1


def test_keys_that_come_back_unprocessed_are_read_again(
    client: "DynamoDBClient", table: DynamoTable
) -> None:
    keys = [Key("a", f"{n:03d}") for n in range(10)]
    for key in keys:
        table.put(Put({**key._asdict()}))
    sizes: list[int] = []

    def halve(parsed: Any, **_: object) -> None:
        """Give back half of what was read as if it had been too much."""
        rows = parsed["Responses"][table._name]
        sizes.append(len(rows))
        kept = (len(rows) + 1) // 2
        if len(rows) > kept:
            parsed["UnprocessedKeys"] = {table._name: {"Keys": rows[kept:]}}
            parsed["Responses"][table._name] = rows[:kept]

    client.meta.events.register("after-call.dynamodb.BatchGetItem", halve)
    try:
        found = table.batch_get(keys)
    finally:
        client.meta.events.unregister("after-call.dynamodb.BatchGetItem", halve)

    assert sizes == [10, 5, 2, 1]
    assert found == {key: {**key._asdict()} for key in keys}


def test_keys_that_stay_unprocessed_are_unavailable(
    client: "DynamoDBClient", table: DynamoTable
) -> None:
    def refuse(parsed: Any, **_: object) -> None:
        parsed["UnprocessedKeys"] = {table._name: {"Keys": [{"pk": {"S": "a"}, "sk": {"S": "1"}}]}}

    client.meta.events.register("after-call.dynamodb.BatchGetItem", refuse)
    try:
        with pytest.raises(Unavailable):
            table.batch_get([A])
    finally:
        client.meta.events.unregister("after-call.dynamodb.BatchGetItem", refuse)


def test_a_table_that_is_not_there_is_a_bug(client: "DynamoDBClient") -> None:
    for call in CALLS.values():
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            call(DynamoTable(client, "no-such-table"))


def test_reads_are_consistent_unless_told_otherwise(
    client: "DynamoDBClient", table: DynamoTable
) -> None:
    """The emulator is always consistent, so that this shows in the requests alone."""
    sent: list[bool | None] = []

    def note(params: Any, **_: object) -> None:
        sent.append(params.get("ConsistentRead"))

    client.meta.events.register("provide-client-params.dynamodb", note)
    table.get(A)
    table.get(A, consistent=False)
    table.query(Range(pk="a", first="0", last="9"))
    table.query(Range(pk="a", first="0", last="9", consistent=False))
    table.query(Range(pk="a", first="0", last="9", index="due"))
    client.meta.events.unregister("provide-client-params.dynamodb", note)

    assert sent == [True, False, True, False, None]
