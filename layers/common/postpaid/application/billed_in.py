"""Find which invoice bills a usage, and by which of its lines.

A term that is frozen has manifests, and those say of each usage which version they bill. So what
came too late for its own invoice, or was corrected since, is told from what is on it, however short
a time ago that was. What a pending invoice would bill is not billed yet.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from postpaid.application.books import Books
from postpaid.application.entries import Appended
from postpaid.domain.invoice import Invoice, InvoiceLine, InvoiceStatus, LineKind
from postpaid.domain.invoice_content import InvoiceContent
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import Term, TermStatus
from postpaid.domain.usage import Usage, UsageKey

_METERED = frozenset({LineKind.USAGE, LineKind.SUPPLEMENT})


@dataclass(frozen=True, slots=True)
class BilledIn:
    """The issued invoice that bills a usage, and the index of the line among those of its content.

    *line* is None where no line charges it: in a trial, or if a change came to the same amount.
    """

    invoice: Invoice
    line: int | None


def billed_in(
    usages: Iterable[Usage], *, subscription: Subscription, books: Books
) -> dict[UsageKey, BilledIn]:
    """Return where usages of one subscription are billed, as they are; others are absent.

    Absent is what is deleted, what no invoice bills in this version yet, or ever, and what is on an
    invoice that was voided. For each term there is one look, and if it is frozen a read of its
    invoice's head and content; only where that does not bill them all, its later manifests are read
    and the invoices that those are on.
    """
    drawer = _Drawer(books)
    found: dict[UsageKey, BilledIn] = {}
    for term, of_term in _by_term(usages, subscription, books):
        if term.status is TermStatus.FROZEN:
            found |= _in_term(term, {books.ledger.place(each): each for each in of_term}, drawer)
    return found


def _by_term(
    usages: Iterable[Usage], subscription: Subscription, books: Books
) -> Iterator[tuple[Term, list[Usage]]]:
    """Yield the terms that live usages are dated in, with them, the latest first.

    One look finds the term that began last at or before a date: it is that of all dates between.
    """
    live = [usage for usage in usages if not usage.deleted]
    live.sort(key=lambda usage: usage.key.at)
    while live:
        assert live[-1].key.subscription_id == subscription.id, "of another subscription"
        term = books.terms.look(subscription.id, live[-1].key.at)
        if term is None:
            return  # before the first term there is none
        of_term = [usage for usage in live if usage.key.at >= term.period.start]
        del live[-len(of_term) :]
        yield term, of_term


def _in_term(term: Term, usages: dict[str, Usage], drawer: "_Drawer") -> dict[UsageKey, BilledIn]:
    """Return where the usages of a frozen term are billed; they are named by their places."""
    assert term.invoice_id is not None
    found: dict[UsageKey, BilledIn] = {}
    invoice = drawer.issued(term.invoice_id)
    if invoice is not None:
        content = drawer.content(invoice)
        for place, version, _ in content.manifest:
            usage = usages.get(place)
            if usage is not None and usage.version == version:
                line = _line_of(usage, content.lines)
                found[usage.key] = BilledIn(invoice, _index(line, content))
    if term.manifests > 1 and len(found) < len(usages):
        for appended in drawer.books.manifests.of_term(term):
            found |= _in_supplement(appended, usages, drawer)
    return found


def _in_supplement(
    appended: Appended, usages: dict[str, Usage], drawer: "_Drawer"
) -> dict[UsageKey, BilledIn]:
    """Return where usages are billed whose present version a later manifest bills."""
    found: dict[UsageKey, BilledIn] = {}
    invoice = None if appended.billed_in is None else drawer.issued(appended.billed_in)
    if invoice is None:
        return found
    supplement = drawer.books.documents.get_supplement(appended)
    for each in supplement.differences:
        usage = usages.get(each.place)
        if usage is not None and usage.version == each.now.version:
            line = _line_of(usage, supplement.lines)
            index = None if line is None else _index(line, drawer.content(invoice))
            found[usage.key] = BilledIn(invoice, index)
    return found


def _line_of(usage: Usage, lines: Sequence[InvoiceLine]) -> InvoiceLine | None:
    """Return the line that a usage is charged by.

    Of several segments it is that of its date, at its price. What was recorded while a change was
    on its way is charged by the one that began last before it, and a level by the last of all.
    """
    own = [each for each in lines if each.kind in _METERED and each.line_id == usage.key.line_id]
    begun = [each for each in own if each.period.start <= usage.key.at]
    inside = [each for each in begun if usage.key.at < each.period.end]
    priced = [each for each in inside if each.item_price_id == usage.item_price_id]
    chosen = priced or inside or begun or own
    return chosen[-1] if chosen else None


def _index(line: InvoiceLine | None, content: InvoiceContent) -> int | None:
    return None if line is None else content.lines.index(line)


@dataclass(frozen=True, slots=True)
class _Drawer:
    """The invoices that were read for one question, each once."""

    books: Books
    heads: dict[str, Invoice | None] = field(default_factory=dict)
    contents: dict[str, InvoiceContent] = field(default_factory=dict)

    def issued(self, invoice_id: str) -> Invoice | None:
        """Return the head of an invoice, None if it is not issued, or no more."""
        if invoice_id not in self.heads:
            head = self.books.invoices.get(invoice_id)
            is_issued = head is not None and head.status is InvoiceStatus.ISSUED
            self.heads[invoice_id] = head if is_issued else None
        return self.heads[invoice_id]

    def content(self, invoice: Invoice) -> InvoiceContent:
        """Return what an invoice says."""
        if invoice.id not in self.contents:
            self.contents[invoice.id] = self.books.documents.get_content(invoice)
        return self.contents[invoice.id]
