"""List the usages behind an invoice, and ask for their document.

    the same usages again     the same bytes under the same hash: the document that is there serves
    crash before the message  the statement is stored, and nobody asks; a repeat does
    lost answer after it      a repeat asks once more, and the renderer finds it done
    usage in between          of a pending invoice the next request states it, as another document

Nothing in the tables is written: a statement is a view, and says only what is stored elsewhere.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from postpaid.application.books import Books
from postpaid.application.close_invoice import known_invoice
from postpaid.application.compose_invoice import Parties, waiting_supplements
from postpaid.application.roll_term import known_subscription
from postpaid.domain.errors import Conflict
from postpaid.domain.invoice import Invoice, InvoiceStatus, LineKind
from postpaid.domain.invoice_content import InvoiceContent
from postpaid.domain.period import Period
from postpaid.domain.subscription import Subscription
from postpaid.domain.supplement import Supplement
from postpaid.domain.usage import Usage, UsageKey
from postpaid.domain.usage_statement import (
    Counted,
    StatedLine,
    UsageStatement,
    check_count,
    stated_lines,
    statement_hash,
    stored_statement,
)

_ONE_SECOND = timedelta(seconds=1)


class UsageIds(Protocol):
    """How a usage's public id is made, and its place in its subscription read."""

    def text(self, key: UsageKey) -> str:
        """Return the public id."""
        ...

    def placed(self, subscription_id: str, place: str) -> UsageKey:
        """Read a place, as manifests name it."""
        ...


class Statements(Protocol):
    """The statements of one site's usages, and their documents, under an invoice and a hash."""

    def put_statement(self, invoice_id: str, body: bytes) -> str:
        """Store a statement and return its hash; storing it twice changes nothing."""
        ...

    def has_statement_pdf(self, invoice_id: str, digest: str) -> bool:
        """Tell whether the document of a statement is there."""
        ...


@dataclass(frozen=True, slots=True)
class Requested:
    """A statement of an invoice's usages by its hash, and whether its document is *ready*."""

    invoice: Invoice
    digest: str
    ready: bool


def request_statement(
    invoice_id: str,
    *,
    books: Books,
    statements: Statements,
    usage_ids: UsageIds,
    ask: Callable[[str, str], None],
) -> Requested:
    """State an invoice's usages, and have their document made unless it is there.

    *ask* asks the renderer, by the ids of invoice and statement. Raises `NotFound`; `Conflict` with
    code `pdf_not_ready` of a deleted invoice; `LimitExceeded`; `Unavailable`.
    """
    invoice, statement = usage_statement(invoice_id, books=books, usage_ids=usage_ids)
    body = stored_statement(statement)
    digest = statement_hash(body)
    ready = statements.has_statement_pdf(invoice.id, digest)
    if not ready:
        # First what it says: the message must not come before what it names.
        statements.put_statement(invoice.id, body)
        ask(invoice.id, digest)
    return Requested(invoice, digest, ready)


def usage_statement(
    invoice_id: str, *, books: Books, usage_ids: UsageIds
) -> tuple[Invoice, UsageStatement]:
    """Return an invoice and its usages: those it would bill now, or those it billed.

    Raises `NotFound`; `Conflict` with code `pdf_not_ready` of a deleted invoice; `LimitExceeded` if
    there are more than 10 000.
    """
    invoice = known_invoice(books.invoices, invoice_id)
    if invoice.status is InvoiceStatus.DELETED:
        why = "the invoice was deleted: a document of its usages will not be made"
        raise Conflict("pdf_not_ready", why)
    if invoice.status is InvoiceStatus.PENDING:
        return invoice, _pending(invoice, books, usage_ids)
    return invoice, _closed(invoice, books, usage_ids)


def _pending(invoice: Invoice, books: Books, usage_ids: UsageIds) -> UsageStatement:
    """State what an invoice would bill if it closed now; nothing is rated, so that it always can.

    An opening invoice is headed with the term that it opens, and bills no usage.
    """
    parties = Parties.of(invoice.subscription_id, books)
    subscription = parties.subscription
    source = _Source(subscription, books, usage_ids, {})
    start = subscription.start if invoice.term_start is None else invoice.term_start
    term = books.terms.get(subscription.id, start)
    assert term is not None, "an invoice has its term"
    own: list[Counted] = []
    if invoice.k:
        later = source.supplements([(start, invoice.k)])
    elif invoice.term_start is None:
        later = []
    else:
        waiting = waiting_supplements(invoice, term, books)
        later = [books.documents.get_supplement(each) for each in waiting]
        own = source.live(books.ledger.of(subscription).in_period(term.usage_period))
    return UsageStatement(
        invoice_id=invoice.id,
        number=None,
        draft=True,
        subscription_id=subscription.id,
        customer_id=subscription.customer_id,
        period=term.period,
        timezone=subscription.zone_at(term.period.start).key,
        seller=books.sites.get().seller,
        customer=parties.customer.address,
        lines=source.stated(term.period, own, later),
    )


