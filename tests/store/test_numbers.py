"""The register of invoice numbers, as the transaction that issues an invoice leaves it."""

import pytest

from postpaid.domain.site import Scope
from postpaid.store import keys
from postpaid.store.numbers import StoredNumbers
from postpaid.store.tables import Put, Table
from tests.support.samples import SCOPE


@pytest.mark.parametrize("series", ["main", "a#b~c", "%23"])
@pytest.mark.parametrize("serial", [1, 361, 9_999_999_999])
def test_a_number_names_its_invoice(billing: Table, series: str, serial: int) -> None:
    row = keys.series_number(SCOPE, series, serial)
    billing.put(Put({**row._asdict(), "s": keys.SCHEMA, "invoice_id": "inv_x"}))

    assert StoredNumbers(billing, SCOPE).holder(series, serial) == "inv_x"
    assert StoredNumbers(billing, SCOPE).holder(series, serial + 1) is None
    assert StoredNumbers(billing, SCOPE).holder("other", serial) is None
    for scope in (Scope("acme", 2), Scope("acm")):
        assert StoredNumbers(billing, scope).holder(series, serial) is None
