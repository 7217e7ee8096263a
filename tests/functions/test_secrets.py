"""Nothing that a client keeps secret is ever logged, whatever happens, at the chattiest level."""

import base64
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError

from postpaid.api.native.routes import ROUTES, USAGE_WRITES
from postpaid.application.pull_usage import Unanswered
from postpaid.domain.api_key import usage_url_token
from postpaid.domain.asking import Question
from postpaid.domain.usage_url import UsageUrl
from postpaid.store.site_secrets import StoredSiteSecrets
from tests.support.events import sqs_event, stream_event
from tests.support.functions import Functions
from tests.support.shop import USAGE, USAGES, Shop, open_shop
from tests.support.template import Template

pytestmark = pytest.mark.engine

TEMPLATE = Template.load()
EMAIL = "canary@secret-harbor.example"
NOTE = "canary-note-7f3a"
NAME = "Canary Holdings"
TAX_ID = "CANARY-99"
ADDRESS = "1 Canary Wharf"

# A body that every route understands in part, with canaries wherever text may stand.
PARTY = {"name": NAME, "address": [ADDRESS], "email": EMAIL, "tax_id": TAX_ID}
BODIES: dict[str, list[Any]] = {
    "v1/site": [{"seller": PARTY}],
    "v1/api-keys": [{"scopes": ["read"], "label": NAME}],
    "v1/items": [{"id": "canary", "name": NAME, "metered": True}],
    "v1/item-prices": [
        {
            "id": "canary",
            "item_id": "voip",
            "name": NAME,
            "pricing_model": "flat_fee",
            "amount": "1",
        }
    ],
    "v1/customers": [PARTY | {"id": "canary"}, PARTY | {"id": "harbor"}],
    "v1/subscriptions": [{"id": "canary", "customer_id": "harbor", "lines": []}],
    "v1/subscriptions/{}": [{"closing": {"mode": "manual"}}],
    "v1/subscriptions/{}/usages": [
        USAGE | {"note": NOTE, "usage_date": "2026-10-02"},
        USAGE | {"note": NOTE, "quantity": "1"},
    ],
}
WRONG: list[Any] = [{NAME: EMAIL}, {"name": [EMAIL], "note": {"a": NOTE}}, EMAIL.encode(), None]


@pytest.fixture(scope="module")
def functions(sweepable: Functions) -> Functions:
    """Functions with nothing on their tables, as the dispatcher sweeps everything on them."""
    sweepable.reset()
    return sweepable


@pytest.fixture(scope="module")
def shop(functions: Functions) -> Shop:
    shop = open_shop(functions, "secrets")
    shop.must("POST", "/v1/customers", PARTY | {"id": "known"})
    shop.must("POST", USAGES, USAGE | {"note": NOTE})
    shop.must("GET", "/v1/usage-url-token")
    shop.work()
    return shop


