"""From the render queue: one message is one issued invoice whose document is to be made."""

from pathlib import Path
from typing import Any

from postpaid.application.render_invoice import render_invoice
from postpaid.outbound import documents, queue
from postpaid.outbound.typesetting import TypstTypesetter
from postpaid.runtime.log import log, log_failure
from postpaid.runtime.settings import Settings
from postpaid.store import dynamo
from postpaid.store.invoices import StoredInvoices

HERE = Path(__file__).parent

settings = Settings.from_environment()
billing = dynamo.DynamoTable(dynamo.connect(), settings.billing_table)
s3 = documents.connect()
typesetter = TypstTypesetter(HERE / "templates" / "invoice.typ", HERE / "fonts")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """Render a batch; only the messages that failed come back (partial batch response)."""
    failed = [
        {"itemIdentifier": record["messageId"]}
        for record in event["Records"]
        if not _render(record["body"])
    ]
    log("info", "rendered", messages=len(event["Records"]), failed=len(failed))
    return {"batchItemFailures": failed}


def _render(body: str) -> bool:
    try:
        scope, invoice_id = queue.render_from_message(body)
        render_invoice(
            invoice_id,
            invoices=StoredInvoices(billing, scope),
            documents=documents.StoredDocuments(s3, settings.document_bucket, scope),
            typesetter=typesetter,
        )
    except Exception as error:  # noqa: BLE001 - one invoice must not fail the others; it is logged
        log_failure("render_failed", error)
        return False
    return True
