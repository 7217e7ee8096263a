"""From usage and prices to invoice lines: price exactly, then round each line once.

What a line costs by time is charged for the time its entries are in force: a day belongs to the
entry that is in force when it ends. A change of price ends one charge and begins another: free
units, tiers and flat amounts start anew, while base fee, minimum and maximum are shared by days.
A setup fee is whole, and once in a line's life: with the first that is charged of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from postpaid.domain.catalog import ItemPrice
from postpaid.domain.charge import Charge
from postpaid.domain.charged import Charged
from postpaid.domain.errors import Invalid
from postpaid.domain.invoice import InvoiceLine, LineKind, Share, line_amount
from postpaid.domain.line import Line
from postpaid.domain.metering import Metered
from postpaid.domain.money import Money
from postpaid.domain.period import Period, without
from postpaid.domain.setup_fee import set_up_in, set_up_with
from postpaid.domain.subscription import Subscription
from postpaid.domain.tax import TaxRates
from postpaid.domain.term import Term
from postpaid.domain.usage import Aggregation

type PriceVersion = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Whole:
    """What a term is a part of: the time that a charge by time is for, in a zone's days."""

    period: Period
    zone: ZoneInfo

    def share(self, part: Period) -> Share | None:
        """Return the days of a part; None if it is all there is."""
        if part.start <= self.period.start and self.period.end <= part.end:
            return None
        days = self._days(part.start, part.end)
        return Share(days, self._days(part.end, self.period.end), max(self.days, 1))

    @property
    def days(self) -> int:
        """How many days there are in all."""
        return self._days(self.period.start, self.period.end)

    def _days(self, start: datetime, end: datetime) -> int:
        first, last = (each.astimezone(self.zone).date() for each in (start, end))
        return (last - first).days


def entries_of(subscription: Subscription) -> dict[str, list[Line]]:
    """Return the entries of each line, in order of time."""
    lines: dict[str, list[Line]] = {}
    for entry in subscription.lines:
        lines.setdefault(entry.id, []).append(entry)
    return lines


def versions_to_read(
    subscription: Subscription, ended: Term | None, begun: Term | None
) -> set[PriceVersion]:
    """Return the versions of prices that an invoice may be rated with."""
    wanted = set()
    if ended is not None:
        # Stray usage of a line that came later is rated by the line's first entry.
        for entries in entries_of(subscription).values():
            if entries[0].metered:
                wanted.add(_version(entries[0], ended))
    for entry in subscription.lines:
        if ended is not None and (entry.since is None or entry.since < ended.period.end):
            wanted.add(_version(entry, ended))
        if begun is not None and begun.is_paid(entry.number) and not entry.metered:
            wanted.add(_version(entry, begun))
    return wanted


def rate_term(
    subscription: Subscription,
    *,
    ended: Term | None,
    begun: Term | None,
    prices: Mapping[PriceVersion, ItemPrice],
    usage: Mapping[str, Metered],
    customer_tax: TaxRates | None,
) -> tuple[InvoiceLine, ...]:
    """Rate one invoice: what the *ended* term owes, and the *begun* one in advance.

    *usage* is keyed by line id. Lines come in the subscription's order. A metered one as its base
    fee, usage or not, and then its usage, if there was any; a recurring one as what changed in the
    ended term against what was paid in advance, and then the advance for the begun one. What is
    first charged of a line comes after its setup fee. A trial costs nothing. Raises `Invalid` with
    code `not_ratable`.
    """
    rated: list[InvoiceLine] = []
    if ended is not None and subscription.is_trial(ended.period):
        ended = None
    if begun is not None and subscription.is_trial(begun.period):
        begun = None
    lines = entries_of(subscription)
    for line_id in usage:
        if line_id not in lines:
            raise Invalid("not_ratable", f"'{line_id}' has usage and is no line", field="lines")
    for line_id, entries in lines.items():
        rater = _Rater(subscription, entries, prices, customer_tax)
        if entries[0].metered:
            if ended is not None:
                rated += rater.arrears(ended, begun, usage.get(line_id))
        else:
            if ended is not None:
                rated += rater.changes(ended, begun)
            if begun is not None:
                rated += rater.advance(begun)
    return tuple(rated)


