"""The taxes of an invoice, shared out among its lines."""

from postpaid.domain.invoice import InvoiceLine
from postpaid.domain.invoice_content import InvoiceContent
from postpaid.domain.money import Money
from postpaid.domain.tax import TaxRate, rounded_minor


def taxes_by_line(content: InvoiceContent) -> list[list[tuple[TaxRate, int]]]:
    """Return the taxes of each line, in minor units.

    They add up to the taxes of the invoice: where those were rounded once on the total, the largest
    line takes the difference.
    """
    shares: list[list[tuple[TaxRate, int]]] = [[] for _ in content.lines]
    for tax in content.taxes:
        rate = TaxRate(tax.name, tax.percent)
        found = {
            index: _share(line, rate)
            for index, line in enumerate(content.lines)
            if line.tax is not None and line.tax.inclusive == tax.inclusive
            for each in line.tax.rates
            if each == rate
        }
        largest = max(found, key=lambda index: (_size(content.lines[index].amount), -index))
        found[largest] += tax.amount.minor - sum(found.values())
        for index, amount in found.items():
            shares[index].append((rate, amount))
    return shares


def _share(line: InvoiceLine, rate: TaxRate) -> int:
    assert line.tax is not None
    return rounded_minor(line.tax.exact(line.amount, rate))


def _size(amount: Money) -> int:
    return max(amount.minor, -amount.minor)
