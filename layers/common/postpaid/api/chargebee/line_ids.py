"""Ids of lines, short enough that the ids of their usages are as Chargebee promises."""

import hashlib

from postpaid.api.chargebee.usage_ids import LINE_ID_MAX

# A line that is named after its price gets `.2` and so on where that name is taken.
_SUFFIX_MAX = len(".300")


def short_line_id(item_price_id: str) -> str | None:
    """Return the id of a line of a price whose own id is too long for one, else None."""
    if len(item_price_id) <= LINE_ID_MAX - _SUFFIX_MAX:
        return None
    return "line-" + hashlib.sha256(item_price_id.encode()).hexdigest()[:24]
