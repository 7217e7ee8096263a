"""The audit of invoice numbers: 1 to n in each series, once, in the order of their dates."""

from datetime import date

from postpaid.domain.invoice import Invoice, InvoiceStatus
from postpaid.store import keys
from postpaid.store.fields import number, text
from postpaid.store.tables import Range
from tests.support.world import World


def audit_numbers(world: World) -> dict[str, list[Invoice]]:
    """Check the numbers of all series; return the numbered invoices of each, in their order."""
    site = world.stores.sites.get()
    issued = {InvoiceStatus.ISSUED, InvoiceStatus.VOIDED}
    heads = [each for each in world.invoices() if each.status in issued]
    found: dict[str, list[Invoice]] = {}
    for series in site.all_series:
        drawn = [each for each in heads if each.series == series.id]
        drawn.sort(key=lambda each: each.serial or 0)
        assert [each.serial for each in drawn] == list(range(1, len(drawn) + 1))
        dates = [each.issued_on for each in drawn if each.issued_on is not None]
        assert dates == sorted(dates)
        counter = keys.series_counter(world.scope, series.id)
        register = world.billing.query(Range(pk=counter.pk, first="NO#", last="NO#~"))
        assert [row["invoice_id"] for row in register] == [each.id for each in drawn]
        count = world.billing.get(counter)
        assert (count is None) == (drawn == [])
        if count is not None:
            assert number(count, "next") == len(drawn) + 1
            assert date.fromisoformat(text(count, "last_date")) == dates[-1]
        prefixes = {(each.serial_text or "")[: -len("000000")] for each in drawn}
        assert prefixes <= {*series.prefixes}
        found[series.id] = drawn
    assert sum(map(len, found.values())) == len(heads), "every series is one of the site's"
    assert len({each.serial_text for each in heads}) == len(heads), "each number is one invoice"
    return found