@pytest.fixture
def logged(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Callable[[], str]:
    """Return all that was printed or logged so far, by us or by a library."""
    # Ours speaks at debug; of libraries, Lambda passes on what the template lets it.
    caplog.set_level(TEMPLATE.body["Globals"]["Function"]["LoggingConfig"]["ApplicationLogLevel"])
    capfd.readouterr()

    def read() -> str:
        out, err = capfd.readouterr()
        return out + err + caplog.text

    return read


def _canaries(shop: Shop, *keys: str) -> list[str]:
    shown = [shop.admin, *keys]
    parts = [part for key in shown for part in key.split("_")[3:]]
    basic = [base64.b64encode(f"{key}:".encode()).decode() for key in shown]
    own = [EMAIL, NOTE, NAME, TAX_ID, ADDRESS]
    secret = StoredSiteSecrets(shop.functions.billing).get(shop.site.scope.site)
    assert secret is not None
    return [*own, *shown, *parts, *basic, secret, usage_url_token(secret)]


def _assert_clean(text: str, canaries: list[str], *, lines: int) -> None:
    assert text.count("\n") >= lines, "the capture works"
    assert [canary for canary in canaries if canary.lower() in text.lower()] == []


def _routes(shop: Shop) -> Iterator[tuple[str, str, str]]:
    """Yield method, template and a path of every route."""
    invoice = shop.invoices()[0]["id"]
    usage = shop.must("POST", USAGES, USAGE | {"note": NOTE})["id"]
    served = [(route.method, route.template) for route in ROUTES]
    for method, template in (*served, *USAGE_WRITES):
        known = invoice if template.startswith("v1/invoices/") else "calls"
        yield method, template, "/" + template.replace("{}", known, 1).replace("{}", usage)


def test_no_request_leaves_a_secret_in_the_log(shop: Shop, logged: Callable[[], str]) -> None:
    count = 0
    for method, template, path in _routes(shop):
        if method in {"GET", "DELETE"}:
            bodies: list[object] = [None]
        else:
            bodies = [*BODIES.get(template, [{}]), *WRONG]
        if path.endswith("start-afresh"):
            bodies = [{"at": EMAIL}, *WRONG[:3]]  # without a body it would end the shop
        for target in (path, f"{path}?cursor={EMAIL}", path.replace("calls", EMAIL)):
            for body in bodies if target == path else bodies[:1]:
                shop.call(method, target, body)
                count += 1

    assert count > 100
    _assert_clean(logged(), _canaries(shop), lines=count)


def test_no_refused_caller_leaves_a_key_in_the_log(shop: Shop, logged: Callable[[], str]) -> None:
    wrong = shop.admin[:-1] + ("0" if shop.admin[-1] != "0" else "1")
    basic = base64.b64encode(f"{wrong}:".encode()).decode()
    count = 0
    for shown in (f"Bearer {wrong}", f"Basic {basic}", f"Bearer {shop.admin[:-9]}", shop.admin):
        headers = {"authorization": shown, "idempotency-key": NOTE}
        for method, _, path in _routes(shop):
            assert shop.call(method, path, PARTY, key=None, headers=headers).status == 401
            count += 1

    _assert_clean(logged(), _canaries(shop, wrong, shop.admin[:-9]), lines=count)


@pytest.mark.parametrize(
    "fault",
    [
        RuntimeError(f"{EMAIL} {NAME}"),
        ClientError({"Error": {"Code": "ValidationException", "Message": EMAIL}}, NAME),
        ClientError({"Error": {"Code": "ThrottlingException", "Message": EMAIL}}, NAME),
        KeyError(EMAIL),
        AssertionError(NAME),
    ],
    ids=["a bug", "a refusal", "throttling", "a missing key", "an assertion"],
)
def test_no_failure_leaves_a_secret_in_the_log(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, logged: Callable[[], str], fault: Exception
) -> None:
    shop.call("GET", "/v1/site")  # the key is kept, so that the failure comes later

    def fail(**_: object) -> None:
        raise fault

    statuses: list[int] = []
    with monkeypatch.context() as patch:
        for name in ("RecordUsageFunction", "NativeApiFunction"):
            client: Any = shop.functions.client_of(name)
            for verb in ("put_item", "update_item", "query", "transact_write_items"):
                patch.setattr(client, verb, fail)
        for method, target, body in (
            ("POST", USAGES, USAGE | {"note": NOTE, "usage_date": "2026-10-09"}),
            ("POST", "/v1/customers", PARTY | {"id": "failing"}),
            ("PATCH", "/v1/site", {"seller": PARTY}),
            ("GET", USAGES, None),
            ("GET", "/v1/customers", None),
        ):
            answer = shop.call(method, target, body)
            statuses.append(answer.status)
            assert EMAIL not in answer.text
            assert NAME not in answer.text

    assert set(statuses) <= {500, 503}
    _assert_clean(logged(), _canaries(shop), lines=len(statuses))


def test_no_background_work_leaves_a_secret_in_the_log(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, logged: Callable[[], str]
) -> None:
    functions = shop.functions
    pending = shop.invoices()[0]["id"]
    shop.must("POST", f"/v1/invoices/{pending}/close")
    render = json.dumps({"site": "secrets", "generation": 1, "invoice_id": pending})
    poison = [EMAIL, json.dumps({"due": [EMAIL]}), json.dumps({NAME: EMAIL})]

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(EMAIL, NAME)

    functions.invoke("CloseDispatcherFunction", {})
    functions.invoke("CloseWorkerFunction", sqs_event(poison))
    functions.invoke("RenderInvoiceFunction", sqs_event([*poison, render]))
    functions.invoke("RelayFunction", stream_event(("MODIFY", {}, {"note": {"S": NOTE}})))
    with monkeypatch.context() as patch:
        worker: Any = functions.modules["CloseWorkerFunction"].client
        renderer: Any = functions.modules["RenderInvoiceFunction"].billing._client
        patch.setattr(worker, "get_item", fail)
        patch.setattr(renderer, "get_item", fail)
        due = {"due": [["secrets~1#subscription#calls", "TERM#2026-09-01T04:00:00Z"]]}
        functions.invoke("CloseWorkerFunction", sqs_event([json.dumps(due)]))
        functions.invoke("RenderInvoiceFunction", sqs_event([render]))

    text = logged()

    assert '"event":"work_failed","error":"RuntimeError"' in text.replace('level":"error",', "")
    _assert_clean(text, _canaries(shop), lines=8)


@pytest.mark.parametrize("fault", [None, Unanswered, RuntimeError, AssertionError])
def test_no_question_leaves_its_token_or_its_url_in_the_log(
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
    logged: Callable[[], str],
    fault: type[Exception] | None,
) -> None:
    functions = shop.functions
    name = f"asked-{getattr(fault, '__name__', 'well').lower()}"
    url = f"https://usage.example.com/{NOTE}"
    line = {"item_price_id": "voip-usd", "usage_url": url}
    body = {"id": name, "customer_id": "harbor", "start": "2026-09-01", "lines": [line]}
    functions.messages("PullQueue")
    shop.must("POST", "/v1/subscriptions", body | {"closing": {"mode": "auto", "after_hours": 0}})
    shop.work(name)
    [message] = functions.messages("PullQueue")
    tokens: list[str | None] = []

    class Urls:
        def ask(self, asked: UsageUrl, question: Question) -> Decimal:
            tokens.append(question.security_token)
            if fault is not None:
                raise fault(question, asked.text, question.security_token)
            return Decimal(361)

    with monkeypatch.context() as patch:
        patch.setattr(functions.modules["PullUsageFunction"], "usage_urls", Urls())
        answer = functions.invoke("PullUsageFunction", sqs_event([message]))
    for report in functions.messages("CloseQueue"):
        if fault is not Unanswered:  # its text is the reason, which its owner is to read
            functions.invoke("CloseWorkerFunction", sqs_event([report]))

    [token] = tokens
    assert token in _canaries(shop)
    assert bool(answer["batchItemFailures"]) == (fault in {RuntimeError, AssertionError})
    _assert_clean(logged(), _canaries(shop), lines=1)
