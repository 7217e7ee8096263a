"""Things as the native door shows them: ids, ISO instants, amounts and quantities as strings."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

from postpaid.application.entries import Appended
from postpaid.domain.api_key import ApiKey
from postpaid.domain.bounds import AmountBounds, broken_details
from postpaid.domain.calendar import Schedule
from postpaid.domain.catalog import Item, ItemFamily, ItemPrice
from postpaid.domain.customer import Customer
from postpaid.domain.instants import instant_text
from postpaid.domain.invoice import Invoice
from postpaid.domain.invoice_content import (
    InvoiceContent,
    plain_line,
    plain_period,
    plain_rates,
    plain_tax,
)
from postpaid.domain.line import Line
from postpaid.domain.money import Money
from postpaid.domain.one_time import OneTimeCharge
from postpaid.domain.payment import Payment
from postpaid.domain.quantity import decimal_text
from postpaid.domain.site import Address, ClosingPolicy, Site
from postpaid.domain.subscription import Subscription
from postpaid.domain.supplement import Supplement
from postpaid.domain.term import Term
from postpaid.domain.usage import UsageKey
from postpaid.domain.usage_url import UsageUrl


class UsageIds(Protocol):
    """How a usage's public id is made from its place in its subscription."""

    def text(self, key: UsageKey) -> str:
        """Return the public id."""
        ...

    def placed(self, subscription_id: str, place: str) -> UsageKey:
        """Read a place, as manifests name it."""
        ...


def native_from_site(site: Site) -> dict[str, Any]:
    """Show a site."""
    return {
        "id": site.scope.site,
        "test": site.test,
        "timezone": site.timezone,
        "currency": site.currency,
        "closing": _closing(site.closing),
        "seller": _party(site.seller),
        "number_prefix": site.number_prefix,
        "series": [{"id": each.id, "number_prefix": each.prefix} for each in site.series],
        "aggregation": site.aggregation.value,
        "tax_rounding": site.tax_rounding.value,
        "late_usage": site.late.value,
        "usage_records_max": site.usage_records_max,
        "bounds": _bounds(site.bounds),
        "created_at": instant_text(site.created_at),
    }


def native_from_family(family: ItemFamily) -> dict[str, Any]:
    """Show an item family."""
    return {
        "id": family.id,
        "integer_id": family.number,
        "name": family.name,
        "description": family.description,
        "archived": family.archived,
        "created_at": instant_text(family.created_at),
        "updated_at": instant_text(family.updated_at),
    }


def native_from_item(item: Item) -> dict[str, Any]:
    """Show an item."""
    return {
        "id": item.id,
        "integer_id": item.number,
        "name": item.name,
        "type": item.type.value,
        "metered": item.metered,
        "unit": item.unit,
        "recording": item.recording.value,
        "aggregation": item.aggregation.value,
        "description": item.description,
        "family_id": item.family_id,
        "archived": item.archived,
        "created_at": instant_text(item.created_at),
        "updated_at": instant_text(item.updated_at),
    }


def native_from_price(price: ItemPrice) -> dict[str, Any]:
    """Show the newest version of an item price."""
    return {
        "id": price.id,
        "integer_id": price.number,
        "item_id": price.item_id,
        "name": price.name,
        "currency": price.currency,
        **price.charge.to_plain(),
        "base_fee": None if price.base_fee is None else decimal_text(price.base_fee),
        "setup_fee": None if price.setup_fee is None else decimal_text(price.setup_fee),
        "tax": plain_rates(price.tax),
        "cadence": None
        if price.cadence is None
        else {"unit": price.cadence.unit, "count": price.cadence.count},
        "description": price.description,
        "archived": price.archived,
        "version": price.version,
        "created_at": instant_text(price.created_at),
    }


def native_from_customer(customer: Customer) -> dict[str, Any]:
    """Show a customer."""
    return {
        "id": customer.id,
        "integer_id": customer.number,
        **_party(customer.address),
        "closing": _closing(customer.closing),
        "series": customer.series,
        "tax": plain_rates(customer.tax),
        "payment_days": customer.payment_days,
        "deleted": customer.deleted,
        "created_at": instant_text(customer.created_at),
        "updated_at": instant_text(customer.updated_at),
    }


