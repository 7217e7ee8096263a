"""The whole way on the deployed stack: from a price to an invoice that a company would send."""

import io
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import boto3
import pypdf
import pytest
from botocore.exceptions import ClientError

from postpaid_cli.deploy import STACK_NAME
from postpaid_cli.engine import REGION
from postpaid_cli.operate import Target, run_sweep
from postpaid_cli.stack import LocalStack
from tests.support.client import HttpClient, Reply, admin_of, exchange, wait_for
from tests.support.template import Template

pytestmark = pytest.mark.stack

TODAY = datetime.now(UTC).date()
LAST_MONTH = (TODAY.replace(day=1) - timedelta(days=1)).replace(day=1)
MINUTES = {5: 100, 10: 39, 15: 22, 20: 200}  # 361 in all
USAGES = "/v1/subscriptions/journey/usages"


@dataclass(frozen=True, slots=True)
class Journey:
    """What is there at its end."""

    admin: HttpClient
    recorded: list[Reply]
    repeated: Reply
    invoice: dict[str, Any]
    pdf: Reply
    usages: Reply


def _usage(day: date, quantity: int) -> dict[str, str]:
    return {
        "item_price_id": "journey-usd",
        "usage_date": day.isoformat(),
        "quantity": str(quantity),
    }


def _sweep(stack: LocalStack) -> int:
    aws = stack.aws
    return run_sweep(Target(aws.dynamodb(), aws.functions(), stack.outputs))["due"]


def _set_up(admin: HttpClient, name: str, closing: dict[str, Any]) -> None:
    """Make a subscription since the first of last month, and all it needs."""
    item = {"id": name, "name": "VoIP calls", "type": "plan", "metered": True, "unit": "minute"}
    admin.must("POST", "/v1/items", item)
    price = {"id": f"{name}-usd", "item_id": name, "currency": "USD"}
    price |= {"pricing_model": "per_unit", "unit_amount": "0.05", "base_fee": "10.00"}
    admin.must("POST", "/v1/item-prices", price)
    customer = {"id": name, "name": "Blue Harbor Café", "address": ["7 Quay Street", "Salem MA"]}
    admin.must("POST", "/v1/customers", customer)
    subscription = {"id": name, "customer_id": name, "timezone": "America/New_York"}
    subscription |= {"start": LAST_MONTH.isoformat()}
    lines = {"lines": [{"item_price_id": f"{name}-usd"}], "closing": closing}
    admin.must("POST", "/v1/subscriptions", subscription | lines)


def _swept_invoice(stack: LocalStack, admin: HttpClient, name: str, status: str) -> dict[str, Any]:
    """Sweep until the subscription's first invoice is in a state; return its head."""

    def look() -> dict[str, Any] | None:
        _sweep(stack)
        heads = admin.must("GET", f"/v1/subscriptions/{name}/invoices")["data"]
        return next((head for head in heads if head["status"] == status), None)

    return wait_for(f"an invoice that is {status}", look)


@pytest.fixture(scope="module")
def journey(stack: LocalStack) -> Journey:
    admin = admin_of(stack)
    seller = {"name": "Northwind Telecom Ltd", "address": ["1 Harbour Road", "Boston MA"]}
    admin.must("PATCH", "/v1/site", {"seller": seller})
    _set_up(admin, "journey", {"mode": "manual"})
    usage_client = HttpClient(stack, stack.keys["usage_key"])
    usages = [_usage(LAST_MONTH.replace(day=day), count) for day, count in MINUTES.items()]
    recorded = [usage_client.send("POST", USAGES, usage) for usage in usages]
    repeated = usage_client.send("POST", USAGES, usages[2])
    auto = {"closing": {"mode": "auto", "after_hours": 0}}
    admin.must("PATCH", "/v1/subscriptions/journey", auto)
    head = _swept_invoice(stack, admin, "journey", "issued")
    path = f"/v1/invoices/{head['id']}"

    def document(name: str) -> Reply:
        def link() -> str | None:
            reply = admin.send("GET", f"{path}/{name}")
            return str(reply.json["url"]) if reply.status == 200 else None

        url = urlsplit(wait_for(f"the {name}", link))
        return exchange(url.netloc, "GET", f"{url.path}?{url.query}", None, {})

    pdf, usages_pdf = document("pdf"), document("usages-pdf")
    return Journey(admin, recorded, repeated, admin.must("GET", path), pdf, usages_pdf)


def test_each_usage_counts_once_and_on_time(journey: Journey) -> None:
    assert [reply.status for reply in journey.recorded] == [201] * len(MINUTES)
    assert {reply.json["billing"] for reply in journey.recorded} == {"on_time"}
    assert (journey.repeated.status, journey.repeated.json["replayed"]) == (200, True)
    assert journey.repeated.json["id"] == journey.recorded[2].json["id"]


def test_the_invoice_is_the_founding_example(journey: Journey) -> None:
    invoice = journey.invoice
    lines = [
        (line["kind"], line["quantity"], line["unit"], line["unit_amount"], line["amount"])
        for line in invoice["lines"]
    ]

    assert lines == [
        ("base_fee", None, "minute", None, "10.00"),
        ("usage", "361", "minute", "0.05", "18.05"),
    ]
    assert (invoice["total"], invoice["currency"], invoice["status"]) == ("28.05", "USD", "issued")
    assert invoice["number"].startswith("INV-")
    assert invoice["period"]["start"].startswith(LAST_MONTH.isoformat())
    assert invoice["document"] == "done"


