"""Every guard taken away in turn: conditions of writes, and the consistency of reads.

They are found by watching every pair of handlers, so that a new one is tried without being listed.
A guard without which nothing goes wrong must be in `SPARE`, with the reason; one that is listed and
caught must not.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations_with_replacement

from postpaid.application.ports import Lost, Unavailable
from postpaid.domain.errors import BillingError
from tests.simulation import handlers, shop
from tests.simulation.altered import OLD, Altered, Guard
from tests.simulation.handlers import Actor, Begin
from tests.simulation.schedules import Ended, Explored, Explorer, Handler
from tests.support.world import World


@dataclass(frozen=True, slots=True)
class Meeting:
    """Two actors at a moment."""

    begin: Begin
    pair: tuple[Actor, Actor]

    def __str__(self) -> str:
        return f"{self.begin.name} {self.pair[0].name} {self.pair[1].name}"


def meetings() -> Iterator[Meeting]:
    """Yield every two actors at every moment, an actor with itself included."""
    for begin in (*handlers.begins(), shop.shop()):
        for pair in combinations_with_replacement(begin.actors, 2):
            yield Meeting(begin, pair)


def meet(meeting: Meeting, altered: Altered | None = None) -> Explored:
    """Explore all schedules of a meeting and settle each end; raises what is wrong with one."""
    begin, pair = meeting.begin, meeting.pair
    is_shop = begin.name == "shop"
    explorer = Explorer(begin.world, deaths=0 if is_shop else 1, altered=altered)
    explored = explorer.explore(pair[0].handler, pair[1].handler)
    allowed = shop.one_after_the_other(begin, pair, _ended) if is_shop else set()
    for world, ends in explored.ends:
        if is_shop:
            shop.settle(allowed, world, ends)
        else:
            handlers.settle(begin, world, pair, ends)
    return explored


def _ended(handler: Handler, world: World) -> Ended:
    try:
        return Ended(handler(world))
    except (BillingError, Lost, Unavailable) as error:
        error.__traceback__ = None
        return Ended(error)


def caught(gone: frozenset[Guard], where: list[Meeting]) -> str | None:
    """Return how the absence of guards shows in one of these meetings; None if it does not."""
    for meeting in where:
        try:
            meet(meeting, Altered(gone))
        except Exception as error:  # noqa: BLE001 - whatever goes wrong shows it
            return f"{meeting}: {type(error).__name__}: {error}"[:160]
    return None


@dataclass(frozen=True, slots=True)
class Mutant:
    """Guards that are taken away together; *where* has meetings with any of them, small first."""

    name: str
    gone: frozenset[Guard]
    where: tuple[str, ...]


def mutants(seen: Mapping[Guard, Iterable[tuple[int, str]]]) -> list[Mutant]:
    """Return each guard as a mutant; all conditions of a write; all of a call.

    Conditions of one call often do the same. Then none shows alone that it is gone, but all do.
    """
    groups: dict[str, set[Guard]] = {}
    for guard in seen:
        groups.setdefault(str(guard), set()).add(guard)
        if guard.what != OLD:
            groups.setdefault(f"{guard.site} {guard.write} all", set()).add(guard)
            groups.setdefault(f"{guard.site} all", set()).add(guard)
    found: dict[frozenset[Guard], Mutant] = {}
    for name in sorted(groups, key=lambda each: (len(groups[each]), each)):
        gone = frozenset(groups[name])
        meetings_of = sorted({place for guard in gone for place in seen[guard]})
        # A single condition is called by its own name, not as all of one.
        found.setdefault(gone, Mutant(name, gone, tuple(each for _, each in meetings_of)))
    return sorted(found.values(), key=lambda each: each.name)
