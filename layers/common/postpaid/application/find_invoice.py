"""Find an invoice by the number that is printed on it."""

from collections.abc import Iterator
from typing import Protocol

from postpaid.domain.invoice import Invoice, serial_text
from postpaid.domain.site import Site

_SERIAL_DIGITS_MAX = 10  # as many as the register has


class Numbers(Protocol):
    """Which invoice has which number of one site's series."""

    def holder(self, series: str, serial: int) -> str | None:
        """Read the id of the invoice that has a number, None if nobody has drawn it."""
        ...


class Heads(Protocol):
    """The heads of one site's invoices."""

    def get(self, invoice_id: str) -> Invoice | None:
        """Read the head of an invoice."""
        ...


def find_invoice_by_number(
    text: str, *, site: Site, numbers: Numbers, invoices: Heads
) -> Invoice | None:
    """Return the invoice on which exactly this number is printed, `INV-000361`; None if none has.

    Voided ones keep theirs. A number is the prefix that its series had when it was drawn, and a
    serial. Where the prefixes of the site, former ones included, leave several ways to read it, the
    head of the invoice says which was meant.
    """
    for series, serial in _readings(text, site):
        invoice_id = numbers.holder(series, serial)
        invoice = None if invoice_id is None else invoices.get(invoice_id)
        if invoice is not None and invoice.serial_text == text:
            return invoice
    return None


def _readings(text: str, site: Site) -> Iterator[tuple[str, int]]:
    """Yield each series and serial whose number may be printed so."""
    for series in site.all_series:
        for prefix in series.prefixes:
            digits = text.removeprefix(prefix)
            if text.startswith(prefix) and digits.isascii() and digits.isdecimal():
                serial = int(digits) if len(digits) <= _SERIAL_DIGITS_MAX else 0
                if serial and serial_text(prefix, serial) == text:
                    yield series.id, serial
