"""Tables to test the stores on: the twin in memory, and DynamoDB's of a bare MiniStack."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from postpaid.store import dynamo
from postpaid.store.memory import MemoryTable
from postpaid.store.tables import Table
from postpaid_cli.aws import ROOT_KEY
from postpaid_cli.engine import REGION, Engine
from tests.support.tables import create_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# The contract asserts in a file of its own; its failures should show what they compared.
pytest.register_assert_rewrite("tests.store.contract")

type NewTable = Callable[[str], Table]


@pytest.fixture(scope="session")
def connect(engine: Engine) -> "Callable[[], DynamoDBClient]":
    """Make clients of the bare MiniStack, just as the functions make theirs."""

    def connect() -> "DynamoDBClient":
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("AWS_ENDPOINT_URL", engine.endpoint)
            environment.setenv("AWS_ACCESS_KEY_ID", ROOT_KEY)
            environment.setenv("AWS_SECRET_ACCESS_KEY", ROOT_KEY)
            environment.setenv("AWS_DEFAULT_REGION", REGION)
            return dynamo.connect()

    return connect


@pytest.fixture(scope="session")
def dynamodb(connect: "Callable[[], DynamoDBClient]") -> "Iterator[DynamoDBClient]":
    """A client of the bare MiniStack for all tests that leave it as it is."""
    client = connect()
    yield client
    client.close()


@pytest.fixture(params=["memory", pytest.param("dynamo", marks=pytest.mark.engine)])
def new_table(request: pytest.FixtureRequest) -> NewTable:
    """Make new, empty tables on each of the engines in turn; the argument names the resource."""
    if request.param == "memory":
        return lambda _resource: MemoryTable()
    client: Any = request.getfixturevalue("dynamodb")
    return lambda resource: create_table(client, resource)


@pytest.fixture
def billing(new_table: NewTable) -> Table:
    """An empty billing table."""
    return new_table("BillingTable")


@pytest.fixture
def usages(new_table: NewTable) -> Table:
    """An empty usage table."""
    return new_table("UsageTable")
