"""What is owed of a usage once invoices that held it were deleted, told in quantities."""

from decimal import Decimal
from typing import Any

import pytest

from postpaid.domain.forgone import Forgone, within
from postpaid.domain.invoice_content import InvoiceContent
from postpaid.domain.site import LatePolicy
from postpaid.domain.supplement import Billed, Difference, Supplement
from postpaid.domain.usage import Usage, UsageKey
from tests.support.samples import OCTOBER, PAYER, SELLER, at

DAY = "2026-10-05T00:00:00Z#minutes"


def first(quantity: int) -> InvoiceContent:
    held = ((DAY, 1, str(quantity)),) if quantity else ()
    return InvoiceContent(
        invoice_id="inv",
        subscription_id="sub",
        customer_id="globex",
        currency="USD",
        timezone="UTC",
        engine=1,
        ended=OCTOBER,
        begun=None,
        seller=SELLER,
        customer=PAYER,
        lines=(),
        manifest=held,
    )


def later(k: int, was: int, now: int) -> Supplement:
    step = Difference(DAY, Billed(k, Decimal(was)), Billed(k + 1, Decimal(now)))
    values: dict[str, Any] = {"lines": (), "found_at": at("2026-11-02"), "engine": 1}
    return Supplement(
        subscription_id="sub",
        customer_id="globex",
        currency="USD",
        timezone="UTC",
        period=OCTOBER,
        k=k,
        policy=LatePolicy.SUPPLEMENT,
        differences=(step,),
        **values,
    )


def usage(quantity: int) -> Usage:
    return Usage(
        key=UsageKey("sub", at("2026-10-05"), "minutes"),
        item_price_id="minutes",
        quantity=Decimal(quantity or 1),
        recorded_at=at("2026-10-05"),
        deleted=not quantity,
    )


def owed(forgone: Forgone, quantity: int) -> int:
    """Return what is owed of a usage at a price of one a unit."""
    counted = forgone.counted([(DAY, usage(quantity))])

    def amount(usages: list[Usage]) -> int:
        return sum(int(each.quantity) for each in usages if not each.deleted)

    found = amount([each for _, each in counted])
    for was, now in forgone.steps:
        found -= amount(within(counted, now))
        found += 0 if was is None else amount(within(counted, was))
    return found


# The quantities that the manifests held, which of them were deleted, and what is owed of a usage
# that is of a quantity now.
CASES: list[tuple[list[int], set[int], dict[int, int]]] = [
    ([100], {0}, {0: 0, 40: 0, 100: 0, 130: 30}),
    ([100, 130], {0}, {0: 0, 100: 0, 130: 30, 140: 40}),
    ([100, 130], {1}, {0: 0, 40: 40, 100: 100, 120: 100, 130: 100, 140: 110}),
    ([100, 130], {0, 1}, {40: 0, 130: 0, 140: 10}),
    # What would have been given back stays charged, until it is used again.
    ([100, 40], {1}, {0: 60, 40: 100, 70: 100, 100: 100, 120: 120}),
    ([100, 40, 20], {1}, {20: 80, 0: 60}),
    ([100, 40, 20], {1, 2}, {20: 100, 0: 80}),
    # Free before, it costs nothing that it is not given back.
    ([100, 40], {0, 1}, {0: 0, 40: 0, 100: 0, 120: 20}),
    # Up again over what stayed charged: that was no charge, so there is none to forgo.
    ([100, 40, 100], {1, 2}, {100: 100, 120: 120}),
    ([100, 40, 110], {1, 2}, {110: 100, 120: 110}),
    ([0, 50], {0}, {50: 50, 60: 60}),
    ([0, 50], {1}, {0: 0, 50: 0, 60: 10}),
]


@pytest.mark.parametrize(("held", "deleted", "expected"), CASES)
def test_what_a_deleted_invoice_took_up_is_free_and_what_it_took_down_stays(
    held: list[int], deleted: set[int], expected: dict[int, int]
) -> None:
    steps = [later(k, held[k - 1], held[k]) for k in range(1, len(held))]

    forgone = Forgone.of(first(held[0]), steps, deleted)

    assert forgone is not None
    assert {quantity: owed(forgone, quantity) for quantity in expected} == expected


def test_where_nothing_was_deleted_nothing_is_forgone() -> None:
    assert Forgone.of(first(100), [later(1, 100, 40)], ()) is None
