"""Where a line's usage is asked for, as a line of a package says it."""

from postpaid.api.desk import Desk
from postpaid.domain.errors import Invalid
from postpaid.domain.usage_url import UsageUrl


def usage_url(
    desk: Desk, text: str | None, place: str, *, metered: bool, is_new: bool
) -> UsageUrl | None:
    """Read a usage URL, None if there is none; raises `Invalid` naming its field behind *place*.

    It goes with what is metered, on a package that *is_new*.
    """
    if not text:
        return None
    field = f"{place}.usage_url"
    if not is_new:
        why = "goes with a new package; of one that is there the native API changes it"
        raise Invalid("not_supported", why, field=field)
    if not metered:
        raise Invalid("invalid_field", "goes with an item that is metered", field=field)
    return UsageUrl.read(text, field, desk.test_hosts)
