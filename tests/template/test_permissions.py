"""House rules on who may do what: no wildcards, no managed policies, nobody deletes."""

from typing import Any

import pytest

from tests.support.template import Resource, Template, listed

TEMPLATE = Template.load()
ROLES = TEMPLATE.all("AWS::IAM::Role")

# What no function may do: Scan reads other tenants' items, the rest loses what was promised kept.
FORBIDDEN = {
    "dynamodb:BatchWriteItem",
    "dynamodb:DeleteItem",
    "dynamodb:PartiQLDelete",
    "dynamodb:Scan",
    "s3:BypassGovernanceRetention",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "sqs:PurgeQueue",
}

each_role = pytest.mark.parametrize("role", [pytest.param(role, id=role.name) for role in ROLES])


def _is_exact(resource: Any) -> bool:
    """An attribute of a resource, an index by its name, or the objects of one bucket."""
    match resource:
        case {"Fn::GetAtt": [_, "Arn" | "StreamArn"]}:
            return True
        case {"Fn::Sub": str(text)}:
            name, _, rest = text.removeprefix("${").partition(".Arn}")
            if TEMPLATE.one(name).type == "AWS::S3::Bucket":
                return rest == "/*"
            indexes = TEMPLATE.one(name).properties["GlobalSecondaryIndexes"]
            return rest in {f"/index/{index['IndexName']}" for index in indexes}
    return False


@each_role
def test_a_statement_names_its_actions_and_its_resources(role: Resource) -> None:
    statements = TEMPLATE.statements(role)

    assert statements
    for statement in statements:
        assert statement["Effect"] == "Allow"
        assert not {"NotAction", "NotResource"} & statement.keys()
        assert not [action for action in listed(statement["Action"]) if "*" in action]
        assert not [res for res in listed(statement["Resource"]) if not _is_exact(res)]


@each_role
def test_nobody_may_scan_or_delete(role: Resource) -> None:
    allowed = {
        action for statement in TEMPLATE.statements(role) for action in listed(statement["Action"])
    }

    assert not allowed & FORBIDDEN


@each_role
def test_no_role_has_a_managed_policy(role: Resource) -> None:
    assert "ManagedPolicyArns" not in role.properties


def test_policies_are_written_in_their_roles_only() -> None:
    kinds = {resource.type for resource in TEMPLATE.resources()}

    assert not {kind for kind in kinds if kind.startswith("AWS::IAM::")} - {"AWS::IAM::Role"}


def test_only_those_who_record_write_usage() -> None:
    writers = set()
    for role in ROLES:
        for statement in TEMPLATE.statements(role):
            actions = set(listed(statement["Action"]))
            usage = {"Fn::GetAtt": ["UsageTable", "Arn"]} in listed(statement["Resource"])
            if usage and actions & {"dynamodb:PutItem", "dynamodb:UpdateItem"}:
                writers.add(role.name)

    # `//usage` and `/usage/` are the same path at ChargeOver's door, and another at the gateway.
    assert writers == {"RecordUsageRole", "ChargeoverApiRole", "PullUsageRole"}


def test_who_reaches_the_outside_writes_nothing_but_usage() -> None:
    """And sends reports: it notes nothing on a term, closes nothing, reads no document."""
    allowed = {
        (str(resource), action)
        for statement in TEMPLATE.statements(TEMPLATE.one("PullUsageRole"))
        for resource in listed(statement["Resource"])
        for action in listed(statement["Action"])
    }

    def on(name: str) -> set[str]:
        arn = str({"Fn::GetAtt": [name, "Arn"]})
        return {action for resource, action in allowed if resource == arn}

    named = {
        name: on(name)
        for name in ("UsageTable", "BillingTable", "CloseQueue", "PullQueue", "PullUsageLogGroup")
    }
    assert named == {
        "UsageTable": {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:GetItem"},
        "BillingTable": {"dynamodb:GetItem", "dynamodb:Query"},
        "CloseQueue": {"sqs:SendMessage"},
        "PullQueue": {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"},
        "PullUsageLogGroup": {"logs:CreateLogStream", "logs:PutLogEvents"},
    }
    assert len(allowed) == sum(map(len, named.values()))


def _source_arn(route_key: str) -> str:
    """Return the end of the ARN that the gateway shows for a route."""
    if route_key == "$default":
        return "${HttpApi}/*/$default"
    method, path = route_key.split(" ")
    shown = "/".join("*" if part.startswith("{") else part for part in path.split("/"))
    return f"${{HttpApi}}/*/{'*' if method == 'ANY' else method}{shown}"


@pytest.mark.parametrize(
    "route", TEMPLATE.all("AWS::ApiGatewayV2::Route"), ids=lambda route: route.name
)
def test_the_gateway_may_call_the_function_of_a_route(route: Resource) -> None:
    # The emulator calls it without; AWS answers 500.
    target = route.properties["Target"]["Fn::Sub"].removeprefix("integrations/${").removesuffix("}")
    integration = TEMPLATE.one(target).properties
    function = integration["IntegrationUri"]["Fn::GetAtt"][0]

    permissions = [
        permission.properties
        for permission in TEMPLATE.all("AWS::Lambda::Permission")
        if permission.properties["FunctionName"] == {"Ref": function}
    ]

    arns = [p["SourceArn"]["Fn::Sub"].split(":")[-1] for p in permissions]
    assert _source_arn(route.properties["RouteKey"]) in arns
    assert {p["Principal"] for p in permissions} == {"apigateway.amazonaws.com"}
    assert {p["Action"] for p in permissions} == {"lambda:InvokeFunction"}
    assert integration["PayloadFormatVersion"] == "2.0"


def test_every_integration_serves_a_route() -> None:
    targets = {
        route.properties["Target"]["Fn::Sub"] for route in TEMPLATE.all("AWS::ApiGatewayV2::Route")
    }

    assert targets == {
        f"integrations/${{{integration.name}}}"
        for integration in TEMPLATE.all("AWS::ApiGatewayV2::Integration")
    }


@pytest.mark.parametrize(
    "schedule", TEMPLATE.all("AWS::Scheduler::Schedule"), ids=lambda schedule: schedule.name
)
def test_a_schedule_runs_in_utc_and_gives_up_in_time(schedule: Resource) -> None:
    # The emulator ignores time zones, so a local time here would be tested by nothing.
    assert "ScheduleExpressionTimezone" not in schedule.properties
    assert schedule.properties["Target"]["RetryPolicy"]["MaximumRetryAttempts"] <= 5
    assert schedule.properties["Target"]["RoleArn"] == {"Fn::GetAtt": ["ScheduleRole", "Arn"]}
