"""The document of the usages behind an invoice, from the request to the link."""

import hashlib
import io
import json
from typing import Any

import pypdf
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from postpaid.domain import usage_statement
from postpaid.outbound.documents import StoredDocuments
from tests.support.events import sqs_event
from tests.support.functions import Functions
from tests.support.refusals import check_refusal
from tests.support.shop import USAGE, USAGES, Shop, bare_shop, open_shop

pytestmark = pytest.mark.engine

CONTROL, RENDERER = "NativeApiFunction", "RenderInvoiceFunction"
DONE: dict[str, list[Any]] = {"batchItemFailures": []}


@pytest.fixture
def functions(sweepable: Functions) -> Functions:
    sweepable.reset()
    return sweepable


@pytest.fixture
def shop(functions: Functions) -> Shop:
    """A shop whose September has two calls and a text, and is over."""
    shop = open_shop(functions, "usages")
    shop.must("POST", USAGES, USAGE | {"usage_date": "2026-09-15", "external_id": "cdr-7"})
    shop.must("POST", USAGES, USAGE | {"usage_date": "2026-09-16T10:30:00-04:00", "quantity": "3"})
    text = {"item_price_id": "sms-usd", "id": "msg-1", "usage_date": "2026-09-20", "quantity": "1"}
    shop.must("POST", USAGES, text)
    shop.work()
    return shop


@pytest.fixture
def path(shop: Shop) -> str:
    """The path of September's invoice, which is pending."""
    return f"/v1/invoices/{shop.invoices()[0]['id']}"


def _ask(shop: Shop, path: str) -> str:
    """Ask for the document, which is not there; return the message that asks for it."""
    shop.functions.messages("RenderQueue")
    answer = shop.call("GET", f"{path}/usages-pdf")
    check_refusal(answer, status=409, code="pdf_not_ready", said=None, secrets=[])
    assert answer.headers["retry-after"] == "1"
    [message] = shop.functions.messages("RenderQueue")
    return message


def _made(shop: Shop, path: str) -> str:
    """Have the document made; return its link."""
    event = sqs_event([_ask(shop, path)])
    assert shop.functions.invoke(RENDERER, event) == DONE
    return _link(shop, path)


def _link(shop: Shop, path: str) -> str:
    link = shop.must("GET", f"{path}/usages-pdf")
    assert (link["media_type"], link["expires_in_seconds"]) == ("application/pdf", 300)
    return str(link["url"])


def _text(functions: Functions, url: str) -> str:
    key = url.partition("?")[0].partition(f"/{functions.bucket}/")[2]
    body = functions.s3.get_object(Bucket=functions.bucket, Key=key)["Body"].read()
    pages = pypdf.PdfReader(io.BytesIO(body)).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


def test_the_usages_of_an_invoice_are_fetched_by_a_link(shop: Shop, path: str) -> None:
    number = shop.must("POST", f"{path}/close")["number"]

    url = _made(shop, path)

    assert "X-Amz-Expires=300" in url
    assert f"attachment%3B%20filename%3D%22usages-{number}.pdf%22" in url
    said = _text(shop.functions, url)
    for each in (
        *("Usage", f"Invoice {number}", "America/New_York", "calls", "Blue Harbor"),
        *("Sep 15, 2026 00:00 cdr-7 22 minute", "Sep 16, 2026 10:30", "3 minute"),
        *("Sep 20, 2026 00:00 msg-1 1 text", "Total 2 usages 25 minute", "Total 1 usage 1 text"),
    ):
        assert each in said
    assert "X-Amz-Signature" in url
    assert shop.admin not in url


def test_a_document_that_is_there_is_not_asked_for_again(shop: Shop, path: str) -> None:
    url = _made(shop, path)
    before = shop.functions.written()

    again = _link(shop, path)

    assert again.partition("?")[0] == url.partition("?")[0]
    assert shop.functions.written() == before
    assert shop.functions.messages("RenderQueue") == []


def test_the_document_of_a_pending_invoice_has_the_usages_of_now(shop: Shop, path: str) -> None:
    first = _made(shop, path)
    assert "Draft invoice" in _text(shop.functions, first)
    assert f"usages-{path.rpartition('/')[2]}.pdf" in first

    shop.must("POST", USAGES, USAGE | {"usage_date": "2026-09-17", "quantity": "5"})
    second = _made(shop, path)

    assert "Total 3 usages 30 minute" in _text(shop.functions, second)
    assert "Total 2 usages 25 minute" in _text(shop.functions, first)


def test_a_note_is_nobody_elses_business(shop: Shop, path: str) -> None:
    shop.must("POST", USAGES, USAGE | {"usage_date": "2026-09-18", "note": "rude customer"})

    message = _ask(shop, path)

    for each in shop.functions.s3.list_objects_v2(Bucket=shop.functions.bucket)["Contents"]:
        body = shop.functions.s3.get_object(Bucket=shop.functions.bucket, Key=each["Key"])["Body"]
        assert b"rude" not in body.read()
    assert "rude" not in message


