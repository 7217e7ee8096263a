"""From the render queue: one message is one document that is to be made.

It is that of an issued invoice, or of a statement of the usages behind one.
"""

from pathlib import Path
from typing import Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from postpaid.application.render_invoice import render_invoice
from postpaid.application.render_statement import render_statement
from postpaid.domain.site import Scope
from postpaid.outbound import documents, queue
from postpaid.outbound.typesetting import TypstTypesetter
from postpaid.outbound.usage_typesetting import TypstStatementTypesetter
from postpaid.runtime.log import log, log_failure
from postpaid.runtime.settings import Settings
from postpaid.store import dynamo
from postpaid.store.invoices import StoredInvoices

HERE = Path(__file__).parent

settings = Settings.from_environment()
billing = dynamo.DynamoTable(dynamo.connect(), settings.billing_table)
s3 = documents.connect()
typesetter = TypstTypesetter(HERE / "templates" / "invoice.typ", HERE / "fonts")
statement_typesetter = TypstStatementTypesetter(HERE / "templates" / "usages.typ", HERE / "fonts")
processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Render a batch; only the messages that failed come back (partial batch response)."""
    answer = process_partial_response(event, _render, processor, context)
    failed = len(answer["batchItemFailures"])
    log("info", "rendered", messages=len(event["Records"]), failed=failed)
    return dict(answer)


def _render(record: SQSRecord) -> None:
    asked = queue.statement_from_message(record.body)
    if asked is not None:
        _render_statement(*asked)
    else:
        _render_invoice(*queue.render_from_message(record.body))


def _render_invoice(scope: Scope, invoice_id: str) -> None:
    try:
        render_invoice(
            invoice_id,
            invoices=StoredInvoices(billing, scope),
            documents=_documents(scope),
            typesetter=typesetter,
        )
    except Exception as error:
        log_failure("render_failed", error, invoice=invoice_id)
        raise  # the processor reports this message alone as failed


def _render_statement(scope: Scope, invoice_id: str, digest: str) -> None:
    try:
        render_statement(
            invoice_id, digest, documents=_documents(scope), typesetter=statement_typesetter
        )
    except Exception as error:
        log_failure("render_statement_failed", error, invoice=invoice_id, statement=digest)
        raise


def _documents(scope: Scope) -> documents.StoredDocuments:
    return documents.StoredDocuments(s3, settings.document_bucket, scope)
