"""What a door keeps with a thing for its clients, beside what other doors keep."""

from collections.abc import Mapping
from typing import Any, Protocol


class Annotated(Protocol):
    """A thing that a door keeps something with."""

    @property
    def annotations(self) -> Mapping[str, Any]:
        """What is kept, by door."""
        ...


def notes_of(door: str, thing: Annotated) -> dict[str, Any]:
    """Return what a door keeps with a thing."""
    found: dict[str, Any] = thing.annotations.get(door, {})
    return dict(found)


def with_notes(
    door: str, known: Mapping[str, Any], thing: Annotated | None = None
) -> dict[str, Any]:
    """Return a thing's annotations with what a door is to keep; what is None is left out."""
    others = {} if thing is None else dict(thing.annotations)
    mine = {name: value for name, value in known.items() if value is not None}
    return {**others, door: mine} if mine else {n: v for n, v in others.items() if n != door}
