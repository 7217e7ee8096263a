"""Terms: the fence between recording and closing."""

from collections.abc import Sequence
from datetime import datetime

from postpaid.application.ports import Lost
from postpaid.domain.instants import instant_text
from postpaid.domain.site import Scope
from postpaid.domain.term import Term, TermStatus
from postpaid.store import keys
from postpaid.store.fields import (
    flag,
    instant,
    instant_or_none,
    item_from_period,
    mapping,
    number,
    number_or_none,
    numbers,
    period_from_item,
    text,
    text_or_none,
    texts,
    without_none,
)
from postpaid.store.tables import (
    Absent,
    Condition,
    ConditionFailed,
    Item,
    Key,
    OneOf,
    Range,
    Table,
    Update,
    Value,
    all_of,
    equals,
)


class StoredTerms:
    """The terms of one site's subscriptions. *clock* names the clock their due times are on."""

    def __init__(self, table: Table, scope: Scope, clock: str = keys.LIVE) -> None:
        self._table = table
        self._scope = scope
        self._clock = clock

    def look(self, subscription_id: str, at: datetime) -> Term | None:
        """Read the term that began last at or before *at*; one strongly consistent query."""
        rows = self._table.query(self._span(subscription_id, at, limit=1))
        return term_from_item(rows[0]) if rows else None

    def get(self, subscription_id: str, start: datetime) -> Term | None:
        """Read a term."""
        item = self._table.get(keys.term(self._scope, subscription_id, start))
        return term_from_item(item) if item else None

    def page(self, subscription_id: str, *, before: datetime | None, limit: int) -> list[Term]:
        """Read at most *limit* terms that start before an instant, newest first."""
        last = None if before is None else keys.term(self._scope, subscription_id, before).sk
        rows = self._table.query(self._span(subscription_id, None, limit=limit, after=last))
        return [term_from_item(row) for row in rows]

    def fence(
        self, subscription_id: str, start: datetime, run: str, due_at: datetime | None
    ) -> Term:
        """Move a term to CLOSING for this run, and return it as it is now.

        From GRACE, or from CLOSING of a dead run. One write to one item, awaited before anything
        is read: only so does "still open" in a writer's later look mean that we will see its
        usage. It stays on the list of what is due, so that a sweep finds it if this run dies:
        where it was, because moving it there costs two more writes, unless that is too late. With
        *due_at* None it is as due as it was, or not at all: of a run that dies nobody goes on.
        Raises `Lost` if the term is anything else by now.
        """
        key = keys.term(self._scope, subscription_id, start)
        place: Item = {}
        fenced: dict[str, Value] = {"status": TermStatus.CLOSING.value, "run": run}
        if due_at is not None:
            place = keys.due(self._clock, key.pk, due_at, due_at)
            fenced["due_at"] = instant_text(due_at)
        update = Update(
            key,
            OneOf("status", (TermStatus.GRACE.value, TermStatus.CLOSING.value)),
            set=fenced,
            default=place,
        )
        try:
            item = self._table.update(update)
            late = due_at is not None and text(item, "dsk") > instant_text(due_at)
            if late:  # closed by request, before its time
                mine = all_of(equals("status", TermStatus.CLOSING.value), equals("run", run))
                item = self._table.update(Update(key, mine, set=place))
        except ConditionFailed:
            raise Lost from None
        return term_from_item(item)

    def retime(self, term: Term, due_at: datetime | None, now: datetime) -> None:
        """Change when a term in GRACE closes by itself, None for never; `Lost` if it is not."""
        key = keys.term(self._scope, term.subscription_id, term.period.start)
        still = equals("status", TermStatus.GRACE.value)
        if due_at is None:
            update = Update(key, still, remove=("due_at", "dpk", "dsk"))
        else:
            due = keys.due(self._clock, key.pk, due_at, now)
            update = Update(key, still, set={"due_at": instant_text(due_at), **due})
        try:
            self._table.update(update)
        except ConditionFailed:
            raise Lost from None

    def note_policy(self, term: Term) -> None:
        """Keep an OPEN term from ending by a closing policy that was read before; or `Lost`."""
        key = keys.term(self._scope, term.subscription_id, term.period.start)
        still = equals("status", TermStatus.OPEN.value)
        try:
            self._table.update(Update(key, still, add={"pc": 1}))
        except ConditionFailed:
            raise Lost from None

    def note_asked(self, term: Term, at: datetime) -> None:
        """Note when usage URLs were asked first for a term that waits to close; or `Lost`."""
        self._note(term, Absent("asked"), set={"asked": instant_text(at)})

    def note_answered(self, term: Term, line_ids: Sequence[str]) -> Term:
        """Note that the usage URLs of lines answered, and return the term as it is now; or `Lost`.

        What was noted of others must be as it was read.
        """
        answered: list[Value] = [*sorted({*term.answered, *line_ids})]
        was: list[Value] = [*term.answered]
        same = equals("answered", was) if was else Absent("answered")
        return self._note(term, same, set={"answered": answered})

    def postpone(self, term: Term, due_at: datetime, reason: str, now: datetime) -> None:
        """Note why a usage URL did not answer, and when it is to be asked again; or `Lost`.

        The term must be as due as it was read.
        """
        assert term.due_at is not None
        key = keys.term(self._scope, term.subscription_id, term.period.start)
        due = keys.due(self._clock, key.pk, due_at, now)
        again: Item = {"due_at": instant_text(due_at), **due, "unanswered": reason}
        self._note(term, equals("due_at", instant_text(term.due_at)), set=again)

    def _note(self, term: Term, same: Condition, *, set: Item) -> Term:  # noqa: A002 - as `Update` calls it
        key = keys.term(self._scope, term.subscription_id, term.period.start)
        waiting = OneOf("status", (TermStatus.GRACE.value, TermStatus.CLOSING.value))
        try:
            return term_from_item(self._table.update(Update(key, all_of(waiting, same), set=set)))
        except ConditionFailed:
            raise Lost from None

    def settle(self, term: Term) -> None:
        """Take a frozen term off the list of what is due."""
        key = keys.term(self._scope, term.subscription_id, term.period.start)
        frozen = equals("status", TermStatus.FROZEN.value)
        try:
            self._table.update(Update(key, frozen, remove=("due_at", "dpk", "dsk")))
        except ConditionFailed:
            raise Lost from None

    def _span(
        self, subscription_id: str, at: datetime | None, *, limit: int, after: str | None = None
    ) -> Range:
        pk = keys.entity(self._scope, "subscription", subscription_id).pk
        last = "TERM#~" if at is None else f"TERM#{instant_text(at)}"
        return Range(pk=pk, first="TERM#", last=last, reverse=True, limit=limit, after=after)


