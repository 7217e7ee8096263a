"""From the close queue: one message names up to ten terms and invoices that are due."""

from typing import Any

from postpaid.application.due_terms import Due
from postpaid.application.work_due import Worker, work_invoice, work_term
from postpaid.outbound import documents, queue
from postpaid.runtime.clock import site_now
from postpaid.runtime.ids import new_run
from postpaid.runtime.log import log, log_failure
from postpaid.runtime.settings import Settings
from postpaid.store import dynamo
from postpaid.store.books import SiteStores
from postpaid.store.due import due_invoice, due_scope, due_term

settings = Settings.from_environment()
client = dynamo.connect()
usages = dynamo.DynamoTable(client, settings.usage_table)
billing = dynamo.DynamoTable(client, settings.billing_table)
s3 = documents.connect()
render_queue = queue.Queue(queue.connect(), settings.render_queue_url)
blocks: dict[str, list[int]] = {}


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """Work through a batch; only the messages that failed come back (partial batch response)."""
    failed = []
    for record in event["Records"]:
        due = queue.due_from_message(record["body"])
        # Every part is tried, so that one bad customer holds up no other in its message.
        results = [_work(each) for each in due]
        if not all(results):
            failed.append({"itemIdentifier": record["messageId"]})
    log("info", "worked", messages=len(event["Records"]), failed=len(failed))
    return {"batchItemFailures": failed}


def _work(due: Due) -> bool:
    try:
        worker = _worker(due)
        term = due_term(due)
        if term is not None:
            work_term(*term, worker=worker)
        else:
            work_invoice(due_invoice(due), worker=worker)
    except Exception as error:  # noqa: BLE001 - one message must not fail the others; it is logged
        log_failure("work_failed", error, pk=due.pk, sk=due.sk)
        return False
    return True


def _worker(due: Due) -> Worker:
    scope = due_scope(due)
    stores = SiteStores.of(usages, billing, scope)
    now = site_now(stores.sites.get())
    store = documents.StoredDocuments(s3, settings.document_bucket, scope)
    return Worker(
        scope=scope,
        books=stores.books(store, now),
        ids=stores.ids(blocks),
        new_run=new_run,
        request_render=lambda invoice: render_queue.send(queue.render_message(scope, invoice.id)),
        now=now,
    )
