"""From the close queue: one message names up to ten terms and invoices that are due."""

from typing import Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from postpaid.application.due_terms import Due
from postpaid.application.ports import Unavailable
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
processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
blocks: dict[str, list[int]] = {}


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Work through a batch; only the messages that failed come back (partial batch response)."""
    answer = process_partial_response(event, _work_message, processor, context)
    failed = len(answer["batchItemFailures"])
    log("info", "worked", messages=len(event["Records"]), failed=failed)
    return dict(answer)


def _work_message(record: SQSRecord) -> None:
    # Every part is tried, so that one bad customer holds up no other in its message.
    results = [_work(due) for due in queue.due_from_message(record.body)]
    if not all(results):
        raise Unavailable("part of a message was not worked")


def _work(due: Due) -> bool:
    try:
        worker = _worker(due)
        term = due_term(due)
        if term is not None:
            work_term(*term, worker=worker)
        else:
            work_invoice(due_invoice(due), worker=worker)
    except Exception as error:  # noqa: BLE001 - one customer must not fail the others; it is logged
        log_failure("work_failed", error, pk=due.pk, sk=due.sk)
        return False
    return True


def _worker(due: Due) -> Worker:
    scope = due_scope(due)
    stores = SiteStores.of(usages, billing, scope)
    now = site_now(stores.site)
    store = documents.StoredDocuments(s3, settings.document_bucket, scope)
    return Worker(
        scope=scope,
        books=stores.books(store, now),
        ids=stores.ids(blocks),
        new_run=new_run,
        request_render=lambda invoice: render_queue.send(queue.render_message(scope, invoice.id)),
        now=now,
    )
