"""The functions of template.yaml in this process, on a bare engine that holds what they work on.

Each module is imported with exactly the environment that the template gives its function, so that a
variable it forgets is missed here. A request goes to the function its routes name.
"""

import importlib
import itertools
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import datetime
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from botocore.client import BaseClient

from postpaid.application.api_keys import create_key
from postpaid.application.sites import CreateSite, create_site
from postpaid.assembly.control import Control
from postpaid.domain.api_key import KeyScope
from postpaid.domain.site import Address, Site
from postpaid.runtime.cache import Cache
from postpaid.runtime.clock import real_now
from postpaid.runtime.ids import new_key_parts
from postpaid.store.api_keys import StoredApiKeys
from postpaid.store.dynamo import DynamoTable
from postpaid.store.sites import StoredSites
from postpaid_cli.aws import ROOT_KEY, LocalAws
from tests.support.events import REGION, Context, Event, http_event
from tests.support.tables import create_table
from tests.support.template import Resource, Template, referred

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

TEMPLATE = Template.load()
_serials = itertools.count(1)
_WRITES = frozenset(
    {
        *("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"),
        *("ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction"),
        *("PutObject", "DeleteObject", "CopyObject", "SendMessage", "SendMessageBatch"),
    }
)

type Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a client gets; header names are in lower case, *json* is None where there is no body."""

    status: int
    headers: Mapping[str, str]
    text: str
    json: Any
    request_id: str

    @property
    def code(self) -> str | None:
        """The code of a refusal."""
        return self.json.get("code") if isinstance(self.json, dict) else None

    def anonymous(self) -> Json:
        """Return the body without the one member that always differs."""
        return {name: value for name, value in self.json.items() if name != "request_id"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Functions:
    """All functions, imported, with the two tables, the bucket and the queues they were told of."""

    dynamodb: "DynamoDBClient"
    s3: "S3Client"
    sqs: "SQSClient"
    usages: DynamoTable
    billing: DynamoTable
    bucket: str
    queues: Mapping[str, str]
    modules: Mapping[str, ModuleType] = field(default_factory=dict)
    # Every call a function made, by its operation, and those writes that took effect, but for
    # counters.
    calls: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)

    def call(
        self,
        method: str,
        target: str,
        body: object = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        is_base64: bool | None = None,
    ) -> Answer:
        """Send a request through the routes; *body* is JSON-ready, or bytes to be sent as they are.

        A header whose value is empty is left out, those given by default included.
        """
        sent = {"content-type": "application/json"} if body is not None else {}
        if key is not None:
            sent["authorization"] = f"Bearer {key}"
        sent |= {name.lower(): value for name, value in (headers or {}).items()}
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        route, function = routed(method, target.partition("?")[0])
        event = http_event(
            method,
            target,
            headers={name: value for name, value in sent.items() if value},
            body=raw,
            is_base64=is_base64,
            route_key=route,
        )
        return read_answer(self.invoke(function, event), event)

    def invoke(self, function: str, event: Event) -> Any:
        """Call a function by its logical name; the event goes through JSON, as at AWS."""
        return self.modules[function].handler(json.loads(json.dumps(event)), Context())

    def new_site(
        self, site_id: str, *, clock: datetime | None = None, timezone: str = "UTC"
    ) -> Site:
        """Create a site; with a clock it is a test site."""
        command = CreateSite(
            id=site_id,
            test=clock is not None,
            timezone=timezone,
            currency="USD",
            seller=Address(name=f"Seller of {site_id}"),
            clock=clock,
        )
        return create_site(command, sites=StoredSites(self.billing), now=real_now())

    def new_key(self, site: Site, *scopes: KeyScope) -> str:
        """Create an API key, by default one that may do everything."""
        _, text = create_key(
            site,
            [scope.value for scope in scopes or (KeyScope.ADMIN,)],
            "test",
            parts=new_key_parts(),
            ring=StoredApiKeys(self.billing),
            now=real_now(),
        )
        return text

    def usage_items(self) -> list[Json]:
        """Read the whole usage table."""
        return self._all(self.usages)

    def usages_of(self, site_id: str) -> list[Json]:
        """Read the usages of a site."""
        return [each for each in self.usage_items() if each["pk"]["S"].startswith(f"{site_id}~")]

    def written(self) -> int:
        """Count the writes so far, to compare before with after."""
        return len(self.writes)

    def billing_items(self) -> list[Json]:
        """Read the whole billing table."""
        return self._all(self.billing)

    def reset(self) -> None:
        """Empty tables, bucket and queues, and let the processes forget what they kept."""
        for table in (self.usages, self.billing):
            keys = [{name: item[name] for name in ("pk", "sk")} for item in self._all(table)]
            for batch in itertools.batched(keys, 25, strict=False):
                deletions: Any = [{"DeleteRequest": {"Key": key}} for key in batch]
                self.dynamodb.batch_write_item(RequestItems={table._name: deletions})
        for each in self.s3.list_object_versions(Bucket=self.bucket).get("Versions", []):
            self.s3.delete_object(Bucket=self.bucket, Key=each["Key"], VersionId=each["VersionId"])
        for queue in self.queues:
            self.messages(queue)
        for module in self.modules.values():
            forget(module)

    def clients(self) -> set[BaseClient]:
        """Return the clients that the functions made when they were imported."""
        return _clients(self.modules.values())

    def client_of(self, function: str, service: str = "dynamodb") -> Any:
        """Return the client by which a function reaches a service, its tables' if none is said."""
        [found] = [
            client
            for client in _clients([self.modules[function]])
            if client.meta.service_model.service_name == service
        ]
        return found

    def messages(self, queue: str) -> list[str]:
        """Take all messages out of a queue."""
        taken: list[str] = []
        url = self.queues[queue]
        while found := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in found:
                taken.append(message["Body"])
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return taken

    def internals(self) -> list[str]:
        """Return the names of things that no caller should ever read."""
        names = [self.usages._name, self.billing._name, self.bucket]
        return [*names, *self.queues.values(), "arn:aws", "Traceback", ".py", "botocore"]

    def _all(self, table: DynamoTable) -> list[Json]:
        pages = self.dynamodb.get_paginator("scan").paginate(
            TableName=table._name, ConsistentRead=True
        )
        return [dict(item) for page in pages for item in page["Items"]]


