"""What goes with the put of a usage: its external id's entry in the register, and the count."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from spec.items import Bound, Count, Item, Usage
from spec.rules import DESIGNED, Rules
from spec.stores import Store
from spec.transactions import Transaction
from spec.writes import Effect, Write, version


class Refusal(StrEnum):
    """Why there can be no such usage."""

    TAKEN = "the external id names another usage"
    FULL = "the subscription has all its usages"


@dataclass(frozen=True, slots=True)
class PutWith(Transaction):
    """Put a usage, bind its external id and count it, where it has an id or a *maximum*.

    Answers None, or what is there, or why there can be none. *over* is a tombstone's version.
    """

    usage: Usage
    over: int = 0
    maximum: int = 0
    rules: Rules = DESIGNED

    def effect(self, store: Store) -> Effect:
        """Only if every condition holds; what is there is told before why it could not be."""
        there = store.usage(self.usage.key)
        if self.over:
            holds = there is not None and there.deleted and there.version == self.over
        else:
            holds = there is None
        if not holds:
            return Effect(there)
        refusal = _refusal(store, self.usage, self.maximum, self.rules)
        if refusal is not None:
            # The count may be visible before the usage that it counts, which may be this one.
            waits = refusal is Refusal.FULL and self.rules.full_waits_for_its_usage
            return Effect(refusal, checked=(self.usage.name,) if waits else ())
        beside = _beside(store, self.usage, self.maximum)
        return Effect(None, (*version(store, self.usage), *beside))

    def __str__(self) -> str:
        over = f" over tombstone v{self.over}" if self.over else ""
        return f"put {self.usage}{over}" + (" and count it" if self.maximum else "")


@dataclass(frozen=True, slots=True)
class PutBeside(Write):
    """What a mutant does before it puts the usage; answers why there can be none."""

    usage: Usage
    maximum: int = 0

    def effect(self, store: Store) -> Effect:
        """Bind and count."""
        refusal = _refusal(store, self.usage, self.maximum, DESIGNED)
        if refusal is not None:
            return Effect(refusal)
        return Effect(None, tuple(_beside(store, self.usage, self.maximum)))

    def __str__(self) -> str:
        return f"bind and count {self.usage}"


def _refusal(store: Store, usage: Usage, maximum: int, rules: Rules) -> Refusal | None:
    bound = store.bound(usage.external_id)
    if bound not in {None, usage.key} and rules.register_is_conditional:
        return Refusal.TAKEN
    if maximum and store.counted() >= maximum and rules.count_is_conditional:
        return Refusal.FULL
    return None


def _beside(store: Store, usage: Usage, maximum: int) -> Iterator[Item]:
    if usage.external_id:
        yield Bound(usage.external_id, usage.key)
    if maximum:
        yield Count(store.counted() + 1, maximum)
