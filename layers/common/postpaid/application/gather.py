"""Gather a whole list, for an order that no index has."""

from collections.abc import Callable

from postpaid.domain.errors import LimitExceeded

# What is held at once, and what is looked through for it: some seconds of reading.
GATHERED_MAX = 5_000
LOOKED_THROUGH_MAX = 20_000
_PAGE = 100


def gathered[Thing, Place](
    read_page: Callable[[Place | None, int], tuple[list[Thing], Place | None]],
    keep: Callable[[Thing], bool] = lambda _: True,
    *,
    limit: int = GATHERED_MAX,
    read_max: int = LOOKED_THROUGH_MAX,
) -> list[Thing]:
    """Return all things of a list that are to be kept, in its order.

    *read_page* takes the place to go on from and how many to read at most, and returns things and
    the next place, None at the end. Raises `LimitExceeded` with code `limit_exceeded` if more than
    *limit* are to be kept, or if the list goes on behind *read_max*.
    """
    kept: list[Thing] = []
    read = 0
    place: Place | None = None
    while True:
        things, place = read_page(place, _PAGE)
        read += len(things)
        kept += filter(keep, things)
        if len(kept) > limit:
            raise LimitExceeded(
                "limit_exceeded",
                f"more than {limit} would have to be sorted: narrow it by a filter",
            )
        if place is None:
            return kept
        if read >= read_max:
            raise LimitExceeded(
                "limit_exceeded", f"there are more than {read_max} to sort: ask for fewer, unsorted"
            )
