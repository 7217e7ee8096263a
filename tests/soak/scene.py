"""A small world whose books and ending agree, made by hand, for the auditor to be tested on.

What is said of usages, terms and supplements is plain data that a test can falsify; the invoices
are then made from it, so that only what a test breaks is broken.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from tests.soak.books import Act, Attempt, Books, Outcome, Place, Sight, Told, shown
from tests.soak.ending import Ending, Shown
from tests.soak.plan import CALLS, TEXTS, Plan, Price
from tests.soak.reckoning import base_fee, charge, tax

PLAN = Plan(
    id="sub",
    zone=ZoneInfo("UTC"),
    start=date(2026, 3, 1),
    prices=(CALLS, TEXTS),
    closing={"mode": "manual"},
)
STARTS = ("2026-03-01T00:00:00Z", "2026-03-08T00:00:00Z", "2026-03-15T00:00:00Z")
_ENDS = (*STARTS[1:], "2026-03-22T00:00:00Z")


def place(day: int, line: str = "calls", event: str = "") -> Place:
    """Return the identity of a usage of March."""
    return Place("sub", line, f"2026-03-{day:02d}T00:00:00Z", event)


KEPT = place(2)
CORRECTED = place(3)
DELETED = place(4)
LATE = place(5)
CORRECTED_LATE = place(2, "texts", "a")
UNKNOWN_THERE = place(9)
UNKNOWN_GONE = place(10)
CONTESTED = place(11)
DELETED_LATE = place(9, "texts", "b")

type State = tuple[int, str]  # a version and its quantity, "0" if it is deleted


@dataclass(kw_only=True)
class Supplement:
    """One supplement: of which term, for which usages from what to what, on whose invoice."""

    term: int
    k: int
    steps: dict[Place, tuple[State, State]]
    on: int | None


@dataclass
class Scene:
    """What clients were told, and what there is."""

    attempts: list[Attempt] = field(default_factory=list)
    sights: list[Sight] = field(default_factory=list)
    live: dict[Place, State] = field(default_factory=dict)
    firsts: list[dict[Place, State]] = field(default_factory=lambda: [{}, {}, {}])
    supplements: list[Supplement] = field(default_factory=list)

    def answered(
        self,
        act: Act,
        where: Place,
        asked: str | None,
        version: int,
        billing: str = "on_time",
        *,
        replayed: bool = False,
        quantity: str | None = None,
    ) -> None:
        """Enter a request that was answered with a 2xx; each takes a second."""
        told = Told(
            id=usage_id(where),
            version=version,
            quantity=Fraction(quantity or asked or "0"),
            deleted=act is Act.DELETE,
            billing=billing,
            replayed=None if act is Act.DELETE else replayed,
        )
        self.unanswered(act, where, asked, version, Outcome.OK, told=told)

    def unanswered(
        self,
        act: Act,
        where: Place,
        asked: str | None,
        version: int,
        outcome: Outcome,
        *,
        told: Told | None = None,
    ) -> None:
        """Enter a request that was refused, or whose outcome is unknown."""
        began = float(len(self.attempts))
        self.attempts.append(
            Attempt(
                client=1,
                act=act,
                place=where,
                quantity=None if asked is None else Fraction(asked),
                over=version - 1 if act is Act.CORRECT else None,
                began=began,
                ended=began + 0.5,
                outcome=outcome,
                code="",
                told=told,
            )
        )

    def books(self) -> Books:
        """Return the books of the clients."""
        books = Books()
        for attempt in self.attempts:
            books.wrote(attempt)
        for sight in self.sights:
            books.saw(sight)
        return books

    def ending(self) -> Ending:
        """Return what the public API would say."""
        invoices, credit = self._invoices()
        return Ending(
            subscriptions={"sub": {"id": "sub", "current_term": {"start": _ENDS[2]}}},
            usages={"sub": [_usage(each, state) for each, state in self.live.items()]},
            invoices=invoices,
            late=[self._late(each) for each in self.supplements],
            credits={"sub-customer": [{"currency": "USD", "amount": _dollars(credit)}]},
        )

    def _invoices(self) -> tuple[list[Shown], int]:
        invoices: list[Shown] = []
        balance = 0
        for term, first in enumerate(self.firsts):
            lines = []
            for price in PLAN.prices:
                used = _sum(first, price)
                if price.base_fee:
                    lines.append(_line("base_fee", price, term, base_fee(price)))
                lines.append(_line("usage", price, term, charge(price, used), used))
            for each in self.supplements:
                if each.on == term:
                    lines += self._lines(each)
            charges = sum(_cents(line["amount"]) for line in lines)
            taxes = sum(tax(PLAN.price(line["line_id"]), _cents(line["amount"])) for line in lines)
            applied = min(balance, max(charges + taxes, 0))
            granted = max(-charges - taxes, 0)
            invoices.append(
                {
                    "id": f"inv-{term}",
                    "number": f"INV-{term + 1:06d}",
                    "status": "issued",
                    "subscription_id": "sub",
                    "supplement": None,
                    "issued_on": _ENDS[term][:10],
                    "parked": None,
                    "period": {"start": STARTS[term], "end": _ENDS[term]},
                    "lines": lines,
                    "taxes": [{"name": "VAT", "amount": _dollars(taxes)}],
                    "subtotal": _dollars(charges),
                    "credit_balance": _dollars(balance),
                    "credit_applied": _dollars(applied),
                    "credit_granted": _dollars(granted),
                    "total": _dollars(charges + taxes - applied + granted),
                }
            )
            balance += granted - applied
        return invoices, balance

    def _lines(self, supplement: Supplement) -> list[dict[str, Any]]:
        """Return the lines of a supplement: the difference to all that was billed before it."""
        before = dict(self.firsts[supplement.term])
        for each in self.supplements:
            if each is supplement:
                break
            if each.term == supplement.term:
                before |= {where: now for where, (_, now) in each.steps.items()}
        after = before | {where: now for where, (_, now) in supplement.steps.items()}
        lines = []
        for price in PLAN.prices:
            was, now = (charge(price, _sum(usages, price)) for usages in (before, after))
            if was != now:
                used = _sum(after, price)
                line = _line("supplement", price, supplement.term, now - was, used)
                lines.append(line | {"billed_before": _dollars(was)})
        return lines

    def _late(self, supplement: Supplement) -> dict[str, Any]:
        lines = self._lines(supplement)
        return {
            "subscription_id": "sub",
            "term": {"start": STARTS[supplement.term], "end": _ENDS[supplement.term]},
            "supplement": supplement.k,
            "amount": _dollars(sum(_cents(line["amount"]) for line in lines)),
            "invoice_id": None if supplement.on is None else f"inv-{supplement.on}",
            "usages": [
                {
                    "id": usage_id(where),
                    "billed_version": was[0],
                    "billed_quantity": was[1],
                    "version": now[0],
                    "quantity": now[1],
                }
                for where, (was, now) in supplement.steps.items()
            ],
            "lines": lines,
        }


def honest() -> Scene:
    """Return a world in which nothing is wrong, and in which all happened that may happen."""
    scene = Scene()
    record, correct, delete = Act.RECORD, Act.CORRECT, Act.DELETE
    scene.answered(record, KEPT, "10.25", 1)
    scene.answered(record, KEPT, "10.25", 1, replayed=True)
    scene.answered(record, CORRECTED, "20.5", 1)
    scene.answered(correct, CORRECTED, "21.125", 2)
    scene.answered(record, DELETED, "7.75", 1)
    scene.answered(delete, DELETED, None, 2, quantity="7.75")
    scene.answered(record, CORRECTED_LATE, "150", 1)
    scene.answered(record, LATE, "3.5", 1, "late")
    scene.answered(correct, CORRECTED_LATE, "40", 2, "late")
    scene.unanswered(record, UNKNOWN_THERE, "2.25", 1, Outcome.UNKNOWN)
    scene.unanswered(record, UNKNOWN_GONE, "6.5", 1, Outcome.UNKNOWN)
    scene.answered(record, CONTESTED, "8.25", 1)
    scene.unanswered(record, CONTESTED, "9.5", 1, Outcome.REFUSED)
    scene.answered(record, DELETED_LATE, "400", 1)
    scene.answered(delete, DELETED_LATE, None, 2, "late", quantity="400")
    began = float(len(scene.attempts))
    kept = scene.attempts[0].told
    scene.sights = [
        Sight(client=2, place=KEPT, began=began, ended=began, told=kept),
        Sight(client=2, place=DELETED, began=began, ended=began, told=None),
    ]
    scene.live = {
        KEPT: (1, "10.25"),
        CORRECTED: (2, "21.125"),
        LATE: (1, "3.5"),
        CORRECTED_LATE: (2, "40"),
        UNKNOWN_THERE: (1, "2.25"),
        CONTESTED: (1, "8.25"),
    }
    scene.firsts = [
        {KEPT: (1, "10.25"), CORRECTED: (2, "21.125"), CORRECTED_LATE: (1, "150")},
        {UNKNOWN_THERE: (1, "2.25"), CONTESTED: (1, "8.25"), DELETED_LATE: (1, "400")},
        {},
    ]
    late = {LATE: ((0, "0"), (1, "3.5"))}
    corrected = {CORRECTED_LATE: ((1, "150"), (2, "40"))}
    deleted = {DELETED_LATE: ((1, "400"), (2, "0"))}
    scene.supplements = [
        Supplement(term=0, k=1, steps=dict(late), on=1),
        Supplement(term=0, k=2, steps=dict(corrected), on=1),
        Supplement(term=1, k=1, steps=dict(deleted), on=2),
    ]
    return scene


def usage_id(where: Place) -> str:
    """Return the public id of a usage."""
    return "~".join(filter(None, (where.line_id, where.at, where.event_id)))


def _sum(usages: Mapping[Place, State], price: Price) -> Fraction:
    quantities = [
        Fraction(quantity) for each, (_, quantity) in usages.items() if each.line_id == price.id
    ]
    return sum(quantities, Fraction(0))


def _usage(where: Place, state: State) -> dict[str, Any]:
    usage: dict[str, Any] = {
        "id": usage_id(where),
        "subscription_id": "sub",
        "line_id": where.line_id,
        "usage_date": where.at,
        "version": state[0],
        "quantity": state[1],
        "deleted": False,
    }
    return usage | ({"event_id": where.event_id} if where.event_id else {})


def _line(
    kind: str, price: Price, term: int, amount: int, quantity: Fraction | None = None
) -> dict[str, Any]:
    return {
        "kind": kind,
        "line_id": price.id,
        "period": {"start": STARTS[term], "end": _ENDS[term]},
        "quantity": None if quantity is None else shown(quantity),
        "amount": _dollars(amount),
        "billed_before": None,
    }


def _dollars(cents: int) -> str:
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def _cents(text: str) -> int:
    return int(text.replace(".", ""))