def native_from_subscription(
    subscription: Subscription, term: Term | None, now: datetime
) -> dict[str, Any]:
    """Show a subscription as it is now and is to be, and its present term, None before its start.

    Lines that ended are left out; invoices name them.
    """
    schedule = subscription.schedule_at(now)
    return {
        "id": subscription.id,
        "integer_id": subscription.number,
        "version": subscription.version,
        "status": subscription.state(now).value,
        "customer_id": subscription.customer_id,
        "currency": subscription.currency,
        "timezone": schedule.zone.key,
        "start": instant_text(subscription.start),
        "trial_end": _instant(subscription.trial_end),
        "end": _instant(subscription.end),
        "cycles": subscription.cycles,
        "hold_until": _instant(subscription.hold_until),
        "cadence": _cadence(schedule),
        "scheduled": [
            {"from": instant_text(later.start), "timezone": later.zone.key, **_cadence(later)}
            for later in subscription.later
            if now < later.start
        ],
        "suspensions": [
            {"from": instant_text(each.start), "to": _instant(each.end)}
            for each in subscription.suspensions
        ],
        "prorate": subscription.prorate,
        "late_usage": subscription.late.value,
        "usage_records_max": subscription.usage_records_max,
        "usage_shards": subscription.usage_shards,
        "lines": [
            _line(line, subscription.usage_urls.get(line.id))
            for line in subscription.shown_lines(now)
        ],
        "closing": _closing(subscription.closing),
        "opening_pending": subscription.opening_pending,
        "series": subscription.series,
        "current_term": None if term is None else plain_period(term.period),
        "created_at": instant_text(subscription.created_at),
    }


def native_from_invoice(invoice: Invoice, content: InvoiceContent | None) -> dict[str, Any]:
    """Show an invoice: its head and, where *content* is given, everything it says.

    The content of a pending invoice is what it would say if it closed now.
    """
    shown = {
        "id": invoice.id,
        "integer_id": invoice.number,
        "number": invoice.serial_text,
        "series": None if invoice.serial is None else invoice.series,
        "status": invoice.status.value.lower(),
        "customer_id": invoice.customer_id,
        "subscription_id": invoice.subscription_id,
        "currency": invoice.currency,
        "supplement": invoice.k or None,
        "total": _amount(invoice.total),
        "issued_on": None if invoice.issued_on is None else invoice.issued_on.isoformat(),
        "due_on": None if invoice.due_on is None else invoice.due_on.isoformat(),
        "amount_paid": _amount(invoice.amount_paid),
        "amount_due": _amount(invoice.amount_due),
        "payment": None if invoice.payment is None else invoice.payment.value,
        "voided_at": _instant(invoice.voided_at),
        "void_reason": invoice.void_reason,
        "deleted_at": _instant(invoice.deleted_at),
        "delete_reason": invoice.delete_reason,
        "parked": invoice.parked,
        "broken_bound": None if invoice.broken is None else broken_details(invoice.broken),
        "document": None if invoice.render is None else invoice.render.value.lower(),
        "created_at": instant_text(invoice.created_at),
    }
    return shown if content is None else shown | _said(content)


def native_from_payment(payment: Payment) -> dict[str, Any]:
    """Show a payment."""
    return {
        "id": payment.id,
        "invoice_id": payment.invoice_id,
        "amount": str(payment.amount),
        "currency": payment.amount.currency,
        "paid_on": payment.paid_on.isoformat(),
        "method": payment.method,
        "reference": payment.reference,
        "recorded_at": instant_text(payment.recorded_at),
    }


def native_from_charge(charge: OneTimeCharge) -> dict[str, Any]:
    """Show a one-time charge; what it comes to is on its invoice's lines."""
    line, period = charge.line, charge.period
    return {
        "id": charge.id,
        "integer_id": line.number,
        "invoice_id": charge.invoice_id,
        "item_price_id": line.item_price_id,
        "price_version": line.price_version,
        "name": line.name,
        "quantity": None if line.quantity is None else decimal_text(line.quantity),
        "pricing": None if line.charge is None else line.charge.to_plain(),
        "from": None if period is None else instant_text(period.start),
        "to": None if period is None else instant_text(period.end),
        "comment": charge.comment,
        "added_at": instant_text(charge.added_at),
        "removed_at": _instant(charge.removed_at),
    }