@contextmanager
def functions_on(aws: LocalAws) -> Iterator[Functions]:
    """Create what the functions work on, import them, and let go of their connections after."""
    clients = (aws.dynamodb(), aws.s3(), aws.sqs())
    dynamodb, s3, sqs = clients
    queues = {queue.name: _new_queue(sqs, queue) for queue in TEMPLATE.all("AWS::SQS::Queue")}
    bucket = f"documents-{next(_serials)}"
    s3.create_bucket(Bucket=bucket)
    versioning = TEMPLATE.one("DocumentBucket").properties["VersioningConfiguration"]
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=versioning)
    world = Functions(
        dynamodb=dynamodb,
        s3=s3,
        sqs=sqs,
        usages=create_table(dynamodb, "UsageTable"),
        billing=create_table(dynamodb, "BillingTable"),
        bucket=bucket,
        queues=queues,
    )
    told = {
        "UsageTable": world.usages._name,
        "BillingTable": world.billing._name,
        "DocumentBucket": bucket,
        "LogLevel": "debug",
        "PublicBaseUrl": "",
        "UsageUrlTestHosts": "",
        **queues,
    }
    modules = import_functions(told, aws.endpoint)
    calls: list[str] = []
    writes: list[str] = []
    for client in _clients(modules.values()):
        _take_notes(client, calls, writes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POSTPAID_LOG_LEVEL", "debug")
        # A function may connect to what it seldom needs only when it does.
        for name, value in _platform(aws.endpoint):
            patch.setenv(name, value)
        try:
            yield Functions(
                dynamodb=dynamodb,
                s3=s3,
                sqs=sqs,
                usages=world.usages,
                billing=world.billing,
                bucket=bucket,
                queues=queues,
                modules=modules,
                calls=calls,
                writes=writes,
            )
        finally:
            for client in (*clients, *_clients(modules.values())):
                client.close()
            for module in modules.values():
                sys.modules.pop(module.__name__, None)


def import_functions(told: Mapping[str, str], endpoint: str) -> dict[str, ModuleType]:
    """Import every function with its environment; *told* is what the template refers to."""
    return {
        function.name: _imported(function, _environment(function, told, endpoint))
        for function in TEMPLATE.functions()
    }


def forget(module: ModuleType) -> None:
    """Let a process lose what it kept in memory."""
    for value in _held(module):
        kept = getattr(value, "_kept", value)
        if isinstance(kept, Cache):
            kept._entries.clear()
        if isinstance(value, Control):
            value.blocks.clear()
    vars(module).get("blocks", {}).clear()


def routed(method: str, path: str) -> tuple[str, str]:
    """Return the route key that the gateway selects, and the logical name of its function."""
    routes = {
        route.properties["RouteKey"]: _function_of(route)
        for route in TEMPLATE.all("AWS::ApiGatewayV2::Route")
    }
    for wanted in (method, "ANY"):
        for key, function in routes.items():
            verb, _, template = key.partition(" ")
            if verb == wanted and _pattern(template).fullmatch(path):
                return key, function
    return "$default", routes["$default"]


def read_answer(response: Any, event: Event) -> Answer:
    """Read what a function returned, as the gateway does: anything else would be its own 500."""
    assert response.keys() == {"statusCode", "headers", "body"}, response
    assert isinstance(response["statusCode"], int)
    assert all(isinstance(value, str) for value in response["headers"].values())
    json.dumps(response, ensure_ascii=False).encode()  # as the runtime sends it
    text = response["body"]
    return Answer(
        status=response["statusCode"],
        headers={name.lower(): value for name, value in response["headers"].items()},
        text=text,
        json=json.loads(text) if text else None,
        request_id=event["requestContext"]["requestId"],
    )


def _function_of(route: Resource) -> str:
    [integration] = referred(route.properties["Target"])
    [function] = referred(TEMPLATE.one(integration).properties["IntegrationUri"])
    return function


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"(\{\w+\+?\})", template)
    fixed = [
        re.escape(part) if index % 2 == 0 else ".+" if part.endswith("+}") else "[^/]+"
        for index, part in enumerate(parts)
    ]
    return re.compile("".join(fixed))


