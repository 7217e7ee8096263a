"""From the pull queue: one message is one term, whose usage URLs are asked how much was used.

This function alone reaches anything but AWS. So its role writes usage and sends messages, and no
more: what came of it is told to a worker, who notes it on the term and closes.
"""

from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from postpaid.application.due_terms import Due
from postpaid.application.pull_usage import Pulled, Puller, pull_usage
from postpaid.domain.term import BillingState
from postpaid.outbound import queue
from postpaid.outbound.usage_url import UsageUrls
from postpaid.runtime import clock
from postpaid.runtime.log import log, log_failure
from postpaid.runtime.settings import Settings
from postpaid.store import dynamo
from postpaid.store.books import SiteStores
from postpaid.store.due import due_scope, due_term
from postpaid.store.site_secrets import StoredSiteSecrets

# Then no other line is asked any more; the one that is being asked has its time still.
VISIT_MILLISECONDS = 40_000
# As for a recorder: while a close is running there is nothing to reconcile yet.
PENDING_DELAY_SECONDS = 300

settings = Settings.from_environment()
client = dynamo.connect(clock.note_server_date)
usages = dynamo.DynamoTable(client, settings.usage_table)
billing = dynamo.DynamoTable(client, settings.billing_table)
close_queue = queue.Queue(queue.connect(), settings.close_queue_url)
usage_urls = UsageUrls(clock.milliseconds, test_hosts=settings.usage_url_test_hosts)
processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Ask for a batch; only the messages that failed come back (partial batch response)."""
    answer = process_partial_response(event, _pull, processor, context)
    failed = len(answer["batchItemFailures"])
    log("info", "pulled", messages=len(event["Records"]), failed=failed)
    return dict(answer)


def _pull(record: SQSRecord) -> None:
    due = queue.pull_from_message(record.body)
    try:
        pulled = _visited(due)
        if pulled is not None:
            _report(due, pulled)
    except Exception as error:
        log_failure("pull_failed", error, pk=due.pk, sk=due.sk)
        raise  # the processor reports this message alone as failed


def _visited(due: Due) -> Pulled | None:
    term = due_term(due)
    assert term is not None, "only terms are asked for"
    scope = due_scope(due)
    stores = SiteStores.of(usages, billing, scope)
    if stores.scope != scope:
        return None  # its site has started afresh: nobody reads what would be recorded
    until = clock.milliseconds() + VISIT_MILLISECONDS
    puller = Puller(
        subscriptions=stores.subscriptions,
        customers=stores.customers,
        sites=stores.sites,
        secrets=StoredSiteSecrets(billing),
        terms=stores.terms,
        invoices=stores.invoices,
        ledger=stores.ledger,
        ask=usage_urls.ask,
        is_late=partial(_is_late, until),
        now=clock.site_now(stores.site),
    )
    return pull_usage(*term, puller=puller)


def _is_late(until: int) -> bool:
    return clock.milliseconds() >= until


def _report(due: Due, pulled: Pulled) -> None:
    """Tell a worker what came of it; what was recorded too late for its invoice is billed later."""
    close_queue.send(queue.pulled_message(due, pulled.answered, pulled.failure))
    states = {each.billing for each in pulled.recorded if each.term_start is not None}
    if states:
        delay = 0 if BillingState.LATE in states else PENDING_DELAY_SECONDS
        close_queue.send(queue.reconcile_message([due]), delay_seconds=delay)
