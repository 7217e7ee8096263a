"""Find an invoice that has a number, and read what goes with it: each thing once for an answer."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from postpaid.api.chargeover.find import id_of
from postpaid.api.chargeover.invoice_lines import Row, Sold, package_line_id, shown_line
from postpaid.api.chargeover.invoice_shape import SHOWN, day_of, shown_content, shown_head
from postpaid.api.desk import Desk
from postpaid.application.close_invoice import known_invoice
from postpaid.domain.customer import Customer
from postpaid.domain.errors import LimitExceeded, NotFound
from postpaid.domain.instants import zone
from postpaid.domain.invoice import Invoice, PaymentState, RenderState
from postpaid.domain.invoice_content import InvoiceContent
from postpaid.domain.invoice_taxes import taxes_by_line
from postpaid.domain.money import Money
from postpaid.domain.subscription import Subscription

# What an invoice says is a document of its own: so many are read for one answer.
DOCUMENTS_MAX = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What the invoices of one answer are shown by."""

    desk: Desk
    customer: Callable[[str], Customer]
    package: Callable[[str], Subscription]
    sold: Callable[[str], Sold]
    content: Callable[[Invoice], InvoiceContent]

    @classmethod
    def of(cls, desk: Desk) -> "Reader":
        """Return one that has read nothing yet."""

        @cache
        def customer(customer_id: str) -> Customer:
            found = desk.customers.get(customer_id)
            assert found is not None, "customers are never removed"
            return found

        @cache
        def package(subscription_id: str) -> Subscription:
            found = desk.subscriptions.get(subscription_id)
            assert found is not None, "subscriptions are never removed"
            return found

        @cache
        def sold(price_id: str) -> Sold:
            price = desk.prices.newest(price_id)
            assert price is not None, "prices are never removed"
            item = desk.items.get(price.item_id)
            assert item is not None, "items are never removed"
            return Sold(item, price)

        said: dict[str, InvoiceContent] = {}

        def content(invoice: Invoice) -> InvoiceContent:
            if invoice.id not in said:
                if len(said) >= DOCUMENTS_MAX:
                    raise LimitExceeded(
                        "limit_exceeded",
                        f"what {DOCUMENTS_MAX} invoices say is read at once: narrow it by a filter "
                        "on a customer_id or package_id",
                    )
                said[invoice.id] = desk.documents.get_content(invoice)
            return said[invoice.id]

        return cls(desk=desk, customer=customer, package=package, sold=sold, content=content)

    def head(self, invoice: Invoice) -> Row:
        """Show what is known of an invoice by its head alone."""
        desk = self.desk
        place = zone(desk.site.timezone)
        today = desk.now.astimezone(place).date()
        return shown_head(invoice, scope=desk.scope, today=today, place=place)

    def numbers(self, invoice: Invoice) -> Row:
        """Show whose an invoice is, by their integers."""
        return {
            "customer_id": self.customer(invoice.customer_id).number,
            "package_id": self.package(invoice.subscription_id).number,
        }

    def completed(self, invoice: Invoice, head: Row) -> Row:
        """Add to a head all but the lines."""
        return {
            **head,
            **self.numbers(invoice),
            **shown_content(self.content(invoice)),
            "paid_date": self._paid_date(invoice),
            "declines": 0,
            "url_permalink": None,
            "url_paylink": None,
            "url_pdflink": self.pdf_link(invoice),
            "url_self": f"/api/v3/invoice/{invoice.number}",
        }

    def lines(self, invoice: Invoice) -> list[Row]:
        """Show the lines of an invoice."""
        content, entries = self.content(invoice), self.package(invoice.subscription_id).lines
        shown = []
        for index, (line, taxes) in enumerate(
            zip(content.lines, taxes_by_line(content), strict=True)
        ):
            tax = Money(sum(minor for _, minor in taxes), content.currency) if taxes else None
            shown.append(
                shown_line(
                    invoice.number,
                    index,
                    line,
                    sold=self.sold(line.item_price_id),
                    package_line=package_line_id(entries, line),
                    tax=tax,
                    scope=self.desk.scope,
                )
            )
        return shown

    def whole(self, invoice: Invoice) -> Row:
        """Show an invoice with its lines."""
        shown = self.completed(invoice, self.head(invoice))
        return {**shown, "line_items": self.lines(invoice)}

    def pdf_link(self, invoice: Invoice) -> str | None:
        """Return a link to the document for some minutes, None while it is not made."""
        is_made = invoice.render is RenderState.DONE and invoice.pdf_hash is not None
        return self.desk.documents.pdf_link(invoice) if is_made else None

    def _paid_date(self, invoice: Invoice) -> object:
        if invoice.payment is not PaymentState.PAID:
            return None
        if not invoice.payments:
            return day_of(invoice)  # there was nothing to pay
        return max(each.paid_on for each in self.desk.payments.of_invoice(invoice.id))


def invoice_of(desk: Desk, text: str, field: str | None = None) -> Invoice:
    """Return an invoice by its integer or `external_key:…`; raises `NotFound`.

    One that is pending, or had nothing to charge, is not there.
    """
    identifier = id_of(desk, "invoice", text, field)
    invoice = desk.invoices.get(identifier) if field else known_invoice(desk.invoices, identifier)
    if invoice is None or invoice.status not in SHOWN:
        raise NotFound("invoice_not_found", "there is no such invoice", field=field)
    return invoice
