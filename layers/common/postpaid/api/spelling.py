"""How refusals name their fields, as a door's clients wrote them. On the recording path."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from postpaid.domain.errors import BillingError

_PLACE = re.compile(r"\[([0-9]+)\]")


@contextmanager
def spelled(names: Mapping[str, str]) -> Iterator[None]:
    """Let refusals name their field as a door's clients wrote it.

    *names* maps the fields of use cases to parameters. `[]` in a field stands for its first place,
    which goes where the parameter has `[]`: `lines[].quantity` to `subscription_items[quantity][]`.
    """
    try:
        yield
    except BillingError as error:
        error.field = _respelled(error.field, names)
        raise


def _respelled(field: str | None, names: Mapping[str, str]) -> str | None:
    if field is None:
        return None
    place = _PLACE.search(field)
    general = field if place is None else _PLACE.sub("[]", field, count=1)
    found = names.get(general)
    if found is None:
        return field
    return found if place is None else found.replace("[]", f"[{place[1]}]")
