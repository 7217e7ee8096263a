"""The calls to AWS of every operation that touches money or usage: one row each, in order.

A call is named as the SDK names it. Then comes what it is of, by its keys: of the usage table, if
that is a usage, else of the billing table, of the bucket (content, supplement, pdf; a statement of
usages, and its statement-pdf) or of a queue. Then come its write units, W, or read units, R. A read
is strongly consistent if it is not called eventual; a write that a condition refused is told so,
and charged. In a transaction each item counts twice, its entries in indexes once.

`docs/calls.md` and a table of `docs/costs.md` are made of these rows, by `calls_page.py`.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from tests.functions import charge_operations as once
from tests.functions import chargebee_operations as door
from tests.functions import chargeover_operations as over
from tests.functions import operations as ops
from tests.functions.operations import Act, Stage

# List prices of us-east-1, November 2026, in dollars for a million.
PRICES = {
    "W": Decimal("0.625"),
    "R": Decimal("0.125"),
    "PutObject": Decimal("5.00"),
    "GetObject": Decimal("0.40"),
    "HeadObject": Decimal("0.40"),
    "SendMessage": Decimal("0.40"),
}
_UNITS = re.compile(r" ([0-9.]+) ([WR])\b")


@dataclass(frozen=True, slots=True)
class Operation:
    """One row. *by* is what starts it: a request, or the function that an event starts."""

    name: str
    by: str
    prepare: Callable[[Stage], Act]
    calls: str

    @property
    def lines(self) -> list[str]:
        """The calls, those that come several times in a row as one."""
        return self.calls.split("; ")

    def units(self, unit: str) -> Decimal:
        """Return the sum of its write units, W, or read units, R."""
        return sum(
            (
                times * Decimal(amount)
                for times, call in self._runs()
                for amount, of in _UNITS.findall(call)
                if of == unit
            ),
            Decimal(0),
        )

    def outside(self) -> Counter[str]:
        """Count its calls of the bucket and the queues."""
        counted: Counter[str] = Counter()
        for times, call in self._runs():
            if not _UNITS.search(call):
                counted[call] += times
        return counted

    def price(self) -> Decimal:
        """Return what its calls cost at list prices, in dollars for a million of it."""
        tables = sum((self.units(unit) * PRICES[unit] for unit in ("W", "R")), Decimal(0))
        others = (times * PRICES[call.split()[0]] for call, times in self.outside().items())
        return sum(others, tables)

    def _runs(self) -> list[tuple[int, str]]:
        found = (re.fullmatch(r"(?:(\d+) x )?(.+)", line) for line in self.lines)
        return [(int(run[1] or 1), run[2]) for run in found if run]


USAGE = (
    Operation(
        "record a usage, first request of a process",
        "POST /v1/subscriptions/{}/usages",
        ops.record_cold,
        "GetItem API-key 0.5 R eventual; GetItem subscription 0.5 R eventual; "
        "PutItem usage 1 W; Query term 1 R",
    ),
    Operation(
        "record a usage",
        "POST /v1/subscriptions/{}/usages",
        ops.record,
        "PutItem usage 1 W; Query term 1 R",
    ),
    Operation(
        "record a usage on a test site, which has a clock",
        "POST /v1/subscriptions/{}/usages",
        ops.record_on_a_test_site,
        "GetItem site 1 R; PutItem usage 1 W; Query term 1 R",
    ),
    Operation(
        "record a usage again",
        "POST /v1/subscriptions/{}/usages",
        ops.record_again,
        "PutItem usage 1 W refused; Query term 1 R",
    ),
    Operation(
        "record another quantity (refused)",
        "POST /v1/subscriptions/{}/usages",
        ops.record_another_quantity,
        "PutItem usage 1 W refused",
    ),
    Operation(
        "record a usage with an external id",
        "POST /v1/subscriptions/{}/usages",
        ops.record_named,
        "TransactWriteItems (put usage + put register) 4 W; Query term 1 R",
    ),
    Operation(
        "record a usage under a maximum",
        "POST /v1/subscriptions/{}/usages",
        ops.record_counted,
        "TransactWriteItems (put usage + update count) 4 W; Query term 1 R",
    ),
    Operation(
        "find a usage by its external id",
        "GET /v1/usages",
        ops.search_by_external_id,
        "GetItem site 1 R; GetItem register 1 R; GetItem subscription 0.5 R eventual; GetItem "
        "usage 1 R",
    ),
    Operation(
        "record a usage that was deleted",
        "POST /v1/subscriptions/{}/usages",
        ops.record_over_a_tombstone,
        "PutItem usage 1 W refused; PutItem usage 1 W; Query term 1 R",
    ),
    Operation(
        "record a usage of an invoiced term",
        "POST /v1/subscriptions/{}/usages",
        ops.record_late,
        "PutItem usage 1 W; Query term 1 R; SendMessage CloseQueue",
    ),
    Operation(
        "record a usage where nothing late is taken",
        "POST /v1/subscriptions/{}/usages",
        ops.record_under_refuse,
        "Query term 1 R; PutItem usage 1 W; Query term 1 R",
    ),
    Operation(
        "record it again there, its term being invoiced",
        "POST /v1/subscriptions/{}/usages",
        ops.record_again_under_refuse,
        "Query term 1 R; GetItem usage 1 R; Query term 1 R; SendMessage CloseQueue",
    ),
    Operation(
        "record one of an invoiced term there (refused)",
        "POST /v1/subscriptions/{}/usages",
        ops.record_late_under_refuse,
        "Query term 1 R; GetItem usage 1 R",
    ),
    Operation(
        "record a batch of three",
        "POST /v1/usages",
        ops.record_batch,
        "3 x PutItem usage 1 W; Query term 1 R",
    ),
    Operation(
        "record a batch of three, two of an invoiced term",
        "POST /v1/usages",
        ops.record_late_batch,
        "3 x PutItem usage 1 W; 2 x Query term 1 R; SendMessage CloseQueue",
    ),
    Operation(
        "correct a usage",
        "PUT /v1/subscriptions/{}/usages/{}",
        ops.correct,
        "GetItem usage 1 R; PutItem usage 1 W; Query term 1 R",
    ),
    Operation(
        "correct a usage of an invoiced term",
        "PUT /v1/subscriptions/{}/usages/{}",
        ops.correct_late,
        "GetItem usage 1 R; PutItem usage 1 W; Query term 1 R; SendMessage CloseQueue",
    ),
    Operation(
        "correct a usage so again",
        "PUT /v1/subscriptions/{}/usages/{}",
        ops.correct_again,
        "GetItem usage 1 R; Query term 1 R",
    ),
    Operation(
        "correct another version (refused)",
        "PUT /v1/subscriptions/{}/usages/{}",
        ops.correct_another_version,
        "GetItem usage 1 R",
    ),
    Operation(
        "delete a usage",
        "DELETE /v1/subscriptions/{}/usages/{}",
        ops.delete,
        "GetItem usage 1 R; UpdateItem usage 1 W; Query term 1 R",
    ),
    Operation(
        "delete a usage on a test site",
        "DELETE /v1/subscriptions/{}/usages/{}",
        ops.delete_on_a_test_site,
        "GetItem site 1 R; GetItem usage 1 R; UpdateItem usage 1 W; Query term 1 R",
    ),
    Operation(
        "delete a usage again",
        "DELETE /v1/subscriptions/{}/usages/{}",
        ops.delete_again,
        "GetItem usage 1 R; Query term 1 R",
    ),
    Operation(
        "read a usage",
        "GET /v1/subscriptions/{}/usages/{}",
        ops.read_usage,
        "GetItem site 1 R; GetItem subscription 0.5 R eventual; GetItem usage 1 R",
    ),
    Operation(
        "list usages",
        "GET /v1/subscriptions/{}/usages",
        ops.list_usages,
        "GetItem site 1 R; GetItem subscription 1 R; Query usage 1 R",
    ),
    Operation(
        "list late usages",
        "GET /v1/late-usages",
        ops.list_late_usages,
        "GetItem site 1 R; 4 x Query index-list 0.5 R eventual; "
        "BatchGetItem manifest 0.5 R eventual; GetObject supplement",
    ),
)

SCHEDULE = (
    Operation(
        "a sweep that finds nothing",
        "CloseDispatcherFunction",
        ops.sweep_nothing,
        "Query clocks 1 R; GetItem place 1 R; 64 x Query index-due 0.5 R eventual",
    ),
    Operation(
        "a sweep that finds a term",
        "CloseDispatcherFunction",
        ops.sweep_a_term,
        "Query clocks 1 R; GetItem place 1 R; 16 x Query index-due 0.5 R eventual; "
        "SendMessage CloseQueue; 48 x Query index-due 0.5 R eventual",
    ),
    Operation(
        "a sweep, the first of its hour",
        "CloseDispatcherFunction",
        ops.sweep_in_the_next_hour,
        "Query clocks 1 R; GetItem place 1 R; 80 x Query index-due 0.5 R eventual; "
        "UpdateItem place 1 W",
    ),
    Operation(
        "end a term, grace to follow",
        "CloseWorkerFunction",
        ops.roll,
        "GetItem site 1 R; GetItem term 1 R; GetItem subscription 1 R; BatchGetItem price 0.5 R "
        "eventual; TransactWriteItems (update term + put invoice + put integer + put term) 12 W",
    ),
    Operation(
        "end a term that is closed by request",
        "CloseWorkerFunction",
        ops.roll_by_hand,
        "GetItem site 1 R; GetItem term 1 R; GetItem subscription 1 R; BatchGetItem price 0.5 R "
        "eventual; TransactWriteItems (update term + put invoice + put integer + put term) 11 W",
    ),
    Operation(
        "end the last term, closed by request",
        "CloseWorkerFunction",
        ops.roll_the_last,
        "GetItem site 1 R; GetItem term 1 R; GetItem subscription 1 R; TransactWriteItems (update "
        "term + put invoice + put integer) 8 W",
    ),
    Operation(
        "close a term after its grace",
        "CloseWorkerFunction",
        ops.close_after_grace,
        "GetItem site 1 R; GetItem term 1 R; GetItem invoice 1 R; UpdateItem term 1 W; GetItem "
        "subscription 1 R; GetItem customer 1 R; GetItem site 1 R; GetItem term 1 R; Query "
        "usage 1 R; BatchGetItem 2 prices 1 R eventual; Query manifest 1 R; GetItem credit 1 R; "
        "PutObject content; GetItem counter 1 R; TransactWriteItems (update invoice + update "
        "term + update counter + put number) 8 W; SendMessage RenderQueue",
    ),
    Operation(
        "end and close a term at once",
        "CloseWorkerFunction",
        ops.roll_and_close,
        "GetItem site 1 R; GetItem term 1 R; GetItem subscription 1 R; BatchGetItem 2 prices 1 R "
        "eventual; TransactWriteItems (update term + put invoice + put integer + put term) 10 W; "
        "GetItem invoice 1 R; UpdateItem term 1 W; GetItem subscription 1 R; GetItem customer 1 "
        "R; GetItem site 1 R; GetItem term 1 R; Query usage 1 R; BatchGetItem 2 prices 1 R "
        "eventual; Query manifest 1 R; GetItem credit 1 R; PutObject content; GetItem counter 1 "
        "R; TransactWriteItems (update invoice + update term + update counter + put number) 8 W; "
        "SendMessage RenderQueue",
    ),
    Operation(
        "end a term and skip its empty invoice",
        "CloseWorkerFunction",
        ops.skip,
        "GetItem site 1 R; GetItem term 1 R; GetItem subscription 1 R; BatchGetItem price 0.5 R "
        "eventual; TransactWriteItems (update term + put invoice + put integer + put term) 10 W; "
        "GetItem invoice 1 R; UpdateItem term 1 W; GetItem subscription 1 R; GetItem customer 1 "
        "R; GetItem site 1 R; GetItem term 1 R; Query usage 1 R; BatchGetItem price 0.5 R "
        "eventual; Query manifest 1 R; GetItem credit 1 R; PutObject content; TransactWriteItems "
        "(update invoice + update term) 4 W",
    ),
    Operation(
        "end a term and park its invoice",
        "CloseWorkerFunction",
        ops.park,
        "GetItem site 1 R; GetItem term 1 R; GetItem subscription 1 R; BatchGetItem price 0.5 R "
        "eventual; TransactWriteItems (update term + put invoice + put integer + put term) 10 W; "
        "GetItem invoice 1 R; UpdateItem term 1 W; GetItem subscription 1 R; GetItem customer 1 "
        "R; GetItem site 1 R; GetItem term 1 R; Query usage 1 R; BatchGetItem price 0.5 R "
        "eventual; TransactWriteItems (update invoice + update term) 5 W",
    ),
    Operation(
        "end a term and have its usage URL asked",
        "CloseWorkerFunction",
        ops.have_a_url_asked,
        "GetItem site 1 R; GetItem term 1 R; GetItem subscription 1 R; BatchGetItem price 0.5 R "
        "eventual; TransactWriteItems (update term + put invoice + put integer + put term) 10 W; "
        "GetItem invoice 1 R; GetItem term 1 R; GetItem subscription 1 R; GetItem invoice 1 R; "
        "GetItem term 1 R; UpdateItem term 1 W; SendMessage PullQueue",
    ),
    Operation(
        "ask a usage URL",
        "PullUsageFunction",
        ops.ask_a_url,
        "GetItem site 1 R; GetItem term 1 R; GetItem invoice 1 R; GetItem subscription 1 R; "
        "GetItem usage 1 R; GetItem customer 1 R; GetItem site 1 R; GetItem secret 1 R; GetItem "
        "subscription 0.5 R eventual; PutItem usage 1 W; Query term 1 R; SendMessage CloseQueue",
    ),
    Operation(
        "hear what it answered, and close",
        "CloseWorkerFunction",
        ops.hear_an_answer,
        "GetItem site 1 R; GetItem term 1 R; UpdateItem term 1 W; GetItem term 1 R; GetItem "
        "invoice 1 R; GetItem term 1 R; GetItem subscription 1 R; UpdateItem term 1 W; GetItem "
        "subscription 1 R; GetItem customer 1 R; GetItem site 1 R; GetItem term 1 R; Query usage "
        "1 R; BatchGetItem price 0.5 R eventual; Query manifest 1 R; GetItem credit 1 R; "
        "PutObject content; GetItem counter 1 R; TransactWriteItems (update invoice + update "
        "term + update counter + put number) 8 W; SendMessage RenderQueue",
    ),
    Operation(
        "hear that it did not answer",
        "CloseWorkerFunction",
        ops.hear_of_a_failure,
        "GetItem site 1 R; GetItem term 1 R; UpdateItem term 3 W",
    ),
    Operation(
        "read the token of usage URLs for the first time",
        "GET /v1/usage-url-token",
        ops.first_token,
        "GetItem site 1 R; GetItem secret 1 R; PutItem secret 1 W",
    ),
    Operation(
        "read the token of usage URLs",
        "GET /v1/usage-url-token",
        ops.token,
        "GetItem site 1 R; GetItem secret 1 R",
    ),
    Operation(
        "issue an opening invoice",
        "CloseWorkerFunction",
        ops.open_with_an_invoice,
        "GetItem site 1 R; 2 x GetItem invoice 1 R; GetItem subscription 1 R; GetItem customer "
        "1 R; GetItem site 1 R; GetItem term 1 R; BatchGetItem price 0.5 R eventual; GetItem "
        "credit 1 R; PutObject content; GetItem counter 1 R; TransactWriteItems (update invoice "
        "+ update counter + put number) 6 W; SendMessage RenderQueue",
    ),
    Operation(
        "relay from the stream",
        "RelayFunction",
        ops.relay,
        "SendMessage RenderQueue",
    ),
    Operation(
        "make a document",
        "RenderInvoiceFunction",
        ops.render,
        "GetItem invoice 1 R; GetObject content; PutObject pdf; UpdateItem invoice 1 W",
    ),
    Operation(
        "make a document of usages",
        "RenderInvoiceFunction",
        ops.render_usages,
        "HeadObject statement-pdf; GetObject statement; PutObject statement-pdf",
    ),
    Operation(
        "make a document of usages again",
        "RenderInvoiceFunction",
        ops.render_usages_again,
        "HeadObject statement-pdf",
    ),
    Operation(
        "settle a term",
        "CloseWorkerFunction",
        ops.settle_a_term,
        "GetItem site 1 R; GetItem term 1 R; GetItem invoice 1 R; UpdateItem term 2 W",
    ),
    Operation(
        "settle an opening invoice",
        "CloseWorkerFunction",
        ops.settle_an_invoice,
        "GetItem site 1 R; GetItem invoice 1 R; UpdateItem invoice 2 W",
    ),
    Operation(
        "reconcile a term, nothing found",
        "CloseWorkerFunction",
        ops.reconcile_nothing,
        "GetItem site 1 R; GetItem term 1 R; Query manifest 1 R; GetItem subscription 1 R; "
        "GetItem invoice 1 R; GetObject content; Query usage 1 R",
    ),
    Operation(
        "reconcile a term, a supplement that waits",
        "CloseWorkerFunction",
        ops.reconcile_to_wait,
        "GetItem site 1 R; GetItem term 1 R; Query manifest 1 R; GetItem subscription 1 R; "
        "GetItem invoice 1 R; GetObject content; Query usage 1 R; GetItem customer 1 R; "
        "BatchGetItem price 0.5 R eventual; Query term 1 R; PutObject supplement; "
        "TransactWriteItems (put manifest + update term + check term) 7 W",
    ),
    Operation(
        "reconcile again, the supplement waiting",
        "CloseWorkerFunction",
        ops.reconcile_again,
        "GetItem site 1 R; GetItem term 1 R; Query manifest 1 R; GetItem subscription 1 R; "
        "GetItem invoice 1 R; GetObject content; GetObject supplement; Query usage 1 R; "
        "Query term 1 R",
    ),
    Operation(
        "reconcile a term, an invoice of its own",
        "CloseWorkerFunction",
        ops.reconcile_to_an_invoice,
        "GetItem site 1 R; GetItem term 1 R; Query manifest 1 R; GetItem subscription 1 R; "
        "GetItem invoice 1 R; GetObject content; Query usage 1 R; GetItem customer 1 R; "
        "BatchGetItem price 0.5 R eventual; Query term 1 R; PutObject supplement; "
        "TransactWriteItems (put manifest + update term + put invoice + put integer) 11 W; 2 x "
        "GetItem invoice 1 R; GetItem subscription 1 R; GetItem customer 1 R; GetItem site 1 R; "
        "GetItem term 1 R; Query manifest 1 R; GetObject supplement; GetItem credit 1 R; "
        "PutObject content; GetItem counter 1 R; TransactWriteItems (update invoice + update "
        "counter + put number) 6 W; SendMessage RenderQueue",
    ),
    Operation(
        "ask for audits of one site",
        "CloseDispatcherFunction",
        ops.ask_for_audits,
        "Query sites 1 R; SendMessage CloseQueue",
    ),
    Operation(
        "audit a subscription with one frozen term",
        "CloseWorkerFunction",
        ops.audit,
        "GetItem site 1 R; 4 x Query index-list 0.5 R eventual; "
        "BatchGetItem subscription 0.5 R eventual; Query term 1 R; GetItem term 1 R; "
        "Query manifest 1 R; GetItem subscription 1 R; GetItem invoice 1 R; "
        "GetObject content; Query usage 1 R; Query term 1 R",
    ),
)

INVOICES = (
    Operation(
        "close an invoice",
        "POST /v1/invoices/{}/close",
        ops.close_by_request,
        "GetItem site 1 R; GetItem invoice 1 R; UpdateItem term 2 W; GetItem subscription 1 R; "
        "GetItem customer 1 R; GetItem site 1 R; GetItem term 1 R; Query usage 1 R; "
        "BatchGetItem 2 prices 1 R eventual; Query manifest 1 R; GetItem credit 1 R; PutObject "
        "content; GetItem counter 1 R; TransactWriteItems (update invoice + update term + "
        "update counter + put number) 8 W; GetObject content",
    ),
    Operation(
        "close an invoice with a supplement",
        "POST /v1/invoices/{}/close",
        ops.close_with_a_supplement,
        "GetItem site 1 R; GetItem invoice 1 R; UpdateItem term 2 W; GetItem subscription 1 R; "
        "GetItem customer 1 R; GetItem site 1 R; GetItem term 1 R; Query usage 1 R; "
        "BatchGetItem price 0.5 R eventual; Query manifest 1 R; GetItem credit 1 R; GetObject "
        "supplement; PutObject content; GetItem counter 1 R; TransactWriteItems (update invoice "
        "+ update term + update counter + put number + update manifest) 10 W; GetObject content",
    ),
    Operation(
        "close an invoice that gives credit",
        "POST /v1/invoices/{}/close",
        ops.close_with_credit,
        "GetItem site 1 R; GetItem invoice 1 R; UpdateItem term 2 W; GetItem subscription 1 R; "
        "GetItem customer 1 R; GetItem site 1 R; GetItem term 1 R; Query usage 1 R; "
        "BatchGetItem price 0.5 R eventual; GetItem invoice 1 R; Query manifest 1 R; GetItem "
        "credit 1 R; PutObject content; GetItem counter 1 R; TransactWriteItems (update invoice + "
        "update term + update counter + put number + put credit) 10 W; GetObject content",
    ),
    Operation(
        "close an invoice before a usage URL answered (refused)",
        "POST /v1/invoices/{}/close",
        ops.close_before_an_answer,
        "GetItem site 1 R; GetItem invoice 1 R; GetItem term 1 R; GetItem subscription 1 R",
    ),
    Operation(
        "close an invoice again",
        "POST /v1/invoices/{}/close",
        ops.close_a_second_time,
        "GetItem site 1 R; GetItem invoice 1 R; GetObject content",
    ),
    Operation(
        "show a pending invoice",
        "GET /v1/invoices/{}",
        ops.show_a_draft,
        "GetItem site 1 R; GetItem invoice 1 R; GetItem site 1 R; GetItem term 1 R; GetItem "
        "subscription 1 R; GetItem customer 1 R; GetItem term 1 R; Query usage 1 R; "
        "BatchGetItem price 0.5 R eventual; Query manifest 1 R; GetItem credit 1 R",
    ),
    Operation(
        "refresh a pending invoice",
        "POST /v1/invoices/{}/sync",
        ops.sync_a_draft,
        "GetItem site 1 R; GetItem invoice 1 R; GetItem site 1 R; GetItem term 1 R; GetItem "
        "subscription 1 R; GetItem customer 1 R; GetItem term 1 R; Query usage 1 R; "
        "BatchGetItem price 0.5 R eventual; Query manifest 1 R; GetItem credit 1 R",
    ),
    Operation(
        "show an issued invoice",
        "GET /v1/invoices/{}",
        ops.show_an_issued,
        "GetItem site 1 R; GetItem invoice 1 R; GetObject content",
    ),
    Operation(
        "show the upcoming invoice",
        "GET /v1/subscriptions/{}/upcoming-invoice",
        ops.show_what_is_coming,
        "GetItem site 1 R; GetItem subscription 1 R; GetItem customer 1 R; Query term 1 R; "
        "BatchGetItem price 0.5 R eventual; GetItem site 1 R; Query usage 1 R; BatchGetItem "
        "price 0.5 R eventual; Query manifest 1 R; GetItem credit 1 R",
    ),
    Operation(
        "link to a document",
        "GET /v1/invoices/{}/pdf",
        ops.link_a_document,
        "GetItem site 1 R; GetItem invoice 1 R",
    ),
    Operation(
        "ask for a document of usages",
        "GET /v1/invoices/{}/usages-pdf",
        ops.ask_for_usages,
        "GetItem site 1 R; GetItem invoice 1 R; GetObject content; GetItem subscription 1 R; Query "
        "usage 1 R; HeadObject statement-pdf; PutObject statement; SendMessage RenderQueue",
    ),
    Operation(
        "ask for one of a pending invoice",
        "GET /v1/invoices/{}/usages-pdf",
        ops.ask_for_usages_of_a_draft,
        "GetItem site 1 R; GetItem invoice 1 R; GetItem subscription 1 R; GetItem customer 1 R; "
        "GetItem term 1 R; Query manifest 1 R; Query usage 1 R; GetItem site 1 R; HeadObject "
        "statement-pdf; PutObject statement; SendMessage RenderQueue",
    ),
    Operation(
        "link to a document of usages",
        "GET /v1/invoices/{}/usages-pdf",
        ops.link_usages,
        "GetItem site 1 R; GetItem invoice 1 R; GetObject content; GetItem subscription 1 R; Query "
        "usage 1 R; HeadObject statement-pdf",
    ),
    Operation(
        "list invoices",
        "GET /v1/invoices",
        ops.list_invoices,
        "GetItem site 1 R; 4 x Query index-list 0.5 R eventual; "
        "BatchGetItem invoice 0.5 R eventual",
    ),
    Operation(
        "find an invoice by its integer",
        "GET /v1/invoices",
        ops.find_an_invoice_by_its_integer,
        "GetItem site 1 R; GetItem integer 1 R; GetItem invoice 1 R",
    ),
    Operation(
        "list a subscription's invoices",
        "GET /v1/subscriptions/{}/invoices",
        ops.list_invoices_of_a_subscription,
        "GetItem site 1 R; GetItem subscription 1 R; 2 x Query term 1 R; "
        "BatchGetItem invoice 0.5 R eventual",
    ),
    Operation(
        "list a customer's invoices",
        "GET /v1/customers/{}/invoices",
        ops.list_invoices_of_a_customer,
        "GetItem site 1 R; GetItem customer 1 R; Query note 1 R; GetItem subscription 1 R; "
        "2 x Query term 1 R; Query note 1 R; BatchGetItem invoice 0.5 R eventual",
    ),
    Operation(
        "record a payment",
        "POST /v1/invoices/{}/payments",
        ops.pay,
        "GetItem site 1 R; GetItem invoice 1 R; GetItem payment 1 R; "
        "TransactWriteItems (put payment + update invoice) 4 W",
    ),
    Operation(
        "record a payment again",
        "POST /v1/invoices/{}/payments",
        ops.pay_again,
        "GetItem site 1 R; GetItem invoice 1 R; GetItem payment 1 R",
    ),
    Operation(
        "list payments",
        "GET /v1/invoices/{}/payments",
        ops.list_payments,
        "GetItem site 1 R; GetItem invoice 1 R; Query payment 1 R",
    ),
    Operation(
        "void an invoice",
        "POST /v1/invoices/{}/void",
        ops.void,
        "GetItem site 1 R; GetItem invoice 1 R; GetObject content; TransactWriteItems (update "
        "invoice) 3 W; GetObject content",
    ),
    Operation(
        "void an invoice that gave credit",
        "POST /v1/invoices/{}/void",
        ops.void_with_credit,
        "GetItem site 1 R; GetItem invoice 1 R; GetObject content; GetItem credit 1 R; "
        "TransactWriteItems (update invoice + put credit) 5 W; GetObject content",
    ),
    Operation(
        "void an invoice again",
        "POST /v1/invoices/{}/void",
        ops.void_again,
        "GetItem site 1 R; GetItem invoice 1 R; GetObject content",
    ),
    Operation(
        "delete a pending invoice",
        "POST /v1/invoices/{}/delete",
        ops.throw_away,
        "GetItem site 1 R; GetItem invoice 1 R; UpdateItem term 1 W; GetItem site 1 R; GetItem "
        "subscription 1 R; GetItem customer 1 R; GetItem term 1 R; Query usage 1 R; "
        "BatchGetItem price 0.5 R eventual; PutObject content; TransactWriteItems (update invoice "
        "+ update term) 4 W; GetObject content",
    ),
    Operation(
        "delete a pending invoice again",
        "POST /v1/invoices/{}/delete",
        ops.throw_away_again,
        "GetItem site 1 R; GetItem invoice 1 R; GetObject content",
    ),
    Operation(
        "put a one-time charge on an invoice",
        "POST /v1/invoices/{}/charges",
        once.add,
        "GetItem site 1 R; GetItem invoice 1 R; GetItem charge 1 R; GetItem price 1 R; GetItem "
        "item 1 R; TransactWriteItems (put charge + update invoice) 4 W",
    ),
    Operation(
        "put on one for a time of its own",
        "POST /v1/invoices/{}/charges",
        once.add_for_a_time,
        "GetItem site 1 R; GetItem invoice 1 R; GetItem subscription 1 R; GetItem charge 1 R; "
        "GetItem price 1 R; GetItem item 1 R; TransactWriteItems (put charge + update invoice) "
        "4 W",
    ),
    Operation(
        "put a one-time charge on again",
        "POST /v1/invoices/{}/charges",
        once.add_again,
        "GetItem site 1 R; GetItem invoice 1 R; GetItem charge 1 R",
    ),
    Operation(
        "list one-time charges",
        "GET /v1/invoices/{}/charges",
        once.list_them,
        "GetItem site 1 R; GetItem invoice 1 R; Query charge 1 R",
    ),
    Operation(
        "take a one-time charge off",
        "DELETE /v1/invoices/{}/charges/{}",
        once.take_off,
        "GetItem site 1 R; GetItem invoice 1 R; GetItem charge 1 R; TransactWriteItems (put "
        "charge + update invoice) 4 W",
    ),
    Operation(
        "take a one-time charge off again",
        "DELETE /v1/invoices/{}/charges/{}",
        once.take_off_again,
        "GetItem site 1 R; GetItem invoice 1 R; GetItem charge 1 R",
    ),
    Operation(
        "close an invoice with a one-time charge",
        "POST /v1/invoices/{}/close",
        once.close_charged,
        "GetItem site 1 R; GetItem invoice 1 R; UpdateItem term 2 W; GetItem subscription 1 R; "
        "GetItem customer 1 R; GetItem site 1 R; GetItem term 1 R; Query usage 1 R; "
        "BatchGetItem price 0.5 R eventual; Query charge 1 R; BatchGetItem price 0.5 R "
        "eventual; Query manifest 1 R; GetItem credit 1 R; PutObject content; GetItem counter 1 "
        "R; TransactWriteItems (update invoice + update term + update counter + put number) 8 "
        "W; GetObject content",
    ),
    Operation(
        "show a customer's credit",
        "GET /v1/customers/{}/credits",
        ops.show_credits,
        "GetItem site 1 R; GetItem customer 1 R; Query credit 1 R",
    ),
)

SUBSCRIPTIONS = (
    Operation(
        "create a subscription",
        "POST /v1/subscriptions",
        ops.subscribe,
        "GetItem site 1 R; GetItem customer 1 R; GetItem site 1 R; 2 x GetItem price 1 R; GetItem "
        "item 1 R; TransactWriteItems (put subscription + put term + put note + update tally + "
        "put integer + put integer) 14 W; Query term 1 R",
    ),
    Operation(
        "create one with an opening invoice",
        "POST /v1/subscriptions",
        ops.subscribe_in_advance,
        "GetItem site 1 R; GetItem customer 1 R; GetItem site 1 R; 2 x GetItem price 1 R; GetItem "
        "item 1 R; GetItem price 1 R; GetItem item 1 R; TransactWriteItems (put subscription + "
        "put term + put note + update tally + put integer + put integer + put integer + put "
        "invoice + put integer) 22 W; SendMessage CloseQueue; Query term 1 R",
    ),
    Operation(
        "show a subscription",
        "GET /v1/subscriptions/{}",
        ops.show_subscription,
        "GetItem site 1 R; GetItem subscription 1 R; Query term 1 R",
    ),
    Operation(
        "list subscriptions",
        "GET /v1/subscriptions",
        ops.list_subscriptions,
        "GetItem site 1 R; 4 x Query index-list 0.5 R eventual; "
        "BatchGetItem subscription 0.5 R eventual",
    ),
    Operation(
        "find a subscription by its integer",
        "GET /v1/subscriptions",
        ops.find_a_subscription_by_its_integer,
        "GetItem site 1 R; GetItem integer 1 R; GetItem subscription 1 R",
    ),
    Operation(
        "change when its pending invoice closes",
        "PATCH /v1/subscriptions/{}",
        ops.change_closing,
        "GetItem site 1 R; GetItem subscription 1 R; PutItem subscription 1 W; "
        "Query term 1 R; UpdateItem term 1 W; GetItem invoice 1 R; GetItem subscription 1 R; "
        "Query term 1 R",
    ),
    Operation(
        "change a line",
        "POST /v1/subscriptions/{}/changes",
        ops.change_a_line,
        "GetItem site 1 R; Query term 1 R; GetItem subscription 1 R; GetItem price 1 R; GetItem "
        "item 1 R; TransactWriteItems (put subscription + update term + put integer) 6 W; Query "
        "term 1 R",
    ),
    Operation(
        "change a line to what it is",
        "POST /v1/subscriptions/{}/changes",
        ops.change_a_line_to_what_it_is,
        "GetItem site 1 R; Query term 1 R; GetItem subscription 1 R; GetItem price 1 R; "
        "GetItem item 1 R; Query term 1 R",
    ),
    Operation(
        "add a line",
        "POST /v1/subscriptions/{}/changes",
        ops.add_a_line,
        "GetItem site 1 R; Query term 1 R; GetItem subscription 1 R; GetItem price 1 R; GetItem "
        "item 1 R; TransactWriteItems (put subscription + update term + put integer) 6 W; Query "
        "term 1 R",
    ),
    Operation(
        "cancel at the term's end",
        "POST /v1/subscriptions/{}/cancel",
        ops.cancel_at_term_end,
        "GetItem site 1 R; GetItem subscription 1 R; Query term 1 R; "
        "GetItem subscription 1 R; TransactWriteItems (put subscription + update term) 4 W; "
        "Query term 1 R",
    ),
    Operation(
        "cancel within the term",
        "POST /v1/subscriptions/{}/cancel",
        ops.cancel_within_the_term,
        "GetItem site 1 R; GetItem subscription 1 R; Query term 1 R; "
        "GetItem subscription 1 R; TransactWriteItems (put subscription + update term) 6 W; "
        "Query term 1 R",
    ),
    Operation(
        "cancel now",
        "POST /v1/subscriptions/{}/cancel",
        ops.cancel_now,
        "GetItem site 1 R; GetItem subscription 1 R; Query term 1 R; GetItem subscription 1 R; "
        "TransactWriteItems (update term + put invoice + put integer + put subscription) 11 W; "
        "Query term 1 R",
    ),
    Operation(
        "take back a cancellation within the term",
        "POST /v1/subscriptions/{}/uncancel",
        ops.uncancel,
        "GetItem site 1 R; Query term 1 R; GetItem subscription 1 R; "
        "TransactWriteItems (put subscription + update term) 6 W; Query term 1 R",
    ),
    Operation(
        "suspend",
        "POST /v1/subscriptions/{}/suspend",
        ops.suspend,
        "GetItem site 1 R; Query term 1 R; GetItem subscription 1 R; "
        "TransactWriteItems (put subscription + update term) 4 W; Query term 1 R",
    ),
    Operation(
        "resume",
        "POST /v1/subscriptions/{}/resume",
        ops.resume,
        "GetItem site 1 R; Query term 1 R; GetItem subscription 1 R; "
        "TransactWriteItems (put subscription + update term) 4 W; Query term 1 R",
    ),
    Operation(
        "change the cadence",
        "POST /v1/subscriptions/{}/cadence",
        ops.change_cadence,
        "GetItem site 1 R; Query term 1 R; GetItem subscription 1 R; "
        "BatchGetItem 2 prices 1 R eventual; "
        "TransactWriteItems (put subscription + update term) 4 W; Query term 1 R",
    ),
    Operation(
        "change the cadence now",
        "POST /v1/subscriptions/{}/cadence",
        ops.change_cadence_now,
        "GetItem site 1 R; Query term 1 R; GetItem subscription 1 R; 2 x BatchGetItem 2 prices 1 "
        "R eventual; TransactWriteItems (update term + put invoice + put integer + put term + put "
        "subscription) 14 W; Query term 1 R",
    ),
    Operation(
        "invoice now",
        "POST /v1/subscriptions/{}/invoice-now",
        ops.invoice_now,
        "GetItem site 1 R; Query term 1 R; GetItem subscription 1 R; BatchGetItem 2 prices 1 R "
        "eventual; TransactWriteItems (update term + put invoice + put integer + put term + put "
        "subscription) 14 W; GetItem invoice 1 R; UpdateItem term 1 W; UpdateItem term 3 W; "
        "GetItem subscription 1 R; GetItem customer 1 R; GetItem site 1 R; GetItem term 1 R; "
        "Query usage 1 R; BatchGetItem 2 prices 1 R eventual; Query manifest 1 R; GetItem credit "
        "1 R; PutObject content; GetItem counter 1 R; TransactWriteItems (update invoice + update "
        "term + update counter + put number) 8 W; GetObject content",
    ),
    Operation(
        "invoice now, to be closed later",
        "POST /v1/subscriptions/{}/invoice-now",
        ops.invoice_now_to_wait,
        "GetItem site 1 R; Query term 1 R; GetItem subscription 1 R; BatchGetItem 2 prices 1 R "
        "eventual; TransactWriteItems (update term + put invoice + put integer + put term + put "
        "subscription) 14 W; GetItem invoice 1 R; GetItem site 1 R; GetItem term 1 R; GetItem "
        "subscription 1 R; GetItem customer 1 R; GetItem term 1 R; Query usage 1 R; BatchGetItem "
        "2 prices 1 R eventual; Query manifest 1 R; GetItem credit 1 R",
    ),
)
CHARGEBEE = (
    Operation(
        "record a usage, Chargebee's way, first request of a process",
        "POST /api/v2/subscriptions/{}/usages",
        door.record_cold,
        "GetItem API-key 0.5 R eventual; GetItem subscription 0.5 R eventual; PutItem usage 1 "
        "W; Query term 1 R",
    ),
    Operation(
        "record a usage, Chargebee's way",
        "POST /api/v2/subscriptions/{}/usages",
        door.record,
        "PutItem usage 1 W; Query term 1 R",
    ),
    Operation(
        "record a usage with an own id, Chargebee's way",
        "POST /api/v2/subscriptions/{}/usages",
        door.record_named,
        "TransactWriteItems (put usage + put register) 4 W; Query term 1 R",
    ),
    Operation(
        "record a usage again, Chargebee's way (refused)",
        "POST /api/v2/subscriptions/{}/usages",
        door.record_again,
        "PutItem usage 1 W refused; Query term 1 R",
    ),
    Operation(
        "record another quantity, Chargebee's way (refused)",
        "POST /api/v2/subscriptions/{}/usages",
        door.record_another_quantity,
        "PutItem usage 1 W refused; GetItem usage 1 R",
    ),
    Operation(
        "record another quantity to update what is there",
        "POST /api/v2/subscriptions/{}/usages",
        door.update_existing,
        "PutItem usage 1 W refused; 2 x GetItem usage 1 R; Query term 1 R; PutItem usage 1 W; "
        "Query term 1 R",
    ),
    Operation(
        "delete a usage, Chargebee's way",
        "POST /api/v2/subscriptions/{}/delete_usage",
        door.delete,
        "GetItem usage 1 R; Query term 1 R; UpdateItem usage 1 W; Query term 1 R",
    ),
    Operation(
        "delete a usage by its own id, Chargebee's way",
        "POST /api/v2/subscriptions/{}/delete_usage",
        door.delete_named,
        "GetItem register 1 R; 2 x GetItem usage 1 R; Query term 1 R; UpdateItem usage 1 W; "
        "Query term 1 R",
    ),
    Operation(
        "delete a usage that is invoiced (refused)",
        "POST /api/v2/subscriptions/{}/delete_usage",
        door.delete_invoiced,
        "GetItem usage 1 R; Query term 1 R",
    ),
    Operation(
        "retrieve a usage",
        "GET /api/v2/subscriptions/{}/usages",
        door.retrieve,
        "GetItem site 1 R; GetItem subscription 0.5 R eventual; GetItem usage 1 R; GetItem "
        "subscription 0.5 R eventual; Query term 1 R",
    ),
    Operation(
        "retrieve a usage that is invoiced",
        "GET /api/v2/subscriptions/{}/usages",
        door.retrieve_invoiced,
        "GetItem site 1 R; GetItem subscription 0.5 R eventual; GetItem usage 1 R; GetItem "
        "subscription 0.5 R eventual; Query term 1 R; GetItem invoice 1 R; GetObject content",
    ),
    Operation(
        "list the usages of a subscription, Chargebee's way",
        "GET /api/v2/usages",
        door.list_of_one,
        "GetItem site 1 R; GetItem subscription 1 R; Query usage 1 R; GetItem subscription 0.5 "
        "R eventual; Query term 1 R",
    ),
    Operation(
        "change a customer under an idempotency key",
        "POST /api/v2/customers/{}",
        door.change_under_a_key,
        "GetItem site 1 R; PutItem reply 1 W; 2 x GetItem customer 1 R; PutItem customer 1 W; "
        "Query credit 1 R; UpdateItem reply 1 W",
    ),
    Operation(
        "change it so again, by the same key",
        "POST /api/v2/customers/{}",
        door.change_under_a_key_again,
        "GetItem site 1 R; PutItem reply 1 W refused",
    ),
    Operation(
        "put a one-time charge on an invoice, Chargebee's way",
        "POST /api/v2/invoices/{}/add_charge_item",
        once.add_at_the_chargebee_door,
        "GetItem site 1 R; 2 x GetItem invoice 1 R; GetItem charge 1 R; GetItem price 1 R; "
        "GetItem item 1 R; TransactWriteItems (put charge + update invoice) 4 W; GetItem "
        "invoice 1 R; GetItem site 1 R; GetItem term 1 R; GetItem subscription 1 R; GetItem "
        "customer 1 R; GetItem term 1 R; Query usage 1 R; BatchGetItem price 0.5 R eventual; "
        "Query charge 1 R; BatchGetItem price 0.5 R eventual; Query manifest 1 R; GetItem "
        "credit 1 R; GetItem price 1 R; GetItem item 1 R; GetItem price 1 R; GetItem item 1 R",
    ),
)
CHARGEOVER = (
    Operation(
        "record a usage, ChargeOver's way, first request of a process",
        "POST /api/v3/usage",
        over.record_cold,
        "GetItem API-key 0.5 R eventual; GetItem secret 0.5 R eventual; GetItem integer 1 R; "
        "GetItem subscription 0.5 R eventual; PutItem usage 1 W; Query term 1 R",
    ),
    Operation(
        "record a usage, ChargeOver's way",
        "POST /api/v3/usage",
        over.record,
        "PutItem usage 1 W; Query term 1 R",
    ),
    Operation(
        "record a usage with an external key, ChargeOver's way",
        "POST /api/v3/usage",
        over.record_named,
        "TransactWriteItems (put usage + put register) 4 W; Query term 1 R",
    ),
    Operation(
        "record it again, ChargeOver's way",
        "POST /api/v3/usage",
        over.record_again,
        "TransactWriteItems (put usage + put register) 4 W refused; Query term 1 R",
    ),
    Operation(
        "record a usage by a signed request",
        "POST /api/v3/usage",
        over.record_signed,
        "PutItem nonce 1 W; PutItem usage 1 W; Query term 1 R",
    ),
    Operation(
        "record three usages by one call",
        "POST /api/v3/usage",
        over.record_many,
        "3 x PutItem usage 1 W; Query term 1 R",
    ),
    Operation(
        "record three usages with external keys by one call",
        "POST /api/v3/usage",
        over.record_many_named,
        "3 x GetItem register 1 R; 3 x TransactWriteItems (put usage + put register) 4 W; Query "
        "term 1 R",
    ),
    Operation(
        "list the usages of a line",
        "GET /api/v3/usage",
        over.list_of_one,
        "GetItem site 1 R; GetItem integer 1 R; GetItem subscription 1 R; Query usage 1 R; GetItem "
        "subscription 1 R",
    ),
)
GROUPS = {
    "Usage": USAGE,
    "The schedule": SCHEDULE,
    "Invoices": INVOICES,
    "Subscriptions": SUBSCRIPTIONS,
    "The Chargebee door": CHARGEBEE,
    "The ChargeOver door": CHARGEOVER,
}
OPERATIONS = [operation for group in GROUPS.values() for operation in group]
