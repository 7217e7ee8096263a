"""Usages: one of a subscription, and the document of those behind an invoice."""

from collections.abc import Sequence
from typing import Literal

from postpaid.api.chargebee.downloads import download
from postpaid.api.chargebee.forms import read_form
from postpaid.api.chargebee.invoice_lines import line_item_id
from postpaid.api.chargebee.invoice_reading import find_invoice
from postpaid.api.chargebee.invoice_shape import shown_id
from postpaid.api.chargebee.lists import Resource
from postpaid.api.chargebee.params import Id50, Params, read
from postpaid.api.chargebee.usage import NAMES, chargebee_from_usage
from postpaid.api.chargebee.usage_ids import key_from_usage_id
from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response
from postpaid.api.spelling import spelled
from postpaid.application.billed_in import BilledIn, billed_in
from postpaid.application.correct_usage import subscription_of, usage_not_found
from postpaid.application.find_usage import find_usage
from postpaid.application.usage_statement import request_statement
from postpaid.domain.errors import Conflict, Invalid
from postpaid.domain.usage import Usage, UsageKey

PDF_SECONDS = 15


class InvoiceRow(Params):
    """Which invoice is meant."""

    id: Id50


class PdfParams(Params):
    """`POST /usages/pdf`."""

    invoice: InvoiceRow | None = None
    disposition_type: Literal["attachment", "inline"] | None = None


def retrieve(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Show a usage of a subscription, by its own id or the one that its client gave it."""
    for name in request.query:
        if name != "id":
            raise Invalid("unknown_field", "is not a parameter here", field=name[:100])
    if not request.query.get("id"):
        raise Invalid("missing_field", "is required", field="id")
    with spelled(NAMES):
        usage = _known_usage(desk, ids[0], request.query["id"])
    return Response(200, {"usage": shown_usages(desk, [usage])[0]})


def pdf(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Give a link to the document of the usages behind an invoice; wait until it is made."""
    params = read(PdfParams, read_form(request.body, request.headers))
    if params.invoice is None:
        raise Invalid("missing_field", "is required", field="invoice[id]")
    asked = request_statement(
        find_invoice(desk, params.invoice.id).id,
        books=desk.books,
        statements=desk.documents,
        usage_ids=desk.usage_ids,
        ask=desk.ask_for_statement,
    )

    def look() -> bool | None:
        return desk.documents.has_statement_pdf(asked.invoice.id, asked.digest) or None

    if not asked.ready and desk.wait_for(look, PDF_SECONDS) is None:
        raise Conflict("pdf_not_ready", "the document of these usages is being made")
    is_inline = params.disposition_type == "inline"
    link = desk.documents.statement_pdf_link(asked.invoice, asked.digest, inline=is_inline)
    return download(desk, link)


def shown_usages(desk: Desk, usages: Sequence[Usage]) -> list[Resource]:
    """Show usages, each with the invoice and the line that bill it, if they do."""
    of_one: dict[str, list[Usage]] = {}
    for usage in usages:
        of_one.setdefault(usage.key.subscription_id, []).append(usage)
    billed: dict[UsageKey, BilledIn] = {}
    for found in of_one.values():
        subscription = subscription_of(found[0].key, desk.subscriptions)
        billed |= billed_in(found, subscription=subscription, books=desk.books)
    return [_shown(usage, billed.get(usage.key)) for usage in usages]


def _shown(usage: Usage, billed: BilledIn | None) -> Resource:
    shown = chargebee_from_usage(usage)
    if billed is not None:
        shown["invoice_id"] = shown_id(billed.invoice)
        if billed.line is not None:
            shown["line_item_id"] = line_item_id(billed.invoice.id, billed.line)
    return shown


def _known_usage(desk: Desk, subscription_id: str, text: str) -> Usage:
    """Return a live usage of a subscription by any id it has; raises `NotFound`."""
    key = key_from_usage_id(subscription_id, text) or _native_key(desk, subscription_id, text)
    if key is not None:
        usage = desk.ledger.of(subscription_of(key, desk.subscriptions)).get(key)
        if usage is not None and not usage.deleted:
            return usage
    named = find_usage(text, subscriptions=desk.subscriptions, ledger=desk.ledger)
    if named is None or named.key.subscription_id != subscription_id:
        raise usage_not_found()
    return named


def _native_key(desk: Desk, subscription_id: str, text: str) -> UsageKey | None:
    try:
        return desk.usage_ids.key(subscription_id, text)
    except ValueError:
        return None
