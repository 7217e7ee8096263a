"""What an invoice says: immutable, and complete enough to rate every line again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from postpaid.domain.bounds import Bound, bound_exceeded
from postpaid.domain.charge import Priced, Step
from postpaid.domain.instants import instant_from_text, instant_text
from postpaid.domain.invoice import InvoiceLine, LineKind
from postpaid.domain.money import Money, total
from postpaid.domain.period import Period
from postpaid.domain.pricing.model import Component
from postpaid.domain.quantity import decimal_text
from postpaid.domain.site import Address
from postpaid.domain.tax import TaxAmount, TaxRate, TaxRates

LINES_MAX = 40_000  # no subscription within its own limits comes near
_SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceContent:
    """What an invoice says: lines, taxes, parties and the manifest of the usages it bills.

    *manifest* maps each usage's place in its subscription to the version and quantity that were
    billed. *supplements* names the later manifests that it bills, by the start of their term and
    number. *balance* is the customer's credit before this invoice, None if there was none.
    *payment_days* is how many days after its issue it is due. The plain form of all this is stored
    once, under its hash. A preview has no *invoice_id* and is never stored.
    """

    invoice_id: str | None
    subscription_id: str
    customer_id: str
    currency: str
    timezone: str
    engine: int
    ended: Period | None
    begun: Period | None
    seller: Address
    customer: Address
    lines: tuple[InvoiceLine, ...]
    manifest: tuple[tuple[str, int, str], ...]
    taxes: tuple[TaxAmount, ...] = ()
    balance: Money | None = None
    supplements: tuple[tuple[datetime, int], ...] = ()
    payment_days: int = 0

    def __post_init__(self) -> None:
        if len(self.lines) > LINES_MAX:
            raise bound_exceeded(Bound.LINES, len(self.lines), LINES_MAX)  # I-21
        assert self.balance is None or self.balance.minor >= 0
        assert self.payment_days >= 0
        assert all(line.amount.currency == self.currency for line in self.lines)

    @property
    def subtotal(self) -> Money:
        """The sum of the rounded lines; inclusive taxes are in it."""
        return total((line.amount for line in self.lines), self.currency)

    @property
    def charges(self) -> Money:
        """The subtotal and the exclusive taxes; negative if more is given back than charged."""
        exclusive = (tax.amount for tax in self.taxes if not tax.inclusive)
        return self.subtotal + total(exclusive, self.currency)

    @property
    def credit_applied(self) -> Money:
        """What is taken from the customer's credit balance."""
        balance = 0 if self.balance is None else self.balance.minor
        return Money(min(balance, max(self.charges.minor, 0)), self.currency)

    @property
    def credit_granted(self) -> Money:
        """What goes to the customer's credit balance, because a total is never negative."""
        return Money(max(-self.charges.minor, 0), self.currency)

    @property
    def total(self) -> Money:
        """The charges less the credit that is applied; zero if they are negative."""
        return self.charges + self.credit_granted + -self.credit_applied

    @property
    def period(self) -> Period:
        """The period an invoice is headed with: the ended term, else the one it opens."""
        period = self.ended or self.begun
        assert period is not None, "an invoice bills a term or opens one"
        return period


def plain_content(content: InvoiceContent) -> dict[str, Any]:
    """Return the plain form of what an invoice says; JSON values, decimals as strings."""
    plain = {
        "schema": _SCHEMA,
        "engine": content.engine,
        "invoice_id": content.invoice_id,
        "subscription_id": content.subscription_id,
        "customer_id": content.customer_id,
        "currency": content.currency,
        "timezone": content.timezone,
        "ended": plain_period(content.ended),
        "begun": plain_period(content.begun),
        "seller": plain_address(content.seller),
        "customer": plain_address(content.customer),
        "lines": [plain_line(line) for line in content.lines],
        "subtotal": str(content.subtotal),
        "taxes": [plain_tax(tax) for tax in content.taxes],
        "balance": None if content.balance is None else str(content.balance),
        "total": str(content.total),
        "supplements": [[instant_text(start), k] for start, k in content.supplements],
        "manifest": [list(entry) for entry in content.manifest],
    }
    # Left out where it says nothing: what was stored before there was such a thing is as it was.
    return plain | ({"payment_days": content.payment_days} if content.payment_days else {})


def stored_content(content: InvoiceContent) -> bytes:
    """Return the bytes that are stored of what an invoice says; equal contents have equal ones."""
    return canonical(plain_content(content))


def canonical(plain: Mapping[str, Any]) -> bytes:
    """Return the one text of a plain form, so that the same content has the same hash."""
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def content_from_plain(plain: Mapping[str, Any]) -> InvoiceContent:
    """Read what an invoice says from its plain form."""
    assert plain["schema"] == _SCHEMA
    currency = plain["currency"]
    content = InvoiceContent(
        invoice_id=plain["invoice_id"],
        subscription_id=plain["subscription_id"],
        customer_id=plain["customer_id"],
        currency=currency,
        timezone=plain["timezone"],
        engine=plain["engine"],
        ended=period_from_plain(plain["ended"]),
        begun=period_from_plain(plain["begun"]),
        seller=address_from_plain(plain["seller"]),
        customer=address_from_plain(plain["customer"]),
        lines=tuple(line_from_plain(line, currency) for line in plain["lines"]),
        taxes=tuple(_tax(tax, currency) for tax in plain["taxes"]),
        balance=_money(plain["balance"], currency),
        supplements=tuple((instant_from_text(start), k) for start, k in plain["supplements"]),
        payment_days=plain.get("payment_days", 0),
        manifest=tuple(
            (place, version, quantity) for place, version, quantity in plain["manifest"]
        ),
    )
    assert str(content.total) == plain["total"]
    return content


