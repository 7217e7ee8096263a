"""Ids of lines, short enough that the ids of their usages are as Chargebee promises."""

import hashlib
from urllib.parse import quote

# A usage's id is its date, 20 characters, and its line in base64; Chargebee's have at most 100.
LINE_ID_LENGTH_MAX = 54


def short_line_id(item_price_id: str) -> str | None:
    """Return the id of a line of a price whose own id is too long for one, else None."""
    if len(quote(item_price_id, safe="")) <= LINE_ID_LENGTH_MAX:
        return None
    return "line-" + hashlib.sha256(item_price_id.encode()).hexdigest()[:24]
