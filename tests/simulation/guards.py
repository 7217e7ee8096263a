"""Every guard taken away in turn: conditions of writes, and the consistency of reads.

They are found by watching every pair of handlers, so that a new one is tried without being listed.
A guard without which nothing goes wrong must be in `SPARE`, with the reason; one that is listed and
caught must not.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement

from postpaid.application.ports import Lost, Unavailable
from postpaid.domain.errors import BillingError
from tests.simulation import charging, handlers, shop
from tests.simulation.altered import OLD, Altered, Guard
from tests.simulation.bounds import few_tries
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
    for begin in (*handlers.begins(), *charging.begins(), shop.shop()):
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


@cache
def explored_once() -> tuple[tuple[Meeting, Explored, frozenset[Guard]], ...]:
    """Explore every meeting, once for all who ask; return each with the guards it has."""
    found = []
    with few_tries():
        for meeting in meetings():
            altered = Altered()
            found.append((meeting, meet(meeting, altered), frozenset(altered.seen)))
    return tuple(found)


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
    """A guard, and what is taken away with it: itself, then more and more of its call.

    *where* has the meetings in which any of that is met, small ones first. Conditions of one call
    often do the same: then none shows alone that it is gone, but all do.
    """

    guard: Guard
    groups: tuple[frozenset[Guard], ...]
    where: tuple[str, ...]


def mutants(seen: Mapping[Guard, Iterable[tuple[int, str]]]) -> list[Mutant]:
    """Return a mutant for each guard that was seen."""
    found = []
    for guard in sorted(seen):
        groups = [frozenset({guard})]
        if guard.what != OLD:
            groups += _groups(guard, [each for each in seen if each.site == guard.site])
        places = sorted({place for each in groups[-1] for place in seen[each]})
        found.append(Mutant(guard, tuple(dict.fromkeys(groups)), tuple(name for _, name in places)))
    return found


def _groups(guard: Guard, call: list[Guard]) -> list[frozenset[Guard]]:
    """Return the conditions of a guard's write, of that and another one, of the whole call."""
    writes = sorted({each.write for each in call if each.what != OLD})
    own = frozenset(each for each in call if each.write == guard.write)
    two = [
        frozenset(each for each in call if each.write in {guard.write, other})
        for other in writes
        if other != guard.write
    ]
    return [own, *two, frozenset(call)]


def shown(mutant: Mutant, where: list[Meeting], *, whole: bool = False) -> str | None:
    """Return how a mutant shows at the smallest group that does; None if it never does.

    The largest group says at which meetings it can. *whole* tries no other.
    """
    largest = mutant.groups[-1]
    if whole:
        if largest not in _shown:
            _shown[largest] = caught(largest, where)
        return _shown[largest]
    if largest not in _telling:
        _telling[largest] = [meeting for meeting in where if caught(largest, [meeting])]
    for gone in mutant.groups:
        how = caught(gone, _telling[largest])
        if how is not None:
            alone = "" if len(gone) == 1 else f"with {len(gone) - 1} more: "
            return f"{alone}{how}"
    return None


# At which meetings a group of guards shows that it is gone.
_telling: dict[frozenset[Guard], list[Meeting]] = {}
# How a group that is gone shows first, if it does.
_shown: dict[frozenset[Guard], str | None] = {}
