"""The two tables, created from template.yaml on whatever engine a client speaks to."""

import itertools
from typing import TYPE_CHECKING

from postpaid.store.dynamo import DynamoTable
from tests.support.template import Template

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TEMPLATE = Template.load()
# What makes a table what it is; backups, streams and protection are for the cloud.
_SHAPE = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
_serials = itertools.count(1)


def create_table(client: "DynamoDBClient", resource: str) -> DynamoTable:
    """Create a new, empty table in the shape of a resource of the template."""
    name = f"{resource}-{next(_serials)}"
    properties = TEMPLATE.one(resource).properties
    shape = {part: properties[part] for part in _SHAPE if part in properties}
    client.create_table(TableName=name, **shape)
    return DynamoTable(client, name)
