"""Record many usages at once: all the puts, and then the looks.

Each usage is recorded once or refused, whatever becomes of the others, as if it had come alone.
What they share is what is read: a subscription once, and each term by one look, which must come
after the last put: a look that came before one would say nothing about that usage.

    judge    each by its subscription; of two with one identity nobody is taken
    put      one after the other, in the order they came in
    look     once for each term that the usages fall into, the latest first

    crash or lost answer anywhere    what is stored will be billed; the same batch again is safe
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from postpaid.application.ports import Looks, Subscriptions, Unavailable, UsageLedger
from postpaid.application.record_usage import (
    Durable,
    RecordedUsage,
    RecordUsage,
    judge,
    make_durable,
    told,
)
from postpaid.domain.errors import BillingError, Invalid
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import Term
from postpaid.domain.usage import Usage, UsageKey

# A subscription for which storage has no answer is not asked for again, and behind the second one
# nothing is: each of them takes the SDK's retries, and the caller waits.
_SILENT_MAX = 2
_EVER = datetime.min.replace(tzinfo=UTC)

type _Refused = BillingError | Unavailable
type _Judged = tuple[Usage, Subscription]
type Outcome = RecordedUsage | BillingError | Unavailable


def record_batch(
    commands: Sequence[RecordUsage | BillingError],
    *,
    subscriptions: Subscriptions,
    ledger: UsageLedger,
    terms: Looks,
    now: datetime,
    whole: bool = False,
) -> list[Outcome]:
    """Record each usage once; return in their order what became of them.

    A command that was found wrong already is handed through. Raises `Invalid` with code
    `usage_repeated` before anything is written if two of them are the same usage; and if the batch
    is to be taken as a *whole*, the first refusal that a judgement comes to.
    """
    known = _Known(subscriptions)
    judged = [_judged(each, known, now) for each in commands]
    if whole:
        _check_judged(judged)
    _check_identities(judged)
    stored = _stored(judged, known, ledger, _Shared(terms))
    # Nothing that was read before the puts may answer now.
    return _looked(stored, _Shared(terms))


class _Known:
    """Subscriptions, each read once, and once more if a refusal would rest on it."""

    def __init__(self, subscriptions: Subscriptions) -> None:
        self._subscriptions = subscriptions
        self._read: dict[tuple[str, bool], Subscription | None] = {}
        self._silent = _Silent()

    def get(self, subscription_id: str, *, fresh: bool = True) -> Subscription | None:
        """Return a subscription; one that is not *fresh* may be up to a minute old."""
        if not fresh and (subscription_id, True) in self._read:
            fresh = True
        key = subscription_id, fresh
        if key not in self._read:
            with self._silent.asked(subscription_id):
                self._read[key] = self._subscriptions.get(subscription_id, fresh=fresh)
        return self._read[key]


class _Shared:
    """Looks, each for all the usages that it answers for."""

    def __init__(self, terms: Looks) -> None:
        self._terms = terms
        self._silent = _Silent()
        self._seen: dict[str, list[tuple[datetime, datetime, Term | None]]] = {}

    def look(self, subscription_id: str, at: datetime) -> Term | None:
        """Return the term that began last at or before *at*.

        It is the same for every date between its start and the one that was looked at.
        """
        seen = self._seen.setdefault(subscription_id, [])
        for since, until, term in seen:
            if since <= at <= until:
                return term
        with self._silent.asked(subscription_id):
            term = self._terms.look(subscription_id, at)
        seen.append((_EVER if term is None else term.period.start, at, term))
        return term


class _Silent:
    """For which subscriptions storage had no answer."""

    def __init__(self) -> None:
        self._ids: set[str] = set()

    @contextmanager
    def asked(self, subscription_id: str) -> Iterator[None]:
        """Ask storage inside this, and note if it has no answer; `Unavailable` if it had none."""
        if subscription_id in self._ids or len(self._ids) >= _SILENT_MAX:
            raise Unavailable("storage had no answer to what was asked before")
        try:
            yield
        except Unavailable:
            self._ids.add(subscription_id)
            raise


def _judged(
    command: RecordUsage | BillingError, known: _Known, now: datetime
) -> _Judged | _Refused:
    if isinstance(command, BillingError):
        return command
    try:
        return judge(command, known, now)
    except (BillingError, Unavailable) as refused:
        return refused


def _check_judged(judged: Sequence[_Judged | _Refused]) -> None:
    """Refuse a batch by the first of its usages that is refused."""
    for index, each in enumerate(judged):
        if isinstance(each, BillingError):
            within = f"usages[{index}]"
            each.field = within if each.field is None else f"{within}.{each.field}"
        if not isinstance(each, tuple):
            raise each


def _check_identities(judged: Sequence[_Judged | _Refused]) -> None:
    """Refuse a batch that names a usage twice: which of the two counts, nobody could say."""
    seen: dict[UsageKey, int] = {}
    for index, each in enumerate(judged):
        if isinstance(each, tuple):
            first = seen.setdefault(each[0].key, index)
            if first != index:
                raise Invalid(
                    "usage_repeated",
                    f"is the same usage as usages[{first}]: nothing of the batch was recorded",
                    field=f"usages[{index}]",
                    details={"first": f"usages[{first}]"},
                )


def _stored(
    judged: Sequence[_Judged | _Refused], known: _Known, ledger: UsageLedger, terms: _Shared
) -> list[Durable | _Refused]:
    silent = _Silent()
    stored: list[Durable | _Refused] = []
    for each in judged:
        if not isinstance(each, tuple):
            stored.append(each)
            continue
        usage, subscription = each
        try:
            with silent.asked(subscription.id):
                stored.append(
                    make_durable(
                        usage, subscription, subscriptions=known, ledger=ledger, terms=terms
                    )
                )
        except (BillingError, Unavailable) as refused:
            stored.append(refused)
    return stored


def _looked(stored: Sequence[Durable | _Refused], terms: _Shared) -> list[Outcome]:
    """Look for those that are durable, the latest first: so each term takes one look."""
    durable = {index: each for index, each in enumerate(stored) if isinstance(each, Durable)}
    found: dict[int, RecordedUsage] = {}
    for index, each in sorted(durable.items(), key=lambda pair: pair[1].usage.key.at, reverse=True):
        key = each.usage.key
        try:
            term = terms.look(key.subscription_id, key.at)
        except Unavailable:
            term = None
        found[index] = told(each.usage, term, replayed=each.replayed)
    return [
        found[index] if isinstance(each, Durable) else each for index, each in enumerate(stored)
    ]
