"""Ask the usage URLs of a term that is to close, and record what they answer.

    crash before the put       nothing is stored; the next visit asks again
    crash after the put        the usage is there; the next visit reports it and does not ask
    two visits at once         both may ask; one answer is recorded, and the other one finds it
    a close at the same time   what comes after it is late usage like any other
    deleted by a client        it was answered: it is neither asked nor recorded again

The put is the proof: the identity of an answer is a function of its line and term. Nothing is noted
on the term here, so that whoever reaches the outside changes nothing but usage: a worker is told.
An answer of nothing records nothing; that it was given is only in what the worker is told.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from postpaid.application.api_keys import SiteSecrets
from postpaid.application.ports import (
    Customers,
    Invoices,
    Sites,
    Subscriptions,
    Terms,
    UsageLedger,
)
from postpaid.application.record_usage import RecordedUsage, RecordUsage, record_usage
from postpaid.application.roll_term import known_subscription
from postpaid.domain.api_key import usage_url_token
from postpaid.domain.asking import ANSWER_ID, Question, answer_key, answered_by, unanswered
from postpaid.domain.errors import BillingError
from postpaid.domain.instants import instant_text
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import Term, TermStatus
from postpaid.domain.usage import UsageKey, UsageSource
from postpaid.domain.usage_url import UsageUrl

# How many lines may fail in one visit: each may take as long as an ask does.
FAILURES_MAX = 3


class Unanswered(Exception):
    """A usage URL gave no answer that counts; its text is the reason, for the site's owner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Puller:
    """What a visit needs. *ask* raises `Unanswered`; *is_late* ends the visit."""

    subscriptions: Subscriptions
    customers: Customers
    sites: Sites
    secrets: SiteSecrets
    terms: Terms
    invoices: Invoices
    ledger: UsageLedger
    ask: Callable[[UsageUrl, Question], Decimal]
    is_late: Callable[[], bool]
    now: datetime


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a visit came to: lines that have answered, what was recorded, why one has not."""

    answered: tuple[str, ...] = ()
    recorded: tuple[RecordedUsage, ...] = ()
    failure: str | None = None


def pull_usage(subscription_id: str, start: datetime, *, puller: Puller) -> Pulled | None:
    """Ask each URL that a term has no answer of; None if the term does not wait for any.

    Raises `Unavailable` if storage gives no answer: the visit is safe to repeat.
    """
    term = puller.terms.get(subscription_id, start)
    if term is None or term.status not in {TermStatus.GRACE, TermStatus.CLOSING}:
        return None
    assert term.invoice_id is not None
    invoice = puller.invoices.get(term.invoice_id)
    assert invoice is not None, "invoices are never removed"
    subscription = known_subscription(puller.subscriptions, subscription_id)
    waiting = unanswered(subscription, invoice.asks, term.answered)
    if not waiting:
        # Nobody knows that more was noted since the close was held up: let it look again.
        return Pulled()
    visit = _Visit(term, subscription, puller)
    answered: list[str] = []
    recorded: list[RecordedUsage] = []
    failures: list[str] = []
    for line_id, url in waiting.items():
        if len(failures) == FAILURES_MAX or (puller.is_late() and (answered or failures)):
            break
        try:
            found = visit.answer(line_id, url)
        except Unanswered as reason:
            failures.append(f"the usage URL of line '{line_id}' {reason}")
            continue
        answered.append(line_id)
        if found is not None:
            recorded.append(found)
    return Pulled(tuple(answered), tuple(recorded), failures[0] if failures else None)


@dataclass(frozen=True, slots=True)
class _Visit:
    term: Term
    subscription: Subscription
    puller: Puller

    def answer(self, line_id: str, url: UsageUrl) -> RecordedUsage | None:
        """Ask a line's URL and record what it answers; None if that is nothing new.

        Raises `Unanswered`.
        """
        key = answer_key(self.subscription, line_id, self.term.period)
        if key is None or self._is_there(key):
            return None
        quantity = self.puller.ask(url, self._question(line_id))
        return self._recorded(key, quantity) if quantity else None

    def _question(self, line_id: str) -> Question:
        customer = self.puller.customers.get(self.subscription.customer_id)
        line = answered_by(self.subscription, line_id, self.term.period)
        assert customer is not None, "customers are never removed"
        assert line is not None, "a line that is asked was in force"
        site = self.puller.sites.get()
        # It is made where it is first shown: who reaches the outside writes nothing but usage.
        secret = self.puller.secrets.get(site.scope.site)
        return Question(
            site=site,
            customer=customer,
            subscription=self.subscription,
            line=line,
            period=self.term.period,
            security_token=None if secret is None else usage_url_token(secret),
        )

    def _is_there(self, key: UsageKey) -> bool:
        """Tell whether an answer is recorded; raises `Unanswered` if its place is another's."""
        usage = self.puller.ledger.of(self.subscription).get(key)
        if usage is None:
            return False
        if usage.source is UsageSource.USAGE_URL:
            return True
        if usage.deleted:
            return False
        raise _place_taken()

    def _recorded(self, key: UsageKey, quantity: Decimal) -> RecordedUsage | None:
        command = RecordUsage(
            subscription_id=key.subscription_id,
            line_id=key.line_id,
            item_price_id=None,
            usage_date=instant_text(key.at),
            quantity=quantity,
            event_id=key.event_id,
            request=ANSWER_ID,
            source=UsageSource.USAGE_URL,
        )
        puller = self.puller
        try:
            found = record_usage(
                command,
                subscriptions=puller.subscriptions,
                ledger=puller.ledger,
                terms=puller.terms,
                now=puller.now,
            )
        except BillingError as refusal:
            if refusal.code in {"term_closed", "usage_deleted"} or self._is_there(key):
                return None  # nothing more is taken, or another visit's answer came first
            raise Unanswered(f"answered what cannot be recorded: {refusal.message}") from None
        if found.usage.source is not UsageSource.USAGE_URL:
            raise _place_taken()
        return found


def _place_taken() -> Unanswered:
    return Unanswered("cannot answer: another usage is recorded in the last second of its term")
