"""The control plane of the native door: everything under `/v1` but usage writes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from postpaid.api.http import Request, Response, bearer_or_basic, find_route, read_request
from postpaid.api.native.desk import Desk
from postpaid.api.native.errors import guarded
from postpaid.api.native.routes import ROUTES, USAGE_WRITES
from postpaid.application.advance_clock import Hands
from postpaid.application.authenticate import authenticate
from postpaid.application.due_terms import Due
from postpaid.application.edit_subscription import Office
from postpaid.application.ports import Unavailable
from postpaid.application.work_due import Worker, work_invoice, work_term
from postpaid.domain.api_key import ApiKey
from postpaid.outbound import documents, queue
from postpaid.runtime.cache import Cache
from postpaid.runtime.clock import monotonic, real_now, site_now
from postpaid.runtime.ids import new_id, new_key_parts, new_run
from postpaid.runtime.log import log, log_failure
from postpaid.runtime.settings import Settings
from postpaid.store import dynamo, keys
from postpaid.store.api_keys import StoredApiKeys
from postpaid.store.books import SiteStores
from postpaid.store.due import StoredDue, due_invoice, due_term
from postpaid.store.sites import clock_name
from postpaid.store.usage import StoredUsageIds

settings = Settings.from_environment()
client = dynamo.connect()
usages = dynamo.DynamoTable(client, settings.usage_table)
billing = dynamo.DynamoTable(client, settings.billing_table)
api_keys = StoredApiKeys(billing, Cache[ApiKey]())
s3 = documents.connect()
sqs = queue.connect()
close_queue = queue.Queue(sqs, settings.close_queue_url)
render_queue = queue.Queue(sqs, settings.render_queue_url)
blocks: dict[str, list[int]] = {}
# The gateway gives up after 30 seconds; one more piece of work must fit.
ADVANCE_SECONDS = 18


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """Serve one HTTP API event."""
    request_id = event["requestContext"].get("requestId", "")
    response = guarded(
        lambda: _serve(read_request(event)),
        request_id=request_id,
        report=lambda error: log_failure("native_api_failed", error, request=request_id),
    )
    log("info", "native_api", request=request_id, status=response.status)
    return response.event()


def _serve(request: Request) -> Response:
    route, ids = find_route(ROUTES, request, elsewhere=USAGE_WRITES)
    key = authenticate(bearer_or_basic(request.headers), route.scope, api_keys=api_keys)
    return route.operation(_desk(key), request, ids)


def _desk(key: ApiKey) -> Desk:
    stores = SiteStores.of(usages, billing, key.scope)
    now = site_now(stores.site)
    store = documents.StoredDocuments(s3, settings.document_bucket, key.scope)

    def hasten(invoice_ids: Sequence[str]) -> None:
        found = [keys.entity(key.scope, "invoice", invoice_id) for invoice_id in invoice_ids]
        try:
            close_queue.send(queue.due_message([Due(*each) for each in found]))
        except Unavailable:
            log("warning", "hasten_failed")  # only speed is lost: the sweep finds what is due

    def ask_for_statement(invoice_id: str, digest: str) -> None:
        render_queue.send(queue.statement_message(key.scope, invoice_id, digest))

    books, ids = stores.books(store, now), stores.ids(blocks)
    return Desk(
        scope=key.scope,
        site=stores.site,
        now=now,
        items=stores.items,
        prices=stores.prices,
        customers=stores.customers,
        subscriptions=stores.subscriptions,
        terms=stores.terms,
        ledger=stores.ledger,
        invoices=stores.invoices,
        lists=stores.lists(now),
        activation=stores.closing(now),
        all_sites=stores.all_sites,
        ring=StoredApiKeys(billing),
        ids=ids,
        books=books,
        office=Office(scope=key.scope, books=books, items=stores.items, ids=ids, now=now),
        credits=stores.credits,
        payments=stores.payments,
        documents=store,
        usage_ids=StoredUsageIds(key.scope),
        new_id=new_id,
        new_run=new_run,
        new_key_parts=new_key_parts,
        hasten=hasten,
        ask_for_statement=ask_for_statement,
        hands=_hands(stores, store),
    )


def _hands(stores: SiteStores, store: documents.StoredDocuments) -> Hands:
    """Return how a test site's clock is moved: by the work that the sweeps' workers do."""
    site = stores.site
    began = monotonic()

    def set_clock(instant: datetime) -> None:
        offset = int((instant - real_now()).total_seconds())
        stores.all_sites.move_clock(site.scope.site, offset)

    def work(due: Due, now: datetime) -> None:
        worker = Worker(
            scope=site.scope,
            books=stores.books(store, now),
            ids=stores.ids(blocks),
            new_run=new_run,
            request_render=lambda _: None,  # the stream asks for it
            now=now,
        )
        term = due_term(due)
        if term is not None:
            work_term(*term, worker=worker)
        else:
            work_invoice(due_invoice(due), worker=worker)

    return Hands(
        due=StoredDue(billing, clock_name(site)),
        set_clock=set_clock,
        work=work,
        is_late=lambda: monotonic() - began > ADVANCE_SECONDS,
    )