def term_key(scope: Scope, term: Term) -> Key:
    """Return the key of a term."""
    return keys.term(scope, term.subscription_id, term.period.start)


def item_from_term(scope: Scope, clock: str, term: Term, now: datetime) -> Item:
    """Return the stored form of a term."""
    key = term_key(scope, term)
    pins: dict[str, Value] = {str(number): version for number, version in term.pins.items()}
    item: dict[str, Value] = {
        "pk": key.pk,
        "sk": key.sk,
        "s": keys.SCHEMA,
        "n": term.n,
        "status": term.status.value,
        "pins": pins,
        "engine": term.engine,
        **advance_attributes(term),
        "invoice_id": term.invoice_id,
        "run": term.run,
        "m": term.manifests,
        "m0": term.manifest_hash,
        "answered": [*term.answered] or None,
        "asked": None if term.asked_since is None else instant_text(term.asked_since),
        "unanswered": term.unanswered,
        **item_from_period(term.period),
    }
    if term.due_at is not None:
        item["due_at"] = instant_text(term.due_at)
        item |= keys.due(clock, key.pk, term.due_at, now)
    if term.charged:
        item["charged"] = [*sorted(term.charged)]
    if term.changes:
        item["pc"] = term.changes
    if term.last:
        item["last"] = True
    return without_none(item)


def advance_attributes(term: Term) -> Item:
    """Return what a term keeps of its advance charges; None where that is the usual thing."""
    return {
        "idle": [*sorted(term.idle)] or None,
        "covered": {str(n): instant_text(end) for n, end in term.covered.items()} or None,
        "advance_to": None if term.advance_to is None else instant_text(term.advance_to),
        "credit": True if term.credit_unused else None,
    }


def _covered(item: Item) -> dict[int, datetime]:
    if item.get("covered") is None:
        return {}
    plain = mapping(item, "covered")
    return {int(entry): instant(plain, entry) for entry in plain}


def term_from_item(item: Item) -> Term:
    """Read a term from its stored form."""
    pins = mapping(item, "pins")
    return Term(
        subscription_id=keys.identifier(Key(text(item, "pk"), text(item, "sk"))),
        n=number(item, "n"),
        period=period_from_item(item),
        status=TermStatus(text(item, "status")),
        pins={int(entry): number(pins, entry) for entry in pins},
        idle=frozenset(numbers(item, "idle")),
        covered=_covered(item),
        advance_to=instant_or_none(item, "advance_to"),
        charged=frozenset(texts(item, "charged")),
        credit_unused=flag(item, "credit"),
        engine=number(item, "engine"),
        invoice_id=text_or_none(item, "invoice_id"),
        due_at=instant_or_none(item, "due_at"),
        run=text_or_none(item, "run"),
        manifests=number(item, "m"),
        manifest_hash=text_or_none(item, "m0"),
        changes=number_or_none(item, "pc") or 0,
        last=flag(item, "last"),
        answered=texts(item, "answered"),
        asked_since=instant_or_none(item, "asked"),
        unanswered=text_or_none(item, "unanswered"),
    )
