"""House rules on the functions of template.yaml."""

import re
from pathlib import PurePosixPath
from typing import Any

import pytest

from tests.support.template import ROOT, Resource, Template, listed, referred

TEMPLATE = Template.load()
FUNCTIONS = TEMPLATE.functions()
PYTHON = "python" + (ROOT / ".python-version").read_text(encoding="utf-8").strip()

each_function = pytest.mark.parametrize(
    "function", [pytest.param(function, id=function.name) for function in FUNCTIONS]
)


def _role(function: Resource) -> Resource:
    name, attribute = function.properties["Role"]["Fn::GetAtt"]
    assert attribute == "Arn"
    return TEMPLATE.one(name)


def _sources(function: Resource) -> list[Resource]:
    mappings = TEMPLATE.all("AWS::Lambda::EventSourceMapping")
    return [m for m in mappings if referred(m.properties["FunctionName"]) == {function.name}]


def test_the_template_has_the_functions_we_ship() -> None:
    folders = {path.parent for path in (ROOT / "functions").glob("*/*.py")}

    shipped = {ROOT / function.properties["CodeUri"] for function in FUNCTIONS}

    assert shipped >= folders


def test_the_runtime_is_the_python_of_the_checkout() -> None:
    layer = TEMPLATE.one("CommonLayer")

    assert TEMPLATE.body["Globals"]["Function"]["Runtime"] == PYTHON
    assert layer.properties["CompatibleRuntimes"] == [PYTHON]
    assert layer.body["Metadata"]["BuildMethod"] == PYTHON


def test_the_architecture_is_a_parameter_everywhere() -> None:
    layer = TEMPLATE.one("CommonLayer")
    architecture = {"Ref": "Architecture"}

    assert TEMPLATE.body["Globals"]["Function"]["Architectures"] == [architecture]
    assert layer.properties["CompatibleArchitectures"] == [architecture]
    assert layer.body["Metadata"]["BuildArchitecture"] == architecture


@each_function
def test_a_function_is_imported_by_the_same_name_here_and_there(function: Resource) -> None:
    folder = PurePosixPath(function.properties["CodeUri"])
    package = ".".join(folder.parts)

    # `auto` takes the first path segment called functions, which a checkout's own path may hold.
    assert function.body["Metadata"]["BuildProperties"] == {
        "ParentPackageMode": "explicit",
        "ParentPackages": package,
    }
    module, name = function.properties["Handler"].rsplit(".", 1)
    assert module.startswith(f"{package}.")
    assert name == "handler"
    assert (ROOT / folder / f"{module.removeprefix(f'{package}.')}.py").is_file()


@each_function
def test_a_function_leaves_no_setting_to_sam(function: Resource) -> None:
    # SAM would make roles from these, with managed policies and wider than ours.
    assert not {"Policies", "Events", "Runtime", "Layers"} & function.properties.keys()


@each_function
def test_a_function_has_a_role_of_its_own(function: Resource) -> None:
    others = [_role(other).name for other in FUNCTIONS if other is not function]

    assert _role(function).name not in others
    principals = [
        statement["Principal"]
        for statement in _role(function).properties["AssumeRolePolicyDocument"]["Statement"]
    ]
    assert principals == [{"Service": "lambda.amazonaws.com"}]


@each_function
def test_a_function_logs_to_a_group_that_forgets(function: Resource) -> None:
    name = function.properties["LoggingConfig"]["LogGroup"]["Ref"]
    group = TEMPLATE.one(name)
    writes = [s for s in TEMPLATE.statements(_role(function)) if name in referred(s["Resource"])]

    assert group.properties["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert [sorted(write["Action"]) for write in writes] == [
        ["logs:CreateLogStream", "logs:PutLogEvents"]
    ]


@each_function
def test_a_function_is_told_of_exactly_what_its_role_allows(function: Resource) -> None:
    told = referred(TEMPLATE.environment(function)) - set(TEMPLATE.body["Parameters"])
    group = function.properties["LoggingConfig"]["LogGroup"]["Ref"]
    # What Lambda itself reads from and reports to, in the role's name.
    plumbing = set[str]()
    for source in _sources(function):
        plumbing |= referred(source.properties["EventSourceArn"])
        plumbing |= referred(source.properties.get("DestinationConfig", {}))

    allowed = set[str]()
    for statement in TEMPLATE.statements(_role(function)):
        allowed |= referred(statement["Resource"])

    assert told <= allowed
    assert allowed - told <= plumbing | {group}


@each_function
def test_a_function_keeps_its_assertions(function: Resource) -> None:
    environment = TEMPLATE.environment(function)

    assert "PYTHONOPTIMIZE" not in environment
    assert environment["PYTHONTZPATH"] == ""


@each_function
def test_a_queue_lets_its_function_finish_and_try_again(function: Resource) -> None:
    for source in _sources(function):
        [name] = referred(source.properties["EventSourceArn"])
        queue = TEMPLATE.one(name)
        if queue.type != "AWS::SQS::Queue":
            continue
        assert queue.properties["VisibilityTimeout"] >= 6 * function.properties["Timeout"]
        assert source.properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_usage_urls_are_asked_by_a_bounded_number_of_processes_one_term_at_a_time() -> None:
    source = TEMPLATE.one("PullUsageSource").properties

    assert source["BatchSize"] == 1
    assert source["ScalingConfig"] == {"MaximumConcurrency": 20}


def test_nothing_loosens_where_usage_urls_may_lead_but_one_parameter_that_is_empty() -> None:
    parameter = TEMPLATE.body["Parameters"]["UsageUrlTestHosts"]
    told = {
        function.name: TEMPLATE.environment(function)["POSTPAID_USAGE_URL_TEST_HOSTS"]
        for function in FUNCTIONS
        if "POSTPAID_USAGE_URL_TEST_HOSTS" in TEMPLATE.environment(function)
    }

    assert parameter["Default"] == ""
    assert set(told) == {
        *("NativeApiFunction", "ChargebeeApiFunction", "ChargeoverApiFunction"),
        "PullUsageFunction",
    }
    assert {str(value) for value in told.values()} == {str({"Ref": "UsageUrlTestHosts"})}


@pytest.mark.parametrize(
    ("hosts", "fits"),
    [
        ("", True),
        ("127.0.0.1:8080", True),
        ("localhost:8080,usage.test:80", True),
        ("usage.example.com", False),
        ("*:80", False),
        ("usage.test:80,", False),
        ("http://usage.test:80", False),
    ],
)
def test_test_hosts_are_named_one_by_one_with_their_ports(hosts: str, fits: bool) -> None:
    pattern = TEMPLATE.body["Parameters"]["UsageUrlTestHosts"]["AllowedPattern"]

    assert (re.search(pattern, hosts) is not None) == fits


@pytest.mark.parametrize(
    "mapping", TEMPLATE.all("AWS::Lambda::EventSourceMapping"), ids=lambda mapping: mapping.name
)
def test_a_poisoned_stream_record_ends_in_a_queue(mapping: Resource) -> None:
    properties: dict[str, Any] = mapping.properties
    [source] = referred(properties["EventSourceArn"])
    if TEMPLATE.one(source).type != "AWS::DynamoDB::Table":
        return

    assert 0 < properties["MaximumRetryAttempts"] <= 10
    assert properties["BisectBatchOnFunctionError"] is True
    [destination] = referred(properties["DestinationConfig"])
    assert TEMPLATE.one(destination).type == "AWS::SQS::Queue"
    [pattern] = [f["Pattern"] for f in listed(properties["FilterCriteria"]["Filters"])]
    assert "PENDING" in pattern