def _new_queue(sqs: "SQSClient", queue: Resource) -> str:
    name = f"{queue.name}-{next(_serials)}"
    return sqs.create_queue(QueueName=name)["QueueUrl"]


def _environment(
    function: Resource, told: Mapping[str, str], endpoint: str
) -> Iterator[tuple[str, str]]:
    for name, value in TEMPLATE.environment(function).items():
        yield name, told[value["Ref"]] if isinstance(value, dict) else value
    yield from _platform(endpoint)


def _platform(endpoint: str) -> Iterator[tuple[str, str]]:
    """Yield what a process finds in its environment at AWS."""
    yield "AWS_ENDPOINT_URL", endpoint
    yield "AWS_ACCESS_KEY_ID", ROOT_KEY
    yield "AWS_SECRET_ACCESS_KEY", ROOT_KEY
    yield "AWS_DEFAULT_REGION", REGION
    yield "AWS_CONFIG_FILE", os.devnull
    yield "AWS_SHARED_CREDENTIALS_FILE", os.devnull


def _imported(function: Resource, environment: Iterator[tuple[str, str]]) -> ModuleType:
    name = function.properties["Handler"].rpartition(".")[0]
    with pytest.MonkeyPatch.context() as patch:
        for variable in list(os.environ):
            if variable.startswith(("AWS_", "POSTPAID_")):
                patch.delenv(variable)
        for variable, value in environment:
            patch.setenv(variable, value)
        sys.modules.pop(name, None)
        return importlib.import_module(name)


def _clients(modules: Iterable[ModuleType]) -> set[BaseClient]:
    """Find the clients that modules made, those inside our own adapters included."""
    values = [value for module in modules for value in _held(module)]
    candidates = [getattr(value, "_client", value) for value in values]
    return {client for client in candidates if isinstance(client, BaseClient)}


def _held(module: ModuleType) -> Iterator[object]:
    """Yield what a module holds, and what its connections hold, which are made in one place."""
    for value in vars(module).values():
        yield value
        if isinstance(value, Control):
            yield from (getattr(value, each.name) for each in fields(value))


def _take_notes(client: BaseClient, calls: list[str], writes: list[str]) -> None:
    def before(model: Any, params: Json, context: Json, **_: object) -> None:
        calls.append(model.name)
        context["is_counter"] = "#counter#" in str(params["body"])

    def after(http_response: Any, model: Any, context: Json, **_: object) -> None:
        took_effect = http_response.status_code < 300 and model.name in _WRITES
        if took_effect and not context["is_counter"]:
            writes.append(model.name)

    client.meta.events.register("before-call", before)
    client.meta.events.register("after-call", after)
