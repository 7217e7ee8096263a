"""The processes that clients start: record, correct and delete usage, each put-then-look."""

from collections.abc import Generator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from spec.beside import PutBeside, PutWith, Refusal
from spec.items import Billing, Key, Manifest, Status, Subscription, Usage
from spec.reads import Look, Read, ReadNewestTerm, ReadSubscription, ReadUsage
from spec.rules import LookRule, Rules
from spec.transactions import Edit, Roll
from spec.writes import CorrectUsage, DeleteUsage, PutUsage, Write


class Told(StrEnum):
    """What a client knows of its request in the end."""

    OK = "ok"
    REFUSED = "refused"
    GONE = "recorded by this request, and deleted since"
    UNKNOWN = "no answer"


class Answer(NamedTuple):
    """What a client was told, and of which version of a usage."""

    told: Told
    usage: Usage | None = None
    billing: Billing | None = None

    def __str__(self) -> str:
        return self.told if self.usage is None else f"{self.told}: {self.usage}, {self.billing}"


class Again(NamedTuple):
    """A process begins again from what is stored; *knowing* is all that it keeps."""

    knowing: Manifest | None = None

    def __str__(self) -> str:
        return "look again"


# What a put is answered: nothing if it was done, what is there, or why there can be none.
type Existing = Usage | Refusal | None

# What a process sends, what it is answered, what it comes to.
type Steps[Result] = Generator[Read | Write, Any, Result | Again]


@dataclass(frozen=True, slots=True)
class Record:
    """A client asks to record a usage; *request* is its idempotency key, if it has one.

    It may have an external id, and its subscription a *maximum* of usages.
    """

    key: Key
    quantity: int
    request: str = ""
    external_id: str = ""
    maximum: int = 0

    def steps(self, rules: Rules) -> Steps[Answer]:
        """Put, then look."""
        told = None
        if rules.look is LookRule.BEFORE:
            told = yield from look(self.key, rules)
        usage = Usage(
            self.key, 1, self.quantity, request=self.request, external_id=self.external_id
        )
        existing = yield from self._add(usage, rules)
        while isinstance(existing, Usage) and existing.deleted:
            again = self.request and existing.request == self.request
            if again and rules.request_knows_its_tombstone:
                return Answer(Told.GONE)
            usage = usage._replace(version=existing.version + 1)
            existing = yield from self._add_again(usage, existing, rules)
        if isinstance(existing, Refusal):
            return Answer(Told.REFUSED)
        if existing is not None and not self.is_said_by(existing):
            return Answer(Told.REFUSED)
        if told is None:
            told = yield from look(self.key, rules)
        return Answer(Told.OK, existing or usage, told)

    def is_said_by(self, usage: Usage) -> bool:
        """Tell whether a usage says what is asked; not to name it is no other fact."""
        named = self.external_id in {"", usage.external_id}
        return usage.quantity == self.quantity and named

    def _add(self, usage: Usage, rules: Rules) -> Generator[Read | Write, Any, Existing]:
        if not self.external_id and not self.maximum:
            existing: Existing = yield PutUsage(usage, conditional=rules.add_is_conditional)
            return existing
        if rules.put_is_one_transaction:
            existing = yield PutWith(usage, maximum=self.maximum, rules=rules)
            return existing
        refusal: Existing = yield PutBeside(usage, self.maximum)
        if refusal is not None:
            return refusal
        existing = yield PutUsage(usage)
        return existing

    def _add_again(
        self, usage: Usage, over: Usage, rules: Rules
    ) -> Generator[Read | Write, Any, Existing]:
        # The tombstone's own external id is bound already.
        if self.external_id in {"", over.external_id}:
            exactly = rules.add_again_names_the_tombstone
            existing: Existing = yield PutUsage(usage, over=over.version, exactly=exactly)
            return existing
        existing = yield PutWith(usage, over=over.version, rules=rules)
        return existing

    def __str__(self) -> str:
        request = f", request {self.request}" if self.request else ""
        named = f" named {self.external_id}" if self.external_id else ""
        return f"record {self.key} = {self.quantity}{named}{request}"


