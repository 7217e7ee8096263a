"""Which usage URLs an invoice waits for, and what is noted of them on its term.

A close asks no URL itself: the sweep that finds its term due has them asked (`work_due`,
`pull_usage`), until all have answered, or the invoice is parked with the reason.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from postpaid.application.books import Books
from postpaid.application.ports import Terms
from postpaid.domain.asking import unanswered
from postpaid.domain.errors import Conflict, Invalid, LimitExceeded, NotFound
from postpaid.domain.invoice import Invoice
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import Term
from postpaid.domain.usage_url import USAGE_URLS_LENGTH_MAX, UsageUrl

UNANSWERED = "usage_url_unanswered"


class AskedTerms(Terms, Protocol):
    """The terms of one site, and what is noted of usage URLs while they wait to close."""

    def note_asked(self, term: Term, at: datetime) -> None:
        """Note when usage URLs were asked first for a term that waits to close; or `Lost`."""
        ...

    def note_answered(self, term: Term, line_ids: Sequence[str]) -> Term:
        """Note that the usage URLs of lines answered, and return the term as it is now; or `Lost`.

        What was noted of others must be as it was read.
        """
        ...

    def postpone(self, term: Term, due_at: datetime, reason: str, now: datetime) -> None:
        """Note why a usage URL did not answer, and when it is to be asked again; or `Lost`.

        The term must be as due as it was read.
        """
        ...


def check_answered(invoice: Invoice, books: Books) -> None:
    """Refuse to close an invoice before the usage URLs of its lines have answered.

    Raises `Conflict` with code `usage_url_unanswered`.
    """
    waiting = waited_for(invoice, books)
    if waiting:
        raise still_unanswered(waiting)


def waited_for(invoice: Invoice, books: Books) -> dict[str, UsageUrl]:
    """Return the usage URLs that a pending invoice waits for, by line.

    Reads something only if it asks any.
    """
    if not invoice.asks or invoice.term_start is None:
        return {}
    term = books.terms.get(invoice.subscription_id, invoice.term_start)
    subscription = books.subscriptions.get(invoice.subscription_id)
    assert term is not None, "terms are never removed"
    assert subscription is not None, "subscriptions are never removed"
    return unanswered(subscription, invoice.asks, term.answered)


def still_unanswered(waiting: Mapping[str, UsageUrl]) -> Conflict:
    """Return the refusal of a close that would leave out what usage URLs are to answer."""
    names = [*waiting]
    more = "" if len(names) == 1 else f" and {len(names) - 1} more"
    return Conflict(
        "usage_url_unanswered",
        f"the usage URL of line '{names[0]}'{more} has not answered yet: it is asked when the "
        "invoice closes by itself",
        details={"line_ids": names},
    )


def changed_urls(
    subscription: Subscription, changes: Mapping[str, UsageUrl | None], field: str
) -> dict[str, UsageUrl]:
    """Return a subscription's usage URLs with some set, or taken away where there is None.

    Raises `NotFound` with code `line_not_found`, `Invalid` with code `not_metered`, or
    `LimitExceeded`, naming the line behind *field*.
    """
    urls = dict(subscription.usage_urls)
    metered = {line.id: line.metered for line in subscription.lines}
    for line_id, url in changes.items():
        place = f"{field}.{line_id[:100]}"
        if line_id not in metered:
            raise NotFound("line_not_found", "the subscription has no such line", field=place)
        if url is None:
            urls.pop(line_id, None)
            continue
        if not metered[line_id]:
            raise not_metered(place)
        urls[line_id] = url
    check_length(urls, field)
    return urls


def not_metered(field: str) -> Invalid:
    """Return the refusal of a usage URL where nothing is counted."""
    return Invalid(
        "not_metered", "the line is not metered: it has no usage to ask for", field=field
    )


def check_length(urls: Mapping[str, UsageUrl], field: str) -> None:
    """Refuse more usage URLs than are kept; raises `LimitExceeded`."""
    if sum(len(url.text) for url in urls.values()) > USAGE_URLS_LENGTH_MAX:
        raise LimitExceeded(
            "limit_exceeded",
            f"the usage URLs of a subscription have at most {USAGE_URLS_LENGTH_MAX} characters "
            "together",
            field=field,
        )
