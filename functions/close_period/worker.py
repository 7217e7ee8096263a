"""From the close queue: one message names up to ten terms and invoices that are due."""

from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from postpaid.application.audit_subscription import Audited, audit_subscription
from postpaid.application.due_terms import Due
from postpaid.application.ports import Unavailable
from postpaid.application.reconcile_term import Reconciled
from postpaid.application.work_due import (
    Worker,
    work_invoice,
    work_late,
    work_pulled,
    work_term,
)
from postpaid.domain.site import Scope
from postpaid.outbound import documents, queue
from postpaid.runtime.clock import note_server_date, real_now, site_now
from postpaid.runtime.ids import new_run
from postpaid.runtime.log import log, log_failure, log_metrics
from postpaid.runtime.settings import Settings
from postpaid.store import dynamo, keys
from postpaid.store.books import SiteStores
from postpaid.store.due import due_invoice, due_scope, due_term

settings = Settings.from_environment()
client = dynamo.connect(note_server_date)
usages = dynamo.DynamoTable(client, settings.usage_table)
billing = dynamo.DynamoTable(client, settings.billing_table)
s3 = documents.connect()
sqs = queue.connect()
render_queue = queue.Queue(sqs, settings.render_queue_url)
close_queue = queue.Queue(sqs, settings.close_queue_url)
pull_queue = queue.Queue(sqs, settings.pull_queue_url)
processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
blocks: dict[str, list[int]] = {}
# How many subscriptions one message audits: each may have a year of terms to read.
AUDIT_PAGE = 10
METRICS = "Postpaid"


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Work through a batch; only the messages that failed come back (partial batch response)."""
    answer = process_partial_response(event, _work_message, processor, context)
    failed = len(answer["batchItemFailures"])
    log("info", "worked", messages=len(event["Records"]), failed=failed)
    return dict(answer)


def _work_message(record: SQSRecord) -> None:
    # Every part is tried, so that one bad customer holds up no other in its message.
    results = [
        *(_work(due, late=False) for due in queue.due_from_message(record.body)),
        *(_work(due, late=True) for due in queue.terms_from_message(record.body)),
    ]
    pulled = queue.pulled_from_message(record.body)
    if pulled is not None:
        results.append(_work_pulled(*pulled))
    asked = queue.audit_from_message(record.body)
    if asked is not None:
        results.append(_audit(*asked))
    if not all(results):
        raise Unavailable("part of a message was not worked")


def _work(due: Due, *, late: bool) -> bool:
    try:
        worker = _worker(due)
        if worker is None:
            return True  # its site has started afresh: nobody reads what would be made of it
        term = due_term(due)
        if term is not None and late:
            work_late(*term, worker=worker)
        elif term is not None:
            work_term(*term, worker=worker)
        else:
            work_invoice(due_invoice(due), worker=worker)
    except Exception as error:  # noqa: BLE001 - one customer must not fail the others; it is logged
        log_failure("work_failed", error, pk=due.pk, sk=due.sk)
        return False
    return True


def _work_pulled(due: Due, answered: list[str], failure: str | None) -> bool:
    try:
        worker, term = _worker(due), due_term(due)
        if worker is not None and term is not None:
            work_pulled(*term, answered, failure, worker=worker)
    except Exception as error:  # noqa: BLE001 - as of what is due
        log_failure("work_failed", error, pk=due.pk, sk=due.sk)
        return False
    return True


def _audit(scope: Scope, after: str | None) -> bool:
    """Audit some subscriptions of a site, and ask for the next ones."""
    stores, worker = _at_site(scope)
    if worker.scope != scope and after is not None:
        return True  # the site has started afresh: another audit begins there
    page, place = stores.lists(worker.now).subscriptions(after, AUDIT_PAGE)
    if place is not None:
        # First: what one customer's books hold must not keep the others from being looked at.
        close_queue.send(queue.audit_message(worker.scope, place))
    done = [_audited(subscription.id, worker) for subscription in page]
    found = [each for each in done if each is not None]
    log_metrics(
        METRICS,
        audit_terms=sum(each.terms for each in found),
        audit_differences=sum(each.differences for each in found),
        audit_failures=len(done) - len(found),
    )
    return len(found) == len(done)


def _audited(subscription_id: str, worker: Worker) -> Audited | None:
    def reconcile(identifier: str, start: datetime) -> Reconciled | None:
        return work_late(identifier, start, worker=worker)

    try:
        return audit_subscription(
            subscription_id, terms=worker.books.terms, reconcile=reconcile, now=worker.now
        )
    except Exception as error:  # noqa: BLE001 - one customer must not fail the others; it is logged
        log_failure("audit_failed", error, subscription=subscription_id)
        return None


def _worker(due: Due) -> Worker | None:
    """Return who works on a thing, None if it is of a generation that its site has left."""
    scope = due_scope(due)
    worker = _at_site(scope)[1]
    return worker if worker.scope == scope else None


def _at_site(scope: Scope) -> tuple[SiteStores, Worker]:
    """Return the stores and the worker of a site in its present generation."""
    stores = SiteStores.of(usages, billing, scope)
    scope, now = stores.scope, site_now(stores.site)
    store = documents.StoredDocuments(s3, settings.document_bucket, scope)

    def request_pull(subscription_id: str, start: datetime) -> None:
        due = Due(*keys.term(scope, subscription_id, start))
        pull_queue.send(queue.pull_message(due))

    worker = Worker(
        scope=scope,
        books=stores.books(store, now),
        ids=stores.ids(blocks),
        new_run=new_run,
        request_render=lambda invoice: render_queue.send(queue.render_message(scope, invoice.id)),
        now=now,
        asked=stores.terms,
        request_pull=request_pull,
        real_now=real_now(),
    )
    return stores, worker