@dataclass(frozen=True, slots=True)
class Correct:
    """A client asks for another quantity of the version it knows."""

    key: Key
    expected: int
    quantity: int

    def steps(self, rules: Rules) -> Steps[Answer]:
        """Correct exactly that version, then look.

        What is refused must stay refused, although the SDK may have sent the write before: so a
        version that is yet to come is refused before anything is sent.
        """
        if rules.correction_reads_first:
            usage = yield ReadUsage(self.key)
            if usage is None or usage.version < self.expected:
                return Answer(Told.REFUSED)
        done = yield CorrectUsage(
            self.key,
            self.expected,
            self.quantity,
            conditional=rules.correction_names_its_version,
            knows_itself=rules.correction_knows_itself,
        )
        if not done:
            return Answer(Told.REFUSED)
        told = yield from look(self.key, rules)
        return Answer(Told.OK, Usage(self.key, self.expected + 1, self.quantity), told)

    def __str__(self) -> str:
        return f"correct {self.key} v{self.expected} to {self.quantity}"


@dataclass(frozen=True, slots=True)
class Delete:
    """A client asks to delete a usage in whatever version it is."""

    key: Key

    def steps(self, rules: Rules) -> Steps[Answer]:
        """Turn what was read into a tombstone, then look."""
        usage = yield ReadUsage(self.key)
        if usage is None:
            return Answer(Told.REFUSED)
        if not usage.deleted:
            done = yield DeleteUsage(usage, rules.delete_leaves_a_tombstone)
            if not done:
                return Again()
            usage = usage._replace(version=usage.version + 1, deleted=True)
        told = yield from look(self.key, rules)
        return Answer(Told.OK, usage, told)

    def __str__(self) -> str:
        return f"delete {self.key}"


type Command = Record | Correct | Delete


def look(key: Key, rules: Rules) -> Generator[Read | Write, Any, Billing]:
    """Say where a durable usage is billed."""
    if rules.look is LookRule.NEVER:
        return Billing.ON_TIME
    term = yield Look(key.date, stale=rules.look is LookRule.STALE)
    if term is None:
        return Billing.PENDING  # the look failed
    if key.date >= term.end:
        # Behind the newest term: while that is OPEN, the usage's own term does not exist.
        return Billing.ON_TIME if term.status is Status.OPEN else Billing.PENDING
    return _TOLD[term.status]


_TOLD = {
    Status.OPEN: Billing.ON_TIME,
    Status.GRACE: Billing.ON_TIME,
    Status.CLOSING: Billing.PENDING,
    Status.FROZEN: Billing.LATE,
}


class Kind(StrEnum):
    """What a change does to the subscription and its open term."""

    INVOICE_NOW = "invoice now"
    CANCEL_NOW = "cancel now"
    CANCEL_LATER = "cancel at a date to come"
    UNCANCEL = "take a cancellation back"


@dataclass(frozen=True, slots=True)
class Change:
    """A client asks for a change of the subscription, at a date."""

    kind: Kind
    at: int = 0

    def steps(self, rules: Rules) -> Steps[Answer]:
        """Read the open term and then the subscription, decide, store both in one transaction."""
        term = yield ReadNewestTerm()
        subscription = yield ReadSubscription()
        last = term.end if self.kind is Kind.CANCEL_LATER else term.end - 1
        if term.status is not Status.OPEN or (self.at and not term.start < self.at <= last):
            return Answer(Told.REFUSED)
        end = subscription.end if self.kind is Kind.INVOICE_NOW else self.at or None
        after = Subscription(subscription.version + 1, end)
        write: Write
        if self.kind in {Kind.CANCEL_LATER, Kind.UNCANCEL}:
            write = Edit(term, after.term_end(term.start), after, rules.change_is_counted)
        else:
            write = Roll(term, self.at, after.successor(self.at), after, rules)
        return Answer(Told.OK) if (yield write) else Again()

    def __str__(self) -> str:
        return f"{self.kind} at {self.at}" if self.at else self.kind