@dataclass(frozen=True, slots=True)
class _Rater:
    """One line: its entries in order of time."""

    subscription: Subscription
    entries: Sequence[Line]
    prices: Mapping[PriceVersion, ItemPrice]
    customer_tax: TaxRates | None

    def arrears(
        self, term: Term, begun: Term | None, metered: Metered | None
    ) -> Iterator[InvoiceLine]:
        """Charge the usage of a metered line, and what goes with it by time."""
        yield from self._setup(term)
        whole = self._whole(term)
        for entry, part in self._used(term, metered):
            in_force = self.subscription.in_force(entry, term.period)
            charged = self._charged(entry, term)
            fee = charged.price.base_fee
            if fee is not None:
                # Without proration the whole fee, once: by the entry that came last, and where a
                # term was cut for an invoice, with its rest.
                due = in_force if self.subscription.prorate else in_force[-1:]
                owed = self._came_last(entry, term) and not self._goes_on(whole, begun)
                if self.subscription.prorate or owed:
                    for period in due:
                        share = self._share(whole, period)
                        yield from charged.fee(LineKind.BASE_FEE, fee, period, share)
            yield from self._usage(charged, term, whole, in_force, part)

    def changes(self, term: Term, begun: Term | None) -> Iterator[InvoiceLine]:
        """Give back what was paid in advance and not used, and charge what was used and not paid.

        What is left by an early end is the next term's if that one took it over; it must not be
        judged by the lines, which may have changed since, at the very start of that term.
        Without proration a change counts from the next term on; only a new line is charged, whole.
        """
        yield from self._setup(term)
        whole = self._whole(term)
        was_charged = any(term.is_paid(entry.number) for entry in self.entries)
        for entry in self.entries:
            used = self.subscription.in_force(entry, term.period)
            paid = []
            if term.is_paid(entry.number):
                paid.append(Period(term.period.start, term.paid_until(entry.number)))
            if not used and not paid:
                continue
            charged = self._charged(entry, term)
            charge, priced = charged.recurring()
            if not self.subscription.prorate:
                if used and not was_charged and not self._goes_on(whole, begun):
                    was_charged = True
                    yield from charged.by_time(
                        LineKind.RECURRING, charge, priced, term.period, None
                    )
                continue
            for period in paid:
                for unused in self._unused(entry, term, begun, period, used):
                    yield from charged.by_time(
                        LineKind.CREDIT, charge, priced, unused, whole.share(unused)
                    )
            for period in used:
                for unpaid in without(period, paid):
                    yield from charged.by_time(
                        LineKind.RECURRING, charge, priced, unpaid, whole.share(unpaid)
                    )

    def _unused(
        self, entry: Line, term: Term, begun: Term | None, paid: Period, used: Sequence[Period]
    ) -> list[Period]:
        """Return what is given back of the time that an entry was paid in advance for.

        Behind the end of the term that is what neither the next term took over nor is forgone.
        """
        end = term.period.end
        inside = Period(paid.start, min(paid.end, end))
        unused = without(inside, used)
        taken_over = entry.in_force(end) if begun is None else entry.number in begun.covered
        if paid.end > end and (term.credit_unused or not taken_over):
            start = unused.pop().start if unused and unused[-1].end == end else end
            unused.append(Period(start, paid.end))
        return unused

    def advance(self, term: Term) -> Iterator[InvoiceLine]:
        """Charge a recurring line for a term that has begun, by what was in force at its start."""
        whole = self._whole(term)
        period = Period(term.period.start, term.paid_to)
        first = set_up_with(self.subscription, self.entries, term)
        yield from self._setup_fee(first, period, term)
        for entry in self.entries:
            if term.is_paid(entry.number) and entry.number not in term.covered:
                charged = self._charged(entry, term)
                yield from charged.by_time(
                    LineKind.RECURRING,
                    *charged.recurring(),
                    period,
                    self._share(whole, period),
                )

    def _setup(self, term: Term) -> Iterator[InvoiceLine]:
        """Charge the setup fee of a line that is first charged when its term has ended."""
        entry, period = set_up_in(self.subscription, self.entries, term) or (None, term.period)
        yield from self._setup_fee(entry, period, term)

    def _setup_fee(self, entry: Line | None, period: Period, term: Term) -> Iterator[InvoiceLine]:
        if entry is None:
            return
        charged = self._charged(entry, term)
        if charged.price.setup_fee is not None:
            yield from charged.fee(LineKind.SETUP, charged.price.setup_fee, period, None)

    def _used(self, term: Term, metered: Metered | None) -> Iterator[tuple[Line, Metered | None]]:
        """Return the entries that a term charges, each with its usage.

        Usage belongs to the entry that began last before it, in force or not: what was recorded
        while a change was on its way is charged all the same. A level is charged once a term, by
        the entry that came last.
        """
        entries = [
            entry for entry in self.entries if entry.since is None or entry.since < term.period.end
        ] or [self.entries[0]]
        bounds = [entry.since for entry in entries[1:] if entry.since is not None]
        if metered is None or len(entries) == 1:
            parts: list[Metered | None] = [*[None] * (len(entries) - 1), metered]
        elif entries[0].aggregation is Aggregation.SUM:
            parts = metered.split(bounds)
        else:
            used = [entry for entry in entries if self._came_last(entry, term)] or entries[-1:]
            parts = [metered if entry is used[-1] else None for entry in entries]
        for entry, part in zip(entries, parts, strict=True):
            if part is not None or self.subscription.in_force(entry, term.period):
                yield entry, part

    def _usage(
        self,
        charged: Charged,
        term: Term,
        whole: Whole,
        in_force: Sequence[Period],
        metered: Metered | None,
    ) -> Iterator[InvoiceLine]:
        charge = charged.price.charge
        if charge.minimum is not None or charge.maximum is not None:
            charge = self._limited(charged, term, whole, in_force)
        if metered is None:
            # A minimum is owed whether or not anything was used.
            if not (charge.minimum and in_force):
                return
            priced = charge.price_nothing()
        elif charge.by_event:
            priced = charge.price_events(metered.quantities)
        else:
            priced = charge.price(metered.aggregate(charged.entry.aggregation))
        period = term.period
        if in_force:
            period = Period(in_force[0].start, in_force[-1].end)
        yield charged.line(LineKind.USAGE, charge, priced, period, None)

    def _limited(
        self, charged: Charged, term: Term, whole: Whole, in_force: Sequence[Period]
    ) -> Charge:
        """Return the charge with its minimum and maximum for the days there are.

        Without proration both are whole, the minimum once. A maximum of no day is none: it would
        take away usage.
        """
        charge, currency = charged.price.charge, charged.price.currency
        if not in_force:
            return replace(charge, minimum=None)
        if not self.subscription.prorate:
            last = self._came_last(charged.entry, term)
            return charge if last else replace(charge, minimum=None)
        shares = [whole.share(period) for period in in_force]
        if None in shares:
            return charge

        def part(limit: Decimal | None) -> Decimal | None:
            if limit is None:
                return None
            amount = Money(0, currency)
            for share in shares:
                amount += line_amount(limit, currency, share)
            return amount.decimal

        days = sum(share.days for share in shares if share is not None)
        maximum = part(charge.maximum) if days else charge.maximum
        return replace(charge, minimum=part(charge.minimum), maximum=maximum)

    def _came_last(self, entry: Line, term: Term) -> bool:
        last = [each for each in self.entries if self.subscription.in_force(each, term.period)]
        return bool(last) and last[-1] is entry

    def _goes_on(self, whole: Whole, begun: Term | None) -> bool:
        """Tell whether the next term is the rest of the same whole one, and has this line."""
        if begun is None or self.subscription.whole_term(begun.period) != whole.period:
            return False
        return any(self.subscription.in_force(entry, begun.period) for entry in self.entries)

    def _charged(self, entry: Line, term: Term) -> Charged:
        """Return an entry at the version its term pins, with its own charge if it has one.

        An entry is never written again, so it says the same whenever the term is rated.
        """
        price, own = self.prices[_version(entry, term)], entry.charge
        price = price if own is None else replace(price, charge=own)
        return Charged(entry, price, self.customer_tax)

    def _share(self, whole: Whole, period: Period) -> Share | None:
        return whole.share(period) if self.subscription.prorate else None

    def _whole(self, term: Term) -> Whole:
        period = self.subscription.whole_term(term.period)
        return Whole(period, self.subscription.zone_at(term.period.start))


def rate_once(
    entry: Line, price: ItemPrice, period: Period, customer_tax: TaxRates | None
) -> InvoiceLine:
    """Rate what is charged once, whole, by a price or by the entry's own charge.

    Raises `Invalid` if the price cannot rate its quantity.
    """
    own = price if entry.charge is None else replace(price, charge=entry.charge)
    charged = Charged(entry, own, customer_tax)
    return charged.line(LineKind.ONE_TIME, *charged.recurring(), period, None)


def _version(entry: Line, term: Term) -> PriceVersion:
    return entry.item_price_id, term.pins.get(entry.number, entry.price_version)
