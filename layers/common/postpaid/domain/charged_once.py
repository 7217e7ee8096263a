"""Time and setup are charged once, what is given back was billed: checked on what a close has read.

A recurring line's time is counted: what was paid in advance for the ended term, less what its
invoice gives back, is nowhere less than never; with what it charges it is nowhere more than once.
The rater does not work so: it takes periods out of each other. And a setup fee is held to the first
moment of its line, which the rater never looks for.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from postpaid.domain.bounds import Bound, bound_exceeded
from postpaid.domain.instants import instant_text
from postpaid.domain.invoice import InvoiceLine, LineKind, line_amount
from postpaid.domain.money import Money
from postpaid.domain.period import Period
from postpaid.domain.rating import Whole
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import Term

type Counted = tuple[Period, int]


def check_charged_once(
    subscription: Subscription,
    ended: Term | None,
    begun: Term | None,
    lines: Sequence[InvoiceLine],
) -> None:
    """Check that no time is charged that was charged before, or is twice (I-22, I-24).

    Nor a setup fee: it is charged once, by the invoice that bills the beginning of its line. Terms
    follow each other without a gap, so what lies inside the ended one is on no other invoice, and
    the advance for the begun one is checked against what the ended one was paid. Raises `Conflict`
    with code `bound_exceeded`.
    """
    if ended is not None and begun is not None and ended.period.end != begun.period.start:
        where = f"what lies between {instant_text(ended.period.end)} and the next term"
        raise bound_exceeded(Bound.PERIODS, "never", "once", where)
    if ended is not None and subscription.is_trial(ended.period):
        ended = None  # nothing was paid in advance for it
    start = ended.period.start if ended is not None else begun.period.start if begun else None
    if start is None:
        return
    place = subscription.zone_at(start)
    by_line: dict[str, list[InvoiceLine]] = {}
    for line in lines:
        by_line.setdefault(line.line_id, []).append(line)
    for line_id, mine in by_line.items():
        _check_inside(ended, mine)
        fees = ((line.period, 1) for line in mine if line.kind is LineKind.BASE_FEE)
        _check_count(f"the base fee of line '{line_id}'", fees, place)
        _check_setup(subscription, ended, begun, line_id, mine)
        paid = list(_paid(subscription, ended, begun, line_id))
        left = [(period, 1) for period in paid]
        left += [(line.period, -1) for line in mine if line.kind is LineKind.CREDIT]
        charged = [(line.period, 1) for line in mine if line.kind is LineKind.RECURRING]
        _check_count(f"line '{line_id}'", left, place)
        _check_count(f"line '{line_id}'", left + charged, place)
        _check_credits(subscription, ended, line_id, paid, mine)


def _check_inside(ended: Term | None, lines: Iterable[InvoiceLine]) -> None:
    """I-22: what is charged in arrears lies inside the term that ended."""
    for line in lines:
        if line.kind not in {LineKind.BASE_FEE, LineKind.USAGE}:
            continue
        within = ended is not None and (
            ended.period.start <= line.period.start and line.period.end <= ended.period.end
        )
        if not within:
            where = f"line '{line.line_id}' outside its term from {instant_text(line.period.start)}"
            raise bound_exceeded(Bound.PERIODS, "once", "never", where)


def _check_setup(
    subscription: Subscription,
    ended: Term | None,
    begun: Term | None,
    line_id: str,
    lines: Iterable[InvoiceLine],
) -> None:
    """I-22: a line is set up once at most, and where it begins."""
    times = sum(line.kind is LineKind.SETUP for line in lines)
    where = f"the setup fee of line '{line_id}'"
    if times > 1:
        raise bound_exceeded(Bound.PERIODS, f"{times} times", "once", where)
    if times and not _begins(subscription, ended, begun, line_id):
        raise bound_exceeded(Bound.PERIODS, "once", "never", f"{where}, which began elsewhere,")


def _begins(
    subscription: Subscription, ended: Term | None, begun: Term | None, line_id: str
) -> bool:
    """Tell whether an invoice is the first that charges a line, in arrears or in advance."""
    numbers = {
        entry.number for entry in subscription.lines if entry.id == line_id and not entry.metered
    }
    first = _first_moment(subscription, line_id)
    if ended is not None:
        if line_id in ended.charged or any(map(ended.is_paid, numbers)):
            return False
        if first is not None and first < ended.period.end:
            return ended.period.start <= first
    if begun is None or line_id in begun.charged:
        return False
    early = first is not None and first < begun.period.start
    return not early and any(map(begun.is_paid, numbers))


def _first_moment(subscription: Subscription, line_id: str) -> datetime | None:
    """Return when a line begins to cost something, the end of its subscription aside."""
    entries = [entry for entry in subscription.lines if entry.id == line_id]
    moments = {subscription.billed_from}
    moments |= {entry.since for entry in entries if entry.since is not None}
    moments |= {each.end for each in subscription.suspensions if each.end is not None}
    for moment in sorted(each for each in moments if each >= subscription.billed_from):
        there = any(entry.in_force(moment) for entry in entries)
        if there and not subscription.suspended(moment):
            return moment
    return None


def _paid(
    subscription: Subscription, ended: Term | None, begun: Term | None, line_id: str
) -> Iterator[Period]:
    """Return the time of a line that was charged in advance with the term before."""
    if ended is None:
        return
    entries = [line for line in subscription.lines if line.id == line_id and not line.metered]
    handed_on = begun is not None and any(entry.number in begun.covered for entry in entries)
    for entry in entries:
        if ended.is_paid(entry.number):
            until = ended.paid_until(entry.number)
            if not subscription.prorate and not handed_on:
                until = min(until, ended.period.end)  # a term that is cut off is forgone
            yield Period(ended.period.start, until)


def _check_count(what: str, counted: Iterable[Counted], place: ZoneInfo) -> None:
    """I-22: each day once at most; I-24: none is given back that was not billed."""
    steps: dict[datetime, int] = {}
    for period, sign in counted:
        steps[period.start] = steps.get(period.start, 0) + sign
        steps[period.end] = steps.get(period.end, 0) - sign
    times, since = 0, None
    for instant in sorted(steps):
        if since is not None and times not in {0, 1} and _days(since, instant, place):
            where = f"{what} from {instant_text(since)}"
            if times > 1:
                raise bound_exceeded(Bound.PERIODS, f"{times} times", "once", where)
            raise bound_exceeded(Bound.GIVEN_BACK, "time", "none", where)
        before, times = times, times + steps[instant]
        if times != before:
            since = instant


def _days(start: datetime, end: datetime, place: ZoneInfo) -> int:
    """Count days as they are charged: one belongs to what is in force when it ends."""
    first, last = (each.astimezone(place).date() for each in (start, end))
    return (last - first).days


def _check_credits(
    subscription: Subscription,
    ended: Term | None,
    line_id: str,
    paid: Sequence[Period],
    lines: Iterable[InvoiceLine],
) -> None:
    """I-24: what is given back of a line is at most what its time cost in advance."""
    credits_ = [line for line in lines if line.kind is LineKind.CREDIT]
    if not credits_:
        return
    assert ended is not None, "only time of an ended term is given back"
    currency = subscription.currency
    whole = Whole(subscription.whole_term(ended.period), subscription.zone_at(ended.period.start))
    back = sum(-line.amount.minor for line in credits_)
    cost = max(line.priced.amount for line in credits_)
    billed = sum(line_amount(cost, currency, whole.share(period)).minor for period in paid)
    if back > billed:
        shown = Money(back, currency), Money(billed, currency)
        raise bound_exceeded(Bound.GIVEN_BACK, *shown, where=f"line '{line_id}'")


def check_given_back(lines: Iterable[InvoiceLine]) -> None:
    """Check that no supplement gives back more than its manifests billed before (I-24).

    Raises `Conflict` with code `bound_exceeded`.
    """
    for line in lines:
        if line.billed_before is not None and (line.amount + line.billed_before).minor < 0:
            where = f"line '{line.line_id}' from {instant_text(line.period.start)}"
            raise bound_exceeded(Bound.GIVEN_BACK, -line.amount, line.billed_before, where)
