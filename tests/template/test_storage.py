"""House rules on what holds data: tables, queues and the bucket."""

from pathlib import Path

import pytest

from postpaid.store import replies
from tests.support.template import Resource, Template, referred

TEMPLATE = Template.load()
TABLES = TEMPLATE.all("AWS::DynamoDB::Table")
QUEUES = TEMPLATE.all("AWS::SQS::Queue")


def _dead_letter_queues() -> set[str]:
    names = set[str]()
    for queue in QUEUES:
        names |= referred(queue.properties.get("RedrivePolicy", {}))
    for mapping in TEMPLATE.all("AWS::Lambda::EventSourceMapping"):
        names |= referred(mapping.properties.get("DestinationConfig", {}))
    return names


def test_a_usage_costs_one_write() -> None:
    usage = TEMPLATE.one("UsageTable").properties

    assert (
        not {
            "GlobalSecondaryIndexes",
            "LocalSecondaryIndexes",
            "StreamSpecification",
            "KinesisStreamSpecification",
        }
        & usage.keys()
    )


def test_the_indexes_hold_keys_only() -> None:
    billing = TEMPLATE.one("BillingTable").properties
    indexes = billing["GlobalSecondaryIndexes"]

    assert [index["IndexName"] for index in indexes] == ["due", "list"]
    assert {index["Projection"]["ProjectionType"] for index in indexes} == {"KEYS_ONLY"}
    assert billing["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}


def test_only_stored_answers_and_nonces_are_ever_removed() -> None:
    """By the attribute that two files of the store write, and no other: no usage has it."""
    usage = TEMPLATE.one("UsageTable").properties
    billing = TEMPLATE.one("BillingTable").properties
    stores = Path(replies.__file__).parent.glob("*.py")

    assert billing["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    assert usage["TimeToLiveSpecification"] == billing["TimeToLiveSpecification"]
    assert {path.name for path in stores if '"expires"' in path.read_text()} == {
        "nonces.py",
        "replies.py",
    }


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_survives_the_stack_and_a_mistake(table: Resource) -> None:
    assert table.body["DeletionPolicy"] == "Retain"
    assert table.body["UpdateReplacePolicy"] == "Retain"
    assert table.properties["PointInTimeRecoverySpecification"] == {
        "PointInTimeRecoveryEnabled": True
    }
    # A real boolean, not the parameter's text: the emulator takes the text "false" for true.
    assert table.properties["DeletionProtectionEnabled"] == {
        "Fn::If": ["IsDeletionProtected", True, False]
    }
    assert table.properties["BillingMode"] == "PAY_PER_REQUEST"


def test_tables_are_protected_unless_told_otherwise() -> None:
    assert TEMPLATE.body["Parameters"]["DeletionProtection"]["Default"] == "true"


@pytest.mark.parametrize("queue", QUEUES, ids=lambda queue: queue.name)
def test_a_queue_is_encrypted_and_loses_nothing(queue: Resource) -> None:
    assert queue.properties["SqsManagedSseEnabled"] is True
    if queue.name in _dead_letter_queues():
        assert queue.properties["MessageRetentionPeriod"] == 14 * 24 * 60 * 60
        assert "RedrivePolicy" not in queue.properties
    else:
        assert queue.properties["RedrivePolicy"]["maxReceiveCount"] == 5


def test_the_bucket_is_private_versioned_and_encrypted() -> None:
    bucket = TEMPLATE.one("DocumentBucket")
    properties = bucket.properties

    assert bucket.body["DeletionPolicy"] == "Retain"
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert properties["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert "BucketEncryption" in properties


def test_the_bucket_is_reached_over_tls_only() -> None:
    [statement] = TEMPLATE.one("DocumentBucketPolicy").properties["PolicyDocument"]["Statement"]

    assert statement["Effect"] == "Deny"
    assert statement["Principal"] == "*"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"] == [
        {"Fn::GetAtt": ["DocumentBucket", "Arn"]},
        {"Fn::Sub": "${DocumentBucket.Arn}/*"},
    ]
