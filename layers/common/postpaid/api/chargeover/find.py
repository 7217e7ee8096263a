"""Find things by what this door's clients know them by: their integer, or their external key."""

import re

from postpaid.api.desk import Desk
from postpaid.application.find_numbered import Kind, LineName
from postpaid.domain.errors import NotFound
from postpaid.domain.identifiers import ID_LENGTH_MAX

EXTERNAL_KEY = "external_key:"
_INTEGER = re.compile(r"[0-9]{1,10}")
_CODES: dict[Kind, str] = {
    "customer": "customer_not_found",
    "item": "item_not_found",
    "item_price": "item_price_not_found",
    "subscription": "subscription_not_found",
    "invoice": "invoice_not_found",
}


def id_of(desk: Desk, kind: Kind, text: str, field: str | None = None) -> str:
    """Return the id of a thing by its integer or `external_key:…`; raises `NotFound`.

    An external key is the thing's id, so that it need not exist.
    """
    key = text.removeprefix(EXTERNAL_KEY)
    if key != text and 1 <= len(key) <= ID_LENGTH_MAX:
        return key
    found = desk.numbered.id_of(kind, int(text)) if _INTEGER.fullmatch(text) else None
    if found is None:
        raise NotFound(_CODES[kind], f"there is no such {kind}", field=field)
    return found


def line_named(desk: Desk, text: str) -> LineName | None:
    """Return which line an integer means, of those that it has or ever had; None if it is none."""
    return desk.numbered.line_of(int(text)) if _INTEGER.fullmatch(text) else None
