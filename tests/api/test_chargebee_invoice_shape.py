"""Where an invoice stands in Chargebee's words, its days and its amounts."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from postpaid.api.chargebee.invoice_lines import Lines
from postpaid.api.chargebee.invoice_shape import (
    View,
    chargebee_from_invoice,
    head_of,
    paid_by,
    shown_id,
)
from postpaid.domain.catalog import ItemType
from postpaid.domain.invoice import Invoice, InvoiceStatus, LineKind, RenderState
from postpaid.domain.money import Money
from postpaid.domain.one_time import CHARGES_MAX
from postpaid.domain.payment import PAYMENTS_MAX, Payment
from postpaid.domain.site import Address
from postpaid.domain.tax import TaxRates
from tests.api.test_chargebee_invoice_lines import VAT, a_line, content_of
from tests.support.samples import NOVEMBER, an_invoice, at

NEW_YORK = ZoneInfo("America/New_York")
NOVEMBER_2 = 1793595600  # midnight in New York, which is on winter time by then
LINES = Lines(offset=str)
PRICE = {"pricing_model": "per_unit", "unit_amount": "0.05"}


def a_view(now: str = "2026-11-02T12:00", item_type: ItemType = ItemType.PLAN) -> View:
    return View(zone=NEW_YORK, now=at(now), type_of=lambda _: item_type)


def an_issued(**changes: Any) -> Invoice:
    """Return an issued invoice over 28.05, of 2 November in New York."""
    return replace(
        an_invoice(due_at=None),
        **{
            "status": InvoiceStatus.ISSUED,
            "total": Money(2805, "USD"),
            "serial": 361,
            "serial_text": "INV-000361",
            "issued_on": date(2026, 11, 2),
            "due_on": date(2026, 11, 2),
            "content_hash": "c" * 64,
            "render": RenderState.DONE,
            **changes,
        },
    )


PAID = {"paid": Money(2805, "USD"), "payments": 1}
VOIDED = {"status": InvoiceStatus.VOIDED, "voided_at": at("2026-11-05"), "void_reason": "typo"}
LATER = {"due_on": date(2026, 12, 2)}

# the invoice, the present instant, the status
STATUSES: dict[str, tuple[Invoice, str, str]] = {
    "pending": (an_invoice(), "2026-11-02", "pending"),
    "due at once": (an_issued(), "2026-11-02T12:00", "payment_due"),
    "due later": (an_issued(**LATER), "2026-12-02T04:59:59", "posted"),
    "due by now": (an_issued(**LATER), "2026-12-02T05:00", "payment_due"),
    "paid before it was due": (an_issued(**LATER, **PAID), "2026-11-03", "paid"),
    "part paid": (an_issued(paid=Money(1, "USD"), payments=1), "2026-11-03", "payment_due"),
    "nothing to pay": (an_issued(total=Money(0, "USD")), "2026-11-03", "paid"),
    "voided": (an_issued(**LATER, **VOIDED), "2026-11-06", "voided"),
    "from before days were kept": (an_issued(due_on=None), "2026-11-03", "payment_due"),
}


@pytest.mark.parametrize("name", STATUSES)
def test_where_an_invoice_stands(name: str) -> None:
    invoice, now, status = STATUSES[name]

    assert head_of(invoice, a_view(now))["status"] == status


def test_a_pending_invoice_is_a_draft_and_an_issued_one_its_number() -> None:
    assert shown_id(an_invoice()) == f"draft_{an_invoice().id}"
    assert len(shown_id(an_invoice())) <= 50
    assert shown_id(an_issued()) == "INV-000361"
    assert shown_id(an_issued(**VOIDED)) == "INV-000361"


def test_the_days_of_an_issued_invoice_begin_at_midnight_of_the_site() -> None:
    head = head_of(an_issued(**LATER), a_view())

    assert head["date"] == NOVEMBER_2
    assert head["due_date"] == NOVEMBER_2 + 30 * 86400
    assert head["net_term_days"] == 30
    assert head["generated_at"] == NOVEMBER_2 == head["updated_at"]
    assert head["resource_version"] // 1000 == NOVEMBER_2
    none = head_of(an_issued(due_on=None), a_view())
    assert not none.keys() & {"due_date", "net_term_days"}
    at_once = head_of(an_issued(), a_view())
    assert (at_once["due_date"], at_once["net_term_days"]) == (NOVEMBER_2, 0)


def test_an_invoice_that_closed_the_day_it_was_made_was_not_made_after_that() -> None:
    made = at("2026-11-02T15:00")

    head = head_of(an_issued(created_at=made), a_view())

    assert head["date"] == NOVEMBER_2
    assert head["generated_at"] == head["updated_at"] == int(made.timestamp())


def test_each_step_of_an_invoice_has_a_later_version() -> None:
    # All of one day, so that the count alone tells them apart.
    made: dict[str, Any] = {"created_at": at("2026-11-02T15:00")}
    steps = [
        an_invoice(**made),
        an_invoice(**made, charge_changes=1),
        an_invoice(**made, charge_changes=2 * CHARGES_MAX),
        an_issued(**made),
        an_issued(**made, paid=Money(1, "USD"), payments=1),
        an_issued(**made, paid=Money(2, "USD"), payments=2),
        an_issued(**made, paid=Money(3, "USD"), payments=PAYMENTS_MAX),
    ]

    versions = [head_of(each, a_view())["resource_version"] for each in steps]
    voided = head_of(an_issued(**made | VOIDED), a_view())["resource_version"]

    assert [*versions, voided] == sorted({*versions, voided})
    deleted, _ = AMOUNTS["deleted"]
    shown = head_of(deleted, a_view())
    assert shown["updated_at"] == int(at("2026-11-03").timestamp()) > shown["date"]
    assert shown["resource_version"] > versions[0]


# the invoice; total, credits_applied, amount_paid, amount_due
AMOUNTS: dict[str, tuple[Invoice, tuple[int, int, int, int]]] = {
    "issued": (an_issued(), (2805, 0, 0, 2805)),
    "less credit": (an_issued(credit_applied=Money(500, "USD")), (3305, 500, 0, 2805)),
    "part paid": (an_issued(paid=Money(805, "USD"), payments=2), (2805, 0, 805, 2000)),
    "voided": (an_issued(**VOIDED, credit_applied=Money(500, "USD")), (3305, 0, 0, 0)),
    "deleted": (
        replace(
            an_invoice(due_at=None),
            status=InvoiceStatus.DELETED,
            total=Money(2805, "USD"),
            content_hash="c" * 64,
            deleted_at=at("2026-11-03"),
        ),
        (2805, 0, 0, 0),
    ),
    "withdrawn": (replace(an_invoice(None), status=InvoiceStatus.DELETED, due_at=None), (0,) * 4),
}


@pytest.mark.parametrize("name", AMOUNTS)
def test_what_an_invoice_comes_to_is_before_credit(name: str) -> None:
    invoice, amounts = AMOUNTS[name]

    head = head_of(invoice, a_view())

    names = ("total", "credits_applied", "amount_paid", "amount_due")
    assert tuple(head[each] for each in names) == amounts
    assert head["amount_to_collect"] == head["amount_due"]
    assert head["amount_adjusted"] == head["write_off_amount"] == head["round_off_amount"] == 0


def test_of_a_pending_invoice_only_its_content_knows_the_amounts() -> None:
    content = replace(content_of(a_line(PRICE, "561")), balance=Money(500, "USD"), payment_days=14)

    head = head_of(an_invoice(), a_view())
    whole = chargebee_from_invoice(an_invoice(), content, a_view(), lines=LINES)

    assert "total" not in head
    assert (whole["total"], whole["credits_applied"], whole["amount_due"]) == (2805, 500, 2305)
    assert whole["net_term_days"] == 14
    assert head.items() <= whole.items()


def test_more_given_back_than_charged_is_a_credit_that_is_granted() -> None:
    back = a_line({"pricing_model": "flat_fee", "amount": "20"}, kind=LineKind.CREDIT)

    whole = chargebee_from_invoice(
        an_invoice(), content_of(a_line(PRICE, "100"), back), a_view(), lines=LINES
    )

    assert (whole["sub_total"], whole["total"], whole["amount_due"]) == (-1500, 0, 0)
    assert whole["credit_granted"] == 1500


@pytest.mark.parametrize(
    ("item_type", "is_recurring"),
    [(ItemType.PLAN, True), (ItemType.ADDON, True), (ItemType.CHARGE, False)],
)
def test_plans_and_addons_recur(item_type: ItemType, *, is_recurring: bool) -> None:
    view = a_view(item_type=item_type)

    whole = chargebee_from_invoice(an_invoice(), content_of(a_line(PRICE)), view, lines=LINES)

    assert whole["recurring"] is is_recurring
    assert whole["line_items"][0]["entity_type"] == f"{item_type.value}_item_price"


@pytest.mark.parametrize(
    ("taxes", "price_type"),
    [
        ([None], "tax_exclusive"),
        ([False, None], "tax_exclusive"),
        ([True, None], "tax_inclusive"),
        ([True, False], "tax_exclusive"),
    ],
)
def test_prices_include_taxes_if_all_taxes_are_in_them(
    taxes: list[bool | None], price_type: str
) -> None:
    rates = [None if each is None else TaxRates((VAT,), inclusive=each) for each in taxes]
    content = content_of(*(a_line(PRICE, tax=each) for each in rates))

    whole = chargebee_from_invoice(an_invoice(), content, a_view(), lines=LINES)

    assert whole["price_type"] == price_type
    assert whole["tax"] == sum(tax["amount"] for tax in whole["taxes"])


def test_what_is_charged_for_the_next_term_is_an_advance() -> None:
    seats = a_line({"pricing_model": "flat_fee", "amount": "20"}, kind=LineKind.RECURRING)
    content = replace(content_of(seats), begun=NOVEMBER)
    ahead = replace(content, lines=(replace(seats, period=NOVEMBER),))

    shown = [
        chargebee_from_invoice(an_invoice(), each, a_view(), lines=LINES)["has_advance_charges"]
        for each in (content, ahead)
    ]

    assert shown == [False, True]


def test_an_invoice_that_cannot_be_made_is_shown_with_the_reason() -> None:
    whole = chargebee_from_invoice(
        an_invoice(), None, a_view(), lines=LINES, note="the tiers end at 100"
    )

    assert whole["notes"] == [{"note": "the tiers end at 100", "object": "note"}]
    assert (whole["total"], whole["sub_total"], whole["tax"], whole["line_items"]) == (0, 0, 0, [])
    assert (whole["recurring"], whole["price_type"]) == (False, "tax_exclusive")


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        ((), {}),
        (("9 Elm Street",), {"line1": "9 Elm Street"}),
        (("a", "b", "c"), {"line1": "a", "line2": "b", "line3": "c"}),
        (("a", "b", "c", "d"), {"line1": "a", "line2": "b", "line3": "c, d"}),
    ],
)
def test_an_address_is_shown_in_three_lines(lines: tuple[str, ...], shown: dict[str, str]) -> None:
    payer = Address(name="Globex", lines=lines, tax_id="DE123")
    content = replace(content_of(a_line(PRICE)), customer=payer)

    whole = chargebee_from_invoice(an_invoice(), content, a_view(), lines=LINES)

    assert whole["billing_address"] == {"company": "Globex", "object": "billing_address", **shown}
    assert whole["vat_number"] == "DE123"


def test_payments_are_shown_in_their_order() -> None:
    def payment(n: int, paid_on: date) -> Payment:
        return Payment(
            id=f"pay-{n}",
            invoice_id="inv",
            n=n,
            amount=Money(100 * n, "USD"),
            paid_on=paid_on,
            method=None,
            reference=None,
            recorded_at=at("2026-11-09") + timedelta(days=n),
        )

    payments = [payment(2, date(2026, 11, 2)), payment(1, date(2026, 11, 8))]
    paid = paid_by({"status": "paid"}, payments, a_view())
    part = paid_by({"status": "payment_due"}, payments, a_view())

    assert [each["txn_id"] for each in paid["linked_payments"]] == ["pay-1", "pay-2"]
    assert paid["linked_payments"][1]["txn_date"] == NOVEMBER_2
    assert paid["paid_at"] == NOVEMBER_2 + 6 * 86400
    assert "paid_at" not in part
    assert part["linked_payments"] == paid["linked_payments"]


def test_an_invoice_has_nothing_that_is_none() -> None:
    whole = chargebee_from_invoice(an_issued(), content_of(a_line(PRICE)), a_view(), lines=LINES)

    assert None not in whole.values()
    assert None not in whole["line_items"][0].values()
