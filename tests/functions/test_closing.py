"""The scheduled road: dispatcher, worker, relay and renderer, with the queues between them."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from postpaid.application.close_invoice import TAKEOVER_AFTER
from postpaid.store.sites import StoredSites
from postpaid_cli.aws import LocalAws
from tests.support.events import sqs_event, stream_event
from tests.support.functions import Functions, functions_on
from tests.support.shop import CALLS, CLOCK, CUSTOMER, NEW_YORK, USAGE, Shop, bare_shop

pytestmark = pytest.mark.engine

DISPATCHER = "CloseDispatcherFunction"
WORKER = "CloseWorkerFunction"
RELAY = "RelayFunction"
RENDERER = "RenderInvoiceFunction"
PRICE = {"id": "voip-usd", "item_id": "voip", "pricing_model": "per_unit", "unit_amount": "0.05"}
METERED = {
    "id": "metered",
    "customer_id": "harbor",
    "timezone": NEW_YORK,
    "start": "2026-09-01",
    "lines": [{"item_price_id": "voip-usd"}],
    "closing": {"mode": "auto", "after_hours": 0},
}
MANUAL = METERED | {"id": "manual", "closing": {"mode": "manual"}}


@pytest.fixture(scope="module")
def imported(aws: LocalAws) -> Iterator[Functions]:
    """Functions on tables of their own."""
    with functions_on(aws) as imported:
        yield imported


@pytest.fixture
def functions(imported: Functions) -> Functions:
    """Functions with nothing on their tables: a sweep finds all that is due on them."""
    imported.reset()
    return imported


@pytest.fixture
def shop(functions: Functions) -> Shop:
    """A shop with one metered subscription, whose first month is over and due."""
    shop = bare_shop(functions, "closing")
    shop.must("POST", "/v1/items", CALLS)
    shop.must("POST", "/v1/item-prices", PRICE | {"base_fee": "10.00"})
    shop.must("POST", "/v1/customers", CUSTOMER)
    shop.must("POST", "/v1/subscriptions", METERED)
    return shop


def _drain(functions: Functions) -> None:
    """Have everything done that was asked for, and forget it."""
    for queue, function in (("CloseQueue", WORKER), ("RenderQueue", RENDERER)):
        if messages := functions.messages(queue):
            assert functions.invoke(function, sqs_event(messages)) == {"batchItemFailures": []}


def _due(message: str) -> list[list[str]]:
    return list(json.loads(message)["due"])


def _failed(event: dict[str, Any], answer: dict[str, Any]) -> list[str]:
    """Return the bodies of the messages that a function gave back."""
    bodies = {record["messageId"]: record["body"] for record in event["Records"]}
    return [bodies[failure["itemIdentifier"]] for failure in answer["batchItemFailures"]]


def _set_clock(shop: Shop, clock: datetime) -> None:
    sites = StoredSites(shop.functions.billing)
    site = sites.get(shop.site.scope.site)
    assert site is not None
    ahead = int((clock - datetime.now(UTC)).total_seconds())
    sites.replace(replace(site, clock_offset_seconds=ahead), over=site)


def _term_message(shop: Shop, subscription_id: str) -> str:
    pk = f"{shop.site.scope.site}~1#subscription#{subscription_id}"
    return json.dumps({"due": [[pk, "TERM#2026-09-01T04:00:00Z"]]})


def _invoice_item(shop: Shop, invoice_id: str) -> dict[str, Any]:
    pk = f"{shop.site.scope.site}~1#invoice#{invoice_id}"
    [item] = [each for each in shop.functions.billing_items() if each["pk"]["S"] == pk]
    return item


def _documents(functions: Functions) -> dict[str, bytes]:
    names = functions.s3.list_objects_v2(Bucket=functions.bucket).get("Contents", [])
    return {
        each["Key"]: functions.s3.get_object(Bucket=functions.bucket, Key=each["Key"])[
            "Body"
        ].read()
        for each in names
    }


def test_the_whole_road_bills_the_founding_example_once(shop: Shop) -> None:
    functions = shop.functions
    path = "/v1/subscriptions/metered/usages"
    shop.must("POST", path, USAGE | {"usage_date": "2026-09-15", "quantity": "22"})
    shop.must("POST", path, USAGE | {"usage_date": "2026-09-16", "quantity": "339"})

    shop.must("POST", "/v1/subscriptions", MANUAL)

    for _ in range(2):  # a sweep may come as often as it likes
        functions.invoke(DISPATCHER, {})
        _drain(functions)

    [head] = shop.invoices("metered")
    invoice = shop.must("GET", f"/v1/invoices/{head['id']}")
    assert [line["amount"] for line in invoice["lines"]] == ["10.00", "18.05"]
    assert (invoice["total"], invoice["status"], invoice["document"]) == (
        "28.05",
        "issued",
        "done",
    )
    # The manual subscription waits, and soon nothing is due any more.
    assert [each["status"] for each in shop.invoices("manual")] == ["pending"]
    _set_clock(shop, CLOCK + TAKEOVER_AFTER + timedelta(minutes=1))
    functions.invoke(DISPATCHER, {})
    _drain(functions)
    assert functions.invoke(DISPATCHER, {}) == {"due": 0}


def test_the_dispatcher_sends_what_is_due_and_only_that(shop: Shop) -> None:
    functions = shop.functions
    later = METERED | {"id": "later", "start": "2026-10-10"}
    shop.must("POST", "/v1/subscriptions", later)

    answer = functions.invoke(DISPATCHER, {})

    sent = [due for message in functions.messages("CloseQueue") for due in _due(message)]
    terms = [pk for pk, sk in sent if sk.startswith("TERM#")]
    assert terms.count("closing~1#subscription#metered") == 1
    assert "closing~1#subscription#later" not in terms
    assert answer == {"due": len(sent)}


def test_the_dispatcher_changes_nothing_of_what_is_due(shop: Shop) -> None:
    functions = shop.functions

    first = functions.invoke(DISPATCHER, {})
    messages = [sorted(_due(message)) for message in functions.messages("CloseQueue")]
    second = functions.invoke(DISPATCHER, {"look_back_hours": 5})

    assert first == second
    assert [sorted(_due(message)) for message in functions.messages("CloseQueue")] == messages


def test_the_dispatcher_sweeps_every_clock(functions: Functions) -> None:
    # One site is a year ahead of the other, and a live one has the real time.
    early = bare_shop(functions, "early", datetime(2025, 10, 20, tzinfo=UTC))
    late = bare_shop(functions, "late", CLOCK)
    live = bare_shop(functions, "live", clock=None)
    today = datetime.now(UTC).date()
    long_ago = str(today - timedelta(days=40))
    for shop, start in ((early, "2025-09-01"), (late, "2026-09-01"), (live, long_ago)):
        shop.must("POST", "/v1/items", CALLS)
        shop.must("POST", "/v1/item-prices", PRICE)
        shop.must("POST", "/v1/customers", CUSTOMER)
        shop.must("POST", "/v1/subscriptions", METERED | {"start": start})

    functions.invoke(DISPATCHER, {})

    sent = [due for message in functions.messages("CloseQueue") for due in _due(message)]
    assert sorted(pk for pk, _ in sent) == [
        "early~1#subscription#metered",
        "late~1#subscription#metered",
        "live~1#subscription#metered",
    ]


def test_no_site_is_nothing_to_sweep(functions: Functions) -> None:
    assert functions.invoke(DISPATCHER, {}) == {"due": 0}
    assert functions.messages("CloseQueue") == []


@pytest.mark.parametrize(
    "poison",
    [
        "not JSON",
        "{}",
        '{"due": [["x", "y", "z"]]}',
        '{"due": [["no-such-site~1#subscription#s", "TERM#2026-09-01T04:00:00Z"]]}',
        '{"due": [["closing~1#subscription#metered", "TERM#yesterday"]]}',
        '{"due": [["~~~", "META"]]}',
    ],
)
def test_one_poisoned_message_comes_back_alone(shop: Shop, poison: str) -> None:
    good = _term_message(shop, "metered")
    event = sqs_event([poison, good])

    answer = shop.functions.invoke(WORKER, event)

    assert _failed(event, answer) == [poison]
    # No usage and a base fee: issued.
    assert [each["status"] for each in shop.invoices("metered")] == ["issued"]


def test_one_bad_customer_holds_up_no_other_in_a_message(shop: Shop) -> None:
    [good] = _due(_term_message(shop, "metered"))
    bad = ["no-such-site~1#subscription#s", "TERM#2026-09-01T04:00:00Z"]
    event = sqs_event([json.dumps({"due": [bad, good]})])

    answer = shop.functions.invoke(WORKER, event)

    assert _failed(event, answer) == [record["body"] for record in event["Records"]]
    assert [each["status"] for each in shop.invoices("metered")] == ["issued"]


def test_a_message_that_comes_many_times_closes_once(shop: Shop) -> None:
    message = _term_message(shop, "metered")

    first = shop.functions.invoke(WORKER, sqs_event([message] * 3))
    head = shop.invoices("metered")
    second = shop.functions.invoke(WORKER, sqs_event([message, message]))

    assert first == second == {"batchItemFailures": []}
    assert shop.invoices("metered") == head
    assert head[0]["number"] == "INV-000001"
    assert len([key for key in _documents(shop.functions) if head[0]["id"] in key]) == 1


def test_what_is_not_due_yet_is_left_alone(shop: Shop) -> None:
    shop.must("POST", "/v1/subscriptions", METERED | {"id": "later", "start": "2026-10-10"})
    before = shop.functions.written()
    key = ["closing~1#subscription#later", "TERM#2026-10-10T04:00:00Z"]
    unknown = [["closing~1#subscription#nobody", key[1]], ["closing~1#invoice#nobody", "META"]]

    answer = shop.functions.invoke(WORKER, sqs_event([json.dumps({"due": [key, *unknown]})]))

    assert answer == {"batchItemFailures": []}
    assert shop.functions.written() == before
    assert shop.invoices("later") == []


def test_a_close_that_died_is_taken_over_by_a_later_sweep(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    functions = shop.functions
    s3: Any = functions.modules[WORKER].s3

    def put_object(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://s3")

    event = sqs_event([_term_message(shop, "metered")])
    with monkeypatch.context() as patch:
        patch.setattr(s3, "put_object", put_object)
        assert len(_failed(event, functions.invoke(WORKER, event))) == 1
    assert [each["status"] for each in shop.invoices("metered")] == ["pending"]

    _set_clock(shop, CLOCK + TAKEOVER_AFTER + timedelta(minutes=1))
    functions.invoke(DISPATCHER, {})
    _drain(functions)

    assert [each["status"] for each in shop.invoices("metered")] == ["issued"]


def test_a_render_that_was_never_asked_for_is_found_by_the_sweep(shop: Shop) -> None:
    functions = shop.functions
    functions.invoke(WORKER, sqs_event([_term_message(shop, "metered")]))
    [head] = shop.invoices("metered")
    functions.messages("RenderQueue")  # lost

    _set_clock(shop, CLOCK + TAKEOVER_AFTER + timedelta(minutes=1))
    functions.invoke(DISPATCHER, {})
    _drain(functions)

    assert shop.must("GET", f"/v1/invoices/{head['id']}")["document"] == "done"


def test_the_relay_passes_on_invoices_that_wait_for_their_document(shop: Shop) -> None:
    functions = shop.functions
    functions.invoke(WORKER, sqs_event([_term_message(shop, "metered")]))
    [asked] = functions.messages("RenderQueue")
    [head] = shop.invoices("metered")
    item = _invoice_item(shop, head["id"])
    keys = {name: item[name] for name in ("pk", "sk")}
    others = [each for each in functions.billing_items() if "r" not in each]
    assert len(others) > 10

    functions.invoke(
        RELAY,
        stream_event(
            *(("INSERT", {name: each[name] for name in keys}, each) for each in others),
            ("MODIFY", keys, item | {"r": {"S": "DONE"}}),
            ("MODIFY", keys, item | {"r": {"S": "FAILED"}}),
            ("MODIFY", keys, item | {"r": {"N": "1"}}),
            ("REMOVE", keys, None),
            ("MODIFY", keys, item),
        ),
    )

    # The same message as the worker's own: whichever comes first makes the document.
    assert functions.messages("RenderQueue") == [asked]
    assert json.loads(asked) == {"site": "closing", "generation": 1, "invoice_id": head["id"]}


def test_the_relay_finds_the_site_of_an_id_with_separators(shop: Shop) -> None:
    odd = METERED | {"id": "a#b~c%"}
    shop.must("POST", "/v1/subscriptions", odd)
    pk = "closing~1#subscription#a%23b%7Ec%25"
    due = json.dumps({"due": [[pk, "TERM#2026-09-01T04:00:00Z"]]})
    shop.functions.invoke(WORKER, sqs_event([due]))
    [asked] = shop.functions.messages("RenderQueue")
    item = _invoice_item(shop, json.loads(asked)["invoice_id"])

    shop.functions.invoke(RELAY, stream_event(("MODIFY", {}, item)))

    assert shop.functions.messages("RenderQueue") == [asked]


def test_rendering_twice_makes_the_same_bytes_and_stores_them_once(shop: Shop) -> None:
    functions = shop.functions
    functions.invoke(WORKER, sqs_event([_term_message(shop, "metered")]))
    [asked] = functions.messages("RenderQueue")
    [head] = shop.invoices("metered")

    functions.invoke(RENDERER, sqs_event([asked]))
    first = _invoice_item(shop, head["id"])
    functions.invoke(RENDERER, sqs_event([asked, asked]))
    assert _invoice_item(shop, head["id"]) == first

    # As if the note of it had been lost.
    functions.dynamodb.put_item(
        TableName=functions.billing._name,
        Item={k: v for k, v in first.items() if k != "pdf_hash"} | {"r": {"S": "PENDING"}},
    )
    functions.invoke(RENDERER, sqs_event([asked]))

    assert _invoice_item(shop, head["id"]) == first
    pdfs = {k: v for k, v in _documents(functions).items() if head["id"] in k and k.endswith("pdf")}
    [(key, body)] = pdfs.items()
    assert key.endswith(f"{first['pdf_hash']['S']}.pdf")
    assert hashlib.sha256(body).hexdigest() == first["pdf_hash"]["S"]
    assert body.startswith(b"%PDF")
    versions = functions.s3.list_object_versions(Bucket=functions.bucket, Prefix=key)["Versions"]
    assert len(versions) == 1


@pytest.mark.parametrize(
    "poison",
    [
        "not JSON",
        "{}",
        '{"site": "closing", "generation": 1, "invoice_id": "inv_nobody"}',
        '{"site": "nobody", "generation": 1, "invoice_id": "inv_nobody"}',
    ],
)
def test_one_poisoned_render_comes_back_alone(shop: Shop, poison: str) -> None:
    functions = shop.functions
    functions.invoke(WORKER, sqs_event([_term_message(shop, "metered")]))
    [asked] = functions.messages("RenderQueue")
    event = sqs_event([poison, asked])

    answer = functions.invoke(RENDERER, event)

    assert _failed(event, answer) == [poison]
    assert shop.invoices("metered")[0]["document"] == "done"


def test_an_invoice_that_is_not_issued_is_not_rendered(shop: Shop) -> None:
    shop.must("POST", "/v1/subscriptions", MANUAL)
    shop.work("manual")
    [pending] = shop.invoices("manual")
    assert pending["status"] == "pending"
    message = {"site": "closing", "generation": 1, "invoice_id": pending["id"]}
    before = _documents(shop.functions)

    answer = shop.functions.invoke(RENDERER, sqs_event([json.dumps(message)]))

    assert answer == {"batchItemFailures": []}
    assert shop.must("GET", f"/v1/invoices/{pending['id']}")["document"] is None
    assert _documents(shop.functions) == before


def test_a_term_without_usage_or_fee_is_skipped_without_a_number(shop: Shop) -> None:
    shop.must("POST", "/v1/item-prices", PRICE | {"id": "free"})
    lines = [{"item_price_id": "free"}]
    shop.must("POST", "/v1/subscriptions", METERED | {"id": "idle", "lines": lines})

    answer = shop.functions.invoke(WORKER, sqs_event([_term_message(shop, "idle")]))

    assert answer == {"batchItemFailures": []}
    [head] = shop.invoices("idle")
    assert (head["status"], head["number"], head["document"]) == ("skipped", None, None)
    assert shop.functions.messages("RenderQueue") == []
    pdf = shop.call("GET", f"/v1/invoices/{head['id']}/pdf")
    assert pdf.code == "pdf_not_ready"


def test_numbers_have_no_gap_however_closes_fail_in_between(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    functions = shop.functions
    names = [f"s{n}" for n in range(5)]
    for name in names:
        shop.must("POST", "/v1/subscriptions", METERED | {"id": name})
    client: Any = functions.modules[WORKER].client
    real, counted = client.transact_write_items, iter(range(100))

    def transact_write_items(**request: Any) -> Any:
        answer = real(**request)
        if next(counted) % 3 == 2:
            raise EndpointConnectionError(endpoint_url="https://dynamodb")  # its answer is lost
        return answer

    event = sqs_event([_term_message(shop, name) for name in names])
    with monkeypatch.context() as patch:
        patch.setattr(client, "transact_write_items", transact_write_items)
        assert _failed(event, functions.invoke(WORKER, event))
    _set_clock(shop, CLOCK + TAKEOVER_AFTER + timedelta(minutes=1))
    functions.invoke(DISPATCHER, {})
    _drain(functions)

    numbers = [
        each["number"] for each in shop.must("GET", "/v1/invoices")["data"] if each["number"]
    ]
    assert sorted(numbers) == [f"INV-{n:06d}" for n in range(1, 7)]


def test_a_usage_after_the_close_is_late_and_leaves_the_invoice_alone(shop: Shop) -> None:
    functions = shop.functions
    functions.invoke(WORKER, sqs_event([_term_message(shop, "metered")]))
    [head] = shop.invoices("metered")
    invoice = shop.must("GET", f"/v1/invoices/{head['id']}")
    path = "/v1/subscriptions/metered/usages"

    late = shop.must("POST", path, USAGE | {"usage_date": "2026-09-15"})
    functions.invoke(WORKER, sqs_event([_term_message(shop, "metered")]))

    assert late["billing"] == "late"
    assert shop.must("GET", f"/v1/invoices/{head['id']}") == invoice