def _closed(invoice: Invoice, books: Books, usage_ids: UsageIds) -> UsageStatement:
    """State what an invoice billed, whatever became of its usages since."""
    content = books.documents.get_content(invoice)
    check_count(len(content.manifest))
    subscription = known_subscription(books.subscriptions, invoice.subscription_id)
    source = _Source(subscription, books, usage_ids, _descriptions(content))
    own = source.billed(content)
    later = source.supplements(content.supplements)
    return UsageStatement(
        invoice_id=invoice.id,
        number=invoice.serial_text,
        draft=False,
        subscription_id=content.subscription_id,
        customer_id=content.customer_id,
        period=content.period,
        timezone=content.timezone,
        seller=content.seller,
        customer=content.customer,
        lines=source.stated(content.period, own, later),
    )


def _descriptions(content: InvoiceContent) -> dict[tuple[str, str], str]:
    kinds = {LineKind.USAGE, LineKind.SUPPLEMENT}
    return {
        (line.line_id, line.item_price_id): line.description
        for line in content.lines
        if line.kind in kinds
    }


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the usages of one subscription's invoice are read from."""

    subscription: Subscription
    books: Books
    usage_ids: UsageIds
    descriptions: Mapping[tuple[str, str], str]

    def stated(
        self, period: Period, own: Iterable[Counted], later: Sequence[Supplement]
    ) -> tuple[StatedLine, ...]:
        """State the usages of an invoice's own term, then what came later to earlier ones."""
        check_count(sum(len(each.differences) for each in later))
        lines = stated_lines(self.subscription, period, own, descriptions=self.descriptions)
        for term in sorted({each.period for each in later}):
            changed = self._changed([each for each in later if each.period == term])
            lines += stated_lines(
                self.subscription, term, changed, descriptions=self.descriptions, earlier=True
            )
        return tuple(lines)

    def live(self, usages: Iterable[Usage]) -> list[Counted]:
        """Return usages as they count now, without those that are deleted."""
        return [
            Counted(key=each.key, name=self._name(each.key, each), quantity=each.quantity)
            for each in usages
            if not each.deleted
        ]

    def billed(self, content: InvoiceContent) -> list[Counted]:
        """Return the usages of an invoice's manifest."""
        quantities = {self._key(place): Decimal(text) for place, _, text in content.manifest}
        known = self._known(quantities)
        return [
            Counted(key=key, name=self._name(key, known.get(key)), quantity=quantity)
            for key, quantity in quantities.items()
        ]

    def supplements(self, named: Iterable[tuple[datetime, int]]) -> list[Supplement]:
        """Read the later manifests that an invoice bills, by the start of their term and number."""
        wanted: dict[datetime, set[int]] = {}
        for start, k in named:
            wanted.setdefault(start, set()).add(k)
        found: list[Supplement] = []
        for start, numbers in sorted(wanted.items()):
            term = self.books.terms.get(self.subscription.id, start)
            assert term is not None, "terms are never removed"
            log = self.books.manifests.of_term(term)
            billed = [each for each in log if each.k in numbers]
            found += [self.books.documents.get_supplement(each) for each in billed]
        return found

    def _changed(self, supplements: Sequence[Supplement]) -> Iterator[Counted]:
        """Yield what changed in a term, from before the first of its supplements to the last."""
        first: dict[UsageKey, Decimal] = {}
        last: dict[UsageKey, Decimal] = {}
        for each in sorted(supplements, key=lambda supplement: supplement.k):
            for difference in each.differences:
                key = self._key(difference.place)
                first.setdefault(key, difference.was.quantity)
                last[key] = difference.now.quantity
        known = self._known(last)
        for key, quantity in last.items():
            name = self._name(key, known.get(key))
            yield Counted(key=key, name=name, quantity=quantity, before=first[key])

    def _known(self, keys: Collection[UsageKey]) -> dict[UsageKey, Usage]:
        """Read the usages dated from the first to the last of these."""
        if not keys:
            return {}
        dates = [key.at for key in keys]
        span = Period(min(dates), max(dates) + _ONE_SECOND)
        usages = self.books.ledger.of(self.subscription).in_period(span)
        return {usage.key: usage for usage in usages}

    def _key(self, place: str) -> UsageKey:
        return self.usage_ids.placed(self.subscription.id, place)

    def _name(self, key: UsageKey, usage: Usage | None) -> str:
        """Name a usage as its client does, if the client does: that is what people look for."""
        external_id = None if usage is None else usage.external_id
        return external_id or key.event_id or self.usage_ids.text(key)