def plain_period(period: Period | None) -> dict[str, str] | None:
    """Return the plain form of a period, half-open."""
    if period is None:
        return None
    return {"start": instant_text(period.start), "end": instant_text(period.end)}


def plain_tax(tax: TaxAmount) -> dict[str, Any]:
    """Return the plain form of a tax."""
    return {
        "name": tax.name,
        "percent": decimal_text(tax.percent),
        "inclusive": tax.inclusive,
        "base": str(tax.base),
        "amount": str(tax.amount),
    }


def plain_rates(rates: TaxRates | None) -> dict[str, Any] | None:
    """Return the plain form of tax rates."""
    if rates is None:
        return None
    return {
        "inclusive": rates.inclusive,
        "rates": [
            {"name": rate.name, "percent": decimal_text(rate.percent)} for rate in rates.rates
        ],
    }


def rates_from_plain(plain: Mapping[str, Any] | None) -> TaxRates | None:
    """Read tax rates from their plain form."""
    if plain is None:
        return None
    rates = (TaxRate(rate["name"], Decimal(rate["percent"])) for rate in plain["rates"])
    return TaxRates(tuple(rates), plain["inclusive"])


def plain_line(line: InvoiceLine) -> dict[str, Any]:
    """Return the plain form of a line, with everything that it takes to rate it again."""
    return {
        "kind": line.kind.value,
        "line_id": line.line_id,
        "item_price_id": line.item_price_id,
        "price_version": line.price_version,
        "description": line.description,
        "unit": line.unit,
        "period": plain_period(line.period),
        "quantity": _decimal_or_none(line.quantity),
        "unit_amount": _decimal_or_none(line.unit_amount),
        "amount": str(line.amount),
        "exact_amount": decimal_text(line.priced.amount),
        "days": line.days,
        "days_in_period": line.days_in_period,
        "days_after": line.days_after,
        "billed_before": None if line.billed_before is None else str(line.billed_before),
        "pricing": dict(line.pricing),
        "components": [_plain_component(component) for component in line.priced.components],
        "steps": [
            {
                "kind": step.kind,
                "value": decimal_text(step.value),
                "amount": decimal_text(step.amount),
            }
            for step in line.priced.steps
        ],
        "tax": plain_rates(line.tax),
    }


def line_from_plain(plain: Mapping[str, Any], currency: str) -> InvoiceLine:
    """Read a line from its plain form."""
    period = period_from_plain(plain["period"])
    assert period is not None
    quantity = _decimal(plain["quantity"])
    priced = Priced(
        amount=Decimal(plain["exact_amount"]),
        quantity=Decimal(0) if quantity is None else quantity,
        components=tuple(_component(each) for each in plain["components"]),
        steps=tuple(
            Step(step["kind"], Decimal(step["value"]), Decimal(step["amount"]))
            for step in plain["steps"]
        ),
    )
    line = InvoiceLine(
        kind=LineKind(plain["kind"]),
        line_id=plain["line_id"],
        item_price_id=plain["item_price_id"],
        price_version=plain["price_version"],
        description=plain["description"],
        unit=plain["unit"],
        period=period,
        quantity=quantity,
        amount=Money.rounded(Decimal(plain["amount"]), currency),
        priced=priced,
        pricing=plain["pricing"],
        tax=rates_from_plain(plain["tax"]),
        days=plain["days"],
        days_in_period=plain["days_in_period"],
        days_after=plain["days_after"],
        billed_before=_money(plain["billed_before"], currency),
    )
    assert str(line.amount) == plain["amount"]
    return line


def _plain_component(component: Component) -> dict[str, Any]:
    return {
        "quantity": _decimal_or_none(component.quantity),
        "unit_amount": _decimal_or_none(component.unit_amount),
        "amount": decimal_text(component.amount),
        "tier": component.tier,
        "note": component.note,
    }


def _component(plain: Mapping[str, Any]) -> Component:
    return Component(
        Decimal(plain["amount"]),
        _decimal(plain["quantity"]),
        _decimal(plain["unit_amount"]),
        plain["tier"],
        plain["note"],
    )


def _tax(plain: Mapping[str, Any], currency: str) -> TaxAmount:
    return TaxAmount(
        name=plain["name"],
        percent=Decimal(plain["percent"]),
        inclusive=plain["inclusive"],
        base=Money.rounded(Decimal(plain["base"]), currency),
        amount=Money.rounded(Decimal(plain["amount"]), currency),
    )


def period_from_plain(plain: Mapping[str, str] | None) -> Period | None:
    """Read a period from its plain form."""
    if plain is None:
        return None
    return Period(instant_from_text(plain["start"]), instant_from_text(plain["end"]))


def plain_address(address: Address) -> dict[str, Any]:
    """Return the plain form of a party's name and address."""
    return {
        "name": address.name,
        "lines": list(address.lines),
        "email": address.email,
        "tax_id": address.tax_id,
    }


def address_from_plain(plain: Mapping[str, Any]) -> Address:
    """Read a party's name and address from their plain form."""
    return Address(
        name=plain["name"],
        lines=tuple(plain["lines"]),
        email=plain["email"],
        tax_id=plain["tax_id"],
    )


def _money(text: str | None, currency: str) -> Money | None:
    return None if text is None else Money.rounded(Decimal(text), currency)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _decimal_or_none(number: Decimal | None) -> str | None:
    return None if number is None else decimal_text(number)
