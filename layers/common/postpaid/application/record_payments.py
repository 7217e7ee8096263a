"""Record one payment of several invoices: a payment of each, all of them checked before the first.

crash between two      what is recorded stays; the repeat, by the same ids, records the rest
lost answer            the repeat finds all of them
others pay meanwhile   what was checked may be refused in its turn; the repeat is refused as a whole
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from postpaid.application.catalog import Created
from postpaid.application.ports import Invoices, Payments
from postpaid.application.record_payment import RecordPayment, check_payment, record_payment
from postpaid.domain.errors import BillingError
from postpaid.domain.payment import Payment
from postpaid.domain.site import Site


def record_payments(
    commands: Sequence[RecordPayment],
    *,
    invoices: Invoices,
    payments: Payments,
    site: Site,
    now: datetime,
) -> list[Created[Payment]]:
    """Record payments in their order; nothing if one of them could not be recorded now.

    Raises what `record_payment` does, its field behind the place of the command, `[1].amount`.
    """
    for place, command in enumerate(commands):
        with _placed(place):
            check_payment(command, invoices=invoices, payments=payments, site=site, now=now)
    recorded = []
    for place, command in enumerate(commands):
        with _placed(place):
            recorded.append(
                record_payment(command, invoices=invoices, payments=payments, site=site, now=now)
            )
    return recorded


@contextmanager
def _placed(place: int) -> Iterator[None]:
    try:
        yield
    except BillingError as error:
        error.field = f"[{place}]" if error.field is None else f"[{place}].{error.field}"
        raise
