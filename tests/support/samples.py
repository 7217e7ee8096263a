"""Things of one small site, each with everything but what a test wants to be different."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zlib import crc32

from postpaid.domain.calendar import Cadence
from postpaid.domain.catalog import Item, ItemFamily, ItemPrice, ItemType
from postpaid.domain.charge import Charge
from postpaid.domain.customer import Customer
from postpaid.domain.invoice import Invoice, InvoiceStatus, invoice_id
from postpaid.domain.line import Line
from postpaid.domain.period import Period
from postpaid.domain.pricing.per_unit import PerUnit
from postpaid.domain.site import Address, ClosingMode, ClosingPolicy, Scope, Site
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import Term, TermStatus
from postpaid.domain.usage import Recording, Usage, UsageKey

SCOPE = Scope("acme")
SELLER = Address(name="Acme Voice", lines=("1 Long Wharf", "Boston"), tax_id="04-1234567")
PAYER = Address(name="Globex", lines=("9 Elm Street",), email="bills@globex.example")
MANUAL = ClosingPolicy(ClosingMode.MANUAL)
AUTO_AT_ONCE = ClosingPolicy(ClosingMode.AUTO, after_hours=0)


def at(text: str) -> datetime:
    """Read an instant: `2026-10-05`, or `2026-10-05T08:30`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


OCTOBER = Period(at("2026-10-01"), at("2026-11-01"))
NOVEMBER = Period(at("2026-11-01"), at("2026-12-01"))


def a_site(**changes: Any) -> Site:
    """Return a live site in UTC."""
    return Site(
        **{
            "scope": SCOPE,
            "test": False,
            "timezone": "UTC",
            "currency": "USD",
            "created_at": at("2026-01-01"),
            "seller": SELLER,
            **changes,
        }
    )


def _number(identifier: str, usual: str) -> int:
    """Return the integer of a thing: 1, or another one for each that is not the usual thing."""
    return 1 if identifier == usual else crc32(identifier.encode())


def a_customer(customer_id: str = "globex", **changes: Any) -> Customer:
    """Return a customer."""
    return Customer(
        **{
            "id": customer_id,
            "number": _number(customer_id, "globex"),
            "address": PAYER,
            "closing": None,
            "created_at": at("2026-10-01"),
            **changes,
        }
    )


def a_line(line_id: str = "minutes", **changes: Any) -> Line:
    """Return a metered line that is named after its item price."""
    return Line(
        **{
            "id": line_id,
            "number": _number(line_id, "minutes"),
            "item_id": "voice",
            "item_price_id": line_id,
            "price_version": 1,
            "name": "Call minutes",
            "unit": "minute",
            "metered": True,
            "recording": Recording.ONE_PER_DATE,
            "quantity": None,
            **changes,
        }
    )


def a_subscription(subscription_id: str = "sub", **changes: Any) -> Subscription:
    """Return a monthly subscription that began with October 2026."""
    return Subscription(
        **{
            "id": subscription_id,
            "number": _number(subscription_id, "sub"),
            "customer_id": "globex",
            "currency": "USD",
            "timezone": "UTC",
            "start": OCTOBER.start,
            "anchor": changes.get("start", OCTOBER.start),
            "cadence": Cadence(),
            "lines": (a_line(),),
            "closing": None,
            "created_at": OCTOBER.start,
            **changes,
        }
    )


def a_term(n: int = 0, **changes: Any) -> Term:
    """Return an OPEN term of that subscription; with a status, one that has its invoice."""
    subscription_id = changes.pop("subscription_id", "sub")
    period = a_subscription().schedule.term(n)
    status = changes.get("status", TermStatus.OPEN)
    invoice = None if status is TermStatus.OPEN else an_invoice(n, subscription_id).id
    return Term(
        **{
            "subscription_id": subscription_id,
            "n": n,
            "period": period,
            "status": status,
            "pins": {1: 1},
            "invoice_id": invoice,
            "due_at": period.end,
            "manifests": 1 if status is TermStatus.FROZEN else 0,
            **changes,
        }
    )


def an_invoice(n: int | None = 0, subscription_id: str = "sub", **changes: Any) -> Invoice:
    """Return the pending invoice for the n-th term; for None, the opening one."""
    subscription = a_subscription(subscription_id)
    term = None if n is None else subscription.schedule.term(n)
    end = subscription.start if term is None else term.end
    return Invoice(
        **{
            "id": invoice_id(SCOPE, subscription_id, end, 0),
            "number": 1,
            "customer_id": "globex",
            "subscription_id": subscription_id,
            "currency": "USD",
            "status": InvoiceStatus.PENDING,
            "period_end": end,
            "k": 0,
            "term_start": None if term is None else term.start,
            "created_at": end,
            "due_at": end if term is None else None,
            **changes,
        }
    )


def a_usage(on: str = "2026-10-05", quantity: str = "1", **changes: Any) -> Usage:
    """Return a usage of the metered line."""
    key = UsageKey(
        changes.pop("subscription_id", "sub"),
        at(on),
        changes.pop("line_id", "minutes"),
        changes.pop("event_id", None),
    )
    return Usage(
        **{
            "key": key,
            "item_price_id": "minutes",
            "quantity": Decimal(quantity),
            "recorded_at": at("2026-10-06"),
            **changes,
        }
    )


def a_family(family_id: str = "telephony", **changes: Any) -> ItemFamily:
    """Return an item family."""
    return ItemFamily(
        **{
            "id": family_id,
            "number": _number(family_id, "telephony"),
            "name": "Telephony",
            "created_at": at("2026-10-01"),
            **changes,
        }
    )


def a_catalog_item(item_id: str = "voice", **changes: Any) -> Item:
    """Return a metered item."""
    return Item(
        **{
            "id": item_id,
            "number": _number(item_id, "voice"),
            "name": "Voice",
            "type": ItemType.PLAN,
            "metered": True,
            "unit": "minute",
            "recording": Recording.ONE_PER_DATE,
            "created_at": at("2026-10-01"),
            **changes,
        }
    )


def a_price(price_id: str = "minutes", **changes: Any) -> ItemPrice:
    """Return the first version of an item price: 0.05 a unit and 10 a month."""
    return ItemPrice(
        **{
            "id": price_id,
            "number": _number(price_id, "minutes"),
            "item_id": "voice",
            "name": "Call minutes",
            "currency": "USD",
            "version": 1,
            "charge": Charge(model=PerUnit(Decimal("0.05"))),
            "base_fee": Decimal(10),
            "created_at": at("2026-10-01"),
            **changes,
        }
    )