def test_rendering_again_makes_the_same_bytes_and_stores_them_once(shop: Shop, path: str) -> None:
    functions = shop.functions
    message = _ask(shop, path)
    statement = json.loads(message)["statement"]
    prefix = f"usages/1/invoices/{statement['invoice_id']}/usages/{statement['hash']}"

    assert functions.invoke(RENDERER, sqs_event([message, message])) == DONE
    stored = functions.s3.get_object(Bucket=functions.bucket, Key=f"{prefix}.pdf")["Body"].read()
    functions.s3.delete_object(Bucket=functions.bucket, Key=f"{prefix}.pdf")
    assert functions.invoke(RENDERER, sqs_event([message])) == DONE

    again = functions.s3.get_object(Bucket=functions.bucket, Key=f"{prefix}.pdf")["Body"].read()
    assert again == stored
    versions = functions.s3.list_object_versions(Bucket=functions.bucket, Prefix=prefix)
    assert [each["Key"][-4:] for each in versions["Versions"]].count(".pdf") == 2
    body = functions.s3.get_object(Bucket=functions.bucket, Key=f"{prefix}.json")["Body"].read()
    assert hashlib.sha256(body).hexdigest() == statement["hash"]


@pytest.mark.parametrize(
    "poison",
    [
        '{"site": "usages", "generation": 1, "statement": {}}',
        '{"site": "usages", "generation": 1, "statement": "x"}',
        '{"site": "usages", "generation": 1, "statement": {"invoice_id": "inv_x", "hash": "0"}}',
        '{"site": "nobody", "generation": 1, "statement": {"invoice_id": "inv_x", "hash": "0"}}',
        '{"statement": {"invoice_id": "inv_x", "hash": "0"}}',
    ],
)
def test_one_poisoned_statement_comes_back_alone(shop: Shop, path: str, poison: str) -> None:
    event = sqs_event([poison, _ask(shop, path)])

    answer = shop.functions.invoke(RENDERER, event)

    [failed] = answer["batchItemFailures"]
    bodies = {record["messageId"]: record["body"] for record in event["Records"]}
    assert bodies[failed["itemIdentifier"]] == poison
    assert _link(shop, path)


@pytest.mark.parametrize("status", [403, 404])
def test_s3_may_say_in_two_ways_that_nothing_is_there(
    shop: Shop, path: str, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    _made(shop, path)
    told: Any = {"Error": {"Code": str(status)}, "ResponseMetadata": {"HTTPStatusCode": status}}

    def head_object(**_: object) -> None:
        raise ClientError(told, "HeadObject")

    monkeypatch.setattr(shop.functions.client_of(CONTROL, "s3"), "head_object", head_object)

    _ask(shop, path)


@pytest.mark.parametrize(
    ("client", "verb"), [("s3", "head_object"), ("s3", "put_object"), ("sqs", "send_message")]
)
def test_what_does_not_answer_is_tried_again(
    shop: Shop, path: str, monkeypatch: pytest.MonkeyPatch, client: str, verb: str
) -> None:
    def fail(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://aws")

    with monkeypatch.context() as patch:
        patch.setattr(shop.functions.client_of(CONTROL, client), verb, fail)
        answer = shop.call("GET", f"{path}/usages-pdf")

    check_refusal(answer, status=503, code="temporarily_unavailable", said=None, secrets=[])
    assert _made(shop, path)


def test_more_usages_than_a_statement_lists_are_refused(
    shop: Shop, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage_statement, "USAGES_MAX", 2)

    answer = shop.call("GET", f"{path}/usages-pdf")

    check_refusal(answer, status=422, code="limit_exceeded", said=None, secrets=[])


@pytest.mark.parametrize(("inline", "said"), [(True, "inline"), (False, "attachment")])
def test_a_link_says_whether_to_show_or_to_keep_the_document(
    functions: Functions, inline: bool, said: str
) -> None:
    shop = bare_shop(functions, "links")
    documents = StoredDocuments(functions.s3, functions.bucket, shop.site.scope)
    invoice: Any = _Head()

    links = (
        documents.pdf_link(invoice, inline=inline),
        documents.statement_pdf_link(invoice, "0" * 64, inline=inline),
    )

    for link, name in zip(links, ("INV-000361", "usages-INV-000361"), strict=True):
        assert f"response-content-disposition={said}%3B%20filename%3D%22{name}.pdf%22" in link
        assert "response-content-type=application%2Fpdf" in link


class _Head:
    """What a link needs of an invoice."""

    id = "inv_1"
    serial_text = "INV-000361"
    pdf_hash = "1" * 64
