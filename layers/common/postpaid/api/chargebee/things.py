"""What the operations on things that clients create have in common."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from postpaid.api.door_notes import Annotated, notes_of, with_notes
from postpaid.api.http import Request
from postpaid.application.catalog import Created, already_exists

# Under this name a thing's annotations hold what only this door knows of it.
_DOOR = "chargebee"


def made[Thing](created: Created[Thing], request: Request, what: str, identifier: str) -> Thing:
    """Return what a request created; raises `Conflict` if it was there before.

    This very request may have made it, if it came before and its answer was lost.
    """
    if not created.new and not request.again:
        raise already_exists(what, identifier)
    return created.thing


def kept(thing: Annotated) -> dict[str, Any]:
    """Return what this door keeps with a thing."""
    return notes_of(_DOOR, thing)


def annotations(known: Mapping[str, Any], thing: Annotated | None = None) -> dict[str, Any]:
    """Return a thing's annotations with what this door is to keep; what is None is left out."""
    return with_notes(_DOOR, known, thing)


def metadata_shown(text: str | None) -> Any:
    """Return the metadata that is kept as text as its client gave it, None if there is none."""
    return None if text is None else json.loads(text)


def seconds(instant: datetime) -> int:
    """Return an instant as Chargebee shows one: whole seconds since 1970, UTC."""
    return int(instant.timestamp())


def resource_version(updated_at: datetime, version: int) -> int:
    """Return a number that grows with each change: milliseconds since 1970."""
    return seconds(updated_at) * 1000 + version % 1000


def without_none(shown: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is None: Chargebee does not show what is not there."""
    return {name: value for name, value in shown.items() if value is not None}
