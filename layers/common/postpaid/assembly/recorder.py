"""Put, then look, for whichever door asks; and ask a worker to bill what comes late."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from postpaid.application.correct_usage import (
    CorrectUsage,
    correct_usage,
    subscription_of,
    usage_not_found,
)
from postpaid.application.delete_usage import delete_usage
from postpaid.application.due_terms import Due
from postpaid.application.find_numbered import Kind, LineName
from postpaid.application.record_batch import Outcome, record_batch
from postpaid.application.record_usage import RecordedUsage, RecordUsage, looked, record_usage
from postpaid.domain.api_key import ApiKey
from postpaid.domain.errors import BillingError
from postpaid.domain.site import Scope
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import BillingState
from postpaid.domain.usage import Usage, UsageKey
from postpaid.runtime import clock
from postpaid.runtime.cache import Cache
from postpaid.runtime.ids import new_id
from postpaid.runtime.log import log_failure
from postpaid.store import keys
from postpaid.store.numbered import StoredNumbered
from postpaid.store.sites import ThisSite
from postpaid.store.subscriptions import StoredSubscriptions
from postpaid.store.tables import Table
from postpaid.store.terms import StoredTerms
from postpaid.store.usage import StoredUsages

if TYPE_CHECKING:
    from postpaid.outbound.queue import Queue

PENDING_DELAY_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Tables:
    """What the process keeps: the two tables, what it knows of them, whom to ask."""

    usages: Table
    billing: Table
    kept_subscriptions: Cache[Subscription]
    kept_lines: Cache[LineName]
    close_queue: Callable[[], "Queue"]

    def recorder(self, key: ApiKey) -> "Recorder":
        """Return the recorder of a caller's site."""
        if not key.test:
            return Recorder(self, key.scope, clock.real_now())
        # Only a test site has a clock of its own, and can start afresh; it is read anew each time.
        site = ThisSite(self.billing, key.scope.site).get()
        return Recorder(self, site.scope, clock.site_now(site))


@dataclass(frozen=True, slots=True)
class Recorder:
    """The usages of one site, at one instant of its clock."""

    tables: Tables
    scope: Scope
    now: datetime

    @property
    def ledger(self) -> StoredUsages:
        """The usage ledger."""
        return StoredUsages(self.tables.usages, self.scope)

    @property
    def terms(self) -> StoredTerms:
        """The terms."""
        return StoredTerms(self.tables.billing, self.scope)

    @property
    def subscriptions(self) -> StoredSubscriptions:
        """The subscriptions, those the process knows first."""
        return StoredSubscriptions(self.tables.billing, self.scope, self.tables.kept_subscriptions)

    def record(self, command: RecordUsage) -> RecordedUsage:
        """Record a usage."""
        return self._heard(
            record_usage(
                command,
                subscriptions=self.subscriptions,
                ledger=self.ledger,
                terms=self.terms,
                now=self.now,
            )
        )

    def record_batch(
        self, commands: Sequence[RecordUsage | BillingError], *, whole: bool = False
    ) -> list[Outcome]:
        """Record usages, each for itself, or as a *whole* if one is judged wrong."""
        outcomes = record_batch(
            commands,
            subscriptions=self.subscriptions,
            ledger=self.ledger,
            terms=self.terms,
            now=self.now,
            whole=whole,
        )
        self._ask_to_reconcile([each for each in outcomes if isinstance(each, RecordedUsage)])
        return outcomes

    def correct(self, command: CorrectUsage) -> RecordedUsage:
        """Correct a usage."""
        return self._heard(
            correct_usage(
                command,
                subscriptions=self.subscriptions,
                ledger=self.ledger,
                terms=self.terms,
                now=self.now,
            )
        )

    def delete(
        self, key: UsageKey, *, unless_invoiced: bool = False, deletion: str | None = None
    ) -> RecordedUsage:
        """Delete a usage."""
        return self._heard(
            delete_usage(
                key,
                subscriptions=self.subscriptions,
                ledger=self.ledger,
                terms=self.terms,
                now=self.now,
                unless_invoiced=unless_invoiced,
                deletion=deletion,
            )
        )

    def read(self, key: UsageKey) -> Usage | None:
        """Read a usage, a deleted one too."""
        return self.ledger.of(subscription_of(key, self.subscriptions)).get(key)

    def seen(self, usage: Usage) -> RecordedUsage:
        """Look where a usage that was there before is billed."""
        return looked(self.terms, usage, replayed=True)

    def named(self, text: str) -> UsageKey | None:
        """Read which usage of the site has an external id."""
        return self.ledger.named(text)

    def id(self, usage: Usage) -> str:
        """Return the public id of a usage."""
        return keys.usage_id(usage.key)

    def number(self, usage: Usage) -> int:
        """Return the integer of a usage."""
        return keys.usage_number(self.scope, usage.key)

    def line_of(self, number: int) -> LineName | None:
        """Read which line has, or had, an entry with an integer; it may be kept."""
        kept = self.tables.kept_lines
        return StoredNumbered(self.tables.billing, self.scope, kept).line_of(number)

    def id_of(self, kind: Kind, number: int) -> str | None:
        """Read the id of the thing of a kind that has an integer."""
        return StoredNumbered(self.tables.billing, self.scope).id_of(kind, number)

    def subscriptions_of(self, customer_id: str, limit: int) -> list[str]:
        """Read at most *limit* ids of a customer's subscriptions, ended ones too."""
        # Few usages name their customer, and with customers comes what taxes and rounds.
        from postpaid.store.customers import StoredCustomers  # noqa: PLC0415

        customers = StoredCustomers(self.tables.billing, self.scope)
        return customers.subscriptions(customer_id, after=None, limit=limit)

    def new_id(self) -> str:
        """Return an id that nothing has."""
        return new_id("rec")

    def _heard(self, outcome: RecordedUsage) -> RecordedUsage:
        self._ask_to_reconcile([outcome])
        return outcome

    def _ask_to_reconcile(self, outcomes: Iterable[RecordedUsage]) -> None:
        """Ask a worker to bill what invoices missed: for speed, the audit finds it too."""
        delays: dict[Due, int] = {}
        for outcome in outcomes:
            if outcome.term_start is not None:
                # While a close is running there is nothing to reconcile yet.
                delay = 0 if outcome.billing is BillingState.LATE else PENDING_DELAY_SECONDS
                subscription_id = outcome.usage.key.subscription_id
                term = Due(*keys.term(self.scope, subscription_id, outcome.term_start))
                delays[term] = min(delay, delays.get(term, delay))
        if delays:
            self._send(delays)

    def _send(self, delays: dict[Due, int]) -> None:
        from postpaid.outbound import queue  # noqa: PLC0415 - few usages are late; it takes 20 ms

        try:
            to = self.tables.close_queue()
            for delay in sorted({*delays.values()}):
                terms = [term for term, its in delays.items() if its == delay]
                to.send(queue.reconcile_message(terms), delay_seconds=delay)
        except Exception as error:  # noqa: BLE001 - the usage is durable: say yes, whatever fails
            log_failure("reconcile_not_asked_for", error)


def usage_key(subscription_id: str, text: str) -> UsageKey:
    """Read a usage's identity from its public id; raises `NotFound`."""
    try:
        return keys.usage_from_id(subscription_id, text)
    except ValueError:
        raise usage_not_found() from None