def test_the_usages_behind_the_invoice_are_a_document_of_their_own(journey: Journey) -> None:
    headers = journey.usages.headers
    assert f'filename="usages-{journey.invoice["number"]}.pdf"' in headers["content-disposition"]
    pages = pypdf.PdfReader(io.BytesIO(journey.usages.body)).pages
    text = " ".join(" ".join(page.extract_text() for page in pages).split())
    assert f"Total {len(MINUTES)} usages 361 minute" in text
    assert f"Invoice {journey.invoice['number']}" in text


def test_the_document_is_a_page_that_says_the_same(journey: Journey) -> None:
    pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(journey.pdf.body)).pages]

    assert journey.pdf.status == 200
    assert journey.pdf.headers["content-type"] == "application/pdf"
    assert (
        f'filename="{journey.invoice["number"]}.pdf"' in journey.pdf.headers["content-disposition"]
    )
    [text] = pages
    for words in ("28.05", "361", "minute", "18.05", "10.00", "0.05", journey.invoice["number"]):
        assert words in text
    assert "Northwind Telecom Ltd" in text
    assert "Blue Harbor Café" in text


def test_a_usage_after_the_close_is_late_and_changes_no_invoice(
    stack: LocalStack, journey: Journey
) -> None:
    late = journey.admin.must("POST", USAGES, _usage(LAST_MONTH.replace(day=21), 7))
    this_month = journey.admin.must("POST", USAGES, _usage(TODAY.replace(day=1), 7))
    _sweep(stack)

    assert (late["billing"], late["replayed"]) == ("late", False)
    assert this_month["billing"] == "on_time"
    path = f"/v1/invoices/{journey.invoice['id']}"
    assert journey.admin.must("GET", path) == journey.invoice


def test_a_manual_close_is_made_once_however_often_it_is_asked_for(stack: LocalStack) -> None:
    admin = admin_of(stack)
    _set_up(admin, "by-hand", {"mode": "manual"})
    pending = _swept_invoice(stack, admin, "by-hand", "pending")
    path = f"/v1/invoices/{pending['id']}"
    assert admin.must("GET", path)["total"] == "10.00"

    first = admin.send("POST", f"{path}/close")
    second = admin.send("POST", f"{path}/close")

    assert (first.status, second.status) == (200, 200)
    assert first.json["status"] == "issued"
    same = {name: value for name, value in first.json.items() if name != "document"}
    assert second.json.items() >= same.items()


def test_a_deleted_usage_is_not_billed_and_its_place_can_be_filled_again(
    stack: LocalStack,
) -> None:
    admin = admin_of(stack)
    _set_up(admin, "again", {"mode": "manual"})
    path = "/v1/subscriptions/again/usages"
    usage = _usage(LAST_MONTH, 22) | {"item_price_id": "again-usd"}
    made = admin.must("POST", path, usage)

    deleted = admin.must("DELETE", f"{path}/{made['id']}")
    gone = admin.send("GET", f"{path}/{made['id']}")
    again = admin.send("POST", path, usage | {"quantity": "5"})
    pending = _swept_invoice(stack, admin, "again", "pending")

    assert (deleted["deleted"], gone.status, again.status) == (True, 404, 201)
    assert (again.json["id"], again.json["version"]) == (made["id"], 3)
    [_, billed] = admin.must("POST", f"/v1/invoices/{pending['id']}/close")["lines"]
    assert (billed["quantity"], billed["amount"]) == ("5", "0.25")


def test_nothing_ends_in_a_dead_letter_queue(stack: LocalStack, journey: Journey) -> None:
    # Those of the resources by which queues are given a name: whatever name they have.
    expected = {
        queue.name for queue in Template.load().all("AWS::SQS::Queue") if "DeadLetter" in queue.name
    }
    sqs = stack.aws.sqs()
    waiting = {}
    for url in sqs.list_queues()["QueueUrls"]:
        for name in expected:
            if name in url:
                names: Any = [
                    "ApproximateNumberOfMessages",
                    "ApproximateNumberOfMessagesNotVisible",
                ]
                counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
                waiting[name] = sum(map(int, counts.values()))
    sqs.close()

    assert journey.invoice["status"] == "issued"
    assert waiting == dict.fromkeys(expected, 0)


def test_the_roles_allow_all_that_was_done_and_the_engine_asks_them(
    stack: LocalStack, journey: Journey
) -> None:
    logs = stack.aws.logs()
    groups = [
        group["logGroupName"]
        for group in logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{STACK_NAME}-")[
            "logGroups"
        ]
    ]
    lines = {
        group: [
            event["message"]
            for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group)
            for event in page["events"]
        ]
        for group in groups
    }
    logs.close()
    stranger = boto3.client(
        "dynamodb",
        endpoint_url=stack.engine.endpoint,
        region_name=REGION,
        aws_access_key_id="AKIASTRANGER",
        aws_secret_access_key="stranger",
    )
    with pytest.raises(ClientError, match="UnrecognizedClient"):
        stranger.list_tables()
    stranger.close()

    assert journey.invoice["document"] == "done"
    assert len(groups) == len(Template.load().functions())
    # What asks usage URLs has a journey of its own.
    silent = {group for group, said in lines.items() if not said}
    assert silent <= {"/aws/lambda/postpaid-pull-usage"}, "every function has spoken"
    wrong = ('"level":"error"', "AccessDenied", "Traceback", "Task timed out", "[ERROR]")
    assert [
        line for spoken in lines.values() for line in spoken if any(sign in line for sign in wrong)
    ] == []