def native_from_upcoming(content: InvoiceContent) -> dict[str, Any]:
    """Show the coming invoice of a subscription; it has no id, number or date yet."""
    return {
        "status": "upcoming",
        "customer_id": content.customer_id,
        "subscription_id": content.subscription_id,
        "currency": content.currency,
        **_said(content),
    }


def native_from_late(
    appended: Appended, supplement: Supplement, usage_ids: UsageIds
) -> dict[str, Any]:
    """Show what came or changed after a term's invoice, usage by usage, and where it is billed."""
    subscription_id = appended.subscription_id
    return {
        "subscription_id": subscription_id,
        "customer_id": supplement.customer_id,
        "term": plain_period(supplement.period),
        "supplement": appended.k,
        "policy": appended.policy.value,
        "currency": supplement.currency,
        "amount": str(appended.amount),
        "invoice_id": appended.billed_in,
        "found_at": instant_text(appended.found_at),
        "usages": [
            {
                "id": usage_ids.text(usage_ids.placed(subscription_id, each.place)),
                "billed_version": each.was.version,
                "billed_quantity": decimal_text(each.was.quantity),
                "version": each.now.version,
                "quantity": decimal_text(each.now.quantity),
            }
            for each in supplement.differences
        ],
        "lines": [plain_line(line) for line in supplement.lines],
    }


def native_from_api_key(key: ApiKey) -> dict[str, Any]:
    """Show an API key, without its secret."""
    return {
        "id": key.id,
        "label": key.label,
        "scopes": sorted(scope.value for scope in key.scopes),
        "test": key.test,
        "created_at": instant_text(key.created_at),
        "revoked_at": None if key.revoked_at is None else instant_text(key.revoked_at),
    }


def native_list(things: Iterable[Mapping[str, Any]], cursor: str | None) -> dict[str, Any]:
    """Show a page of a list; `next_cursor` is null on the last one."""
    return {"data": list(things), "next_cursor": cursor}


def _said(content: InvoiceContent) -> dict[str, Any]:
    return {
        "period": plain_period(content.period),
        "timezone": content.timezone,
        "engine": content.engine,
        "seller": _party(content.seller),
        "customer": _party(content.customer),
        "lines": [plain_line(line) for line in content.lines],
        "subtotal": str(content.subtotal),
        "taxes": [plain_tax(tax) for tax in content.taxes],
        "credit_balance": str(content.balance or Money(0, content.currency)),
        "credit_applied": str(content.credit_applied),
        "credit_granted": str(content.credit_granted),
        "total": str(content.total),
    }


def _party(address: Address) -> dict[str, Any]:
    return {
        "name": address.name,
        "address": list(address.lines),
        "email": address.email,
        "tax_id": address.tax_id,
    }


def _closing(policy: ClosingPolicy | None) -> dict[str, Any] | None:
    if policy is None:
        return None
    return {"mode": policy.mode.value, "after_hours": policy.after_hours}


def _bounds(bounds: AmountBounds | None) -> dict[str, Any]:
    highest = () if bounds is None else bounds.highest
    factor = None if bounds is None else bounds.factor
    return {
        "highest_totals": {each.currency: str(each) for each in highest},
        "median_factor": None if factor is None else decimal_text(factor),
    }


def _cadence(schedule: Schedule) -> dict[str, Any]:
    return {
        "unit": schedule.cadence.unit,
        "count": schedule.cadence.count,
        "anchor": instant_text(schedule.anchor),
    }


def _amount(amount: Money | None) -> str | None:
    return None if amount is None else str(amount)


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else instant_text(instant)


def _line(line: Line, usage_url: UsageUrl | None) -> dict[str, Any]:
    own = line.charge
    return {
        "id": line.id,
        "integer_id": line.number,
        "item_id": line.item_id,
        "item_price_id": line.item_price_id,
        "price_version": line.price_version,
        "name": line.label or line.name,
        "unit": line.unit,
        "metered": line.metered,
        "recording": line.recording.value,
        "aggregation": line.aggregation.value,
        "quantity": None if line.quantity is None else decimal_text(line.quantity),
        "pricing": None if own is None else own.to_plain(),
        "usage_url": None if usage_url is None else usage_url.text,
        "from": _instant(line.since),
        "to": _instant(line.until),
    }
