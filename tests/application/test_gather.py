"""A whole list at once, up to a bound."""

from collections.abc import Callable

import pytest

from postpaid.application.gather import GATHERED_MAX, LOOKED_THROUGH_MAX, gathered
from postpaid.domain.errors import LimitExceeded

type Page = tuple[list[int], str | None]
type Read = Callable[[str | None, int], Page]


def numbers(count: int, size_max: int = 100, pages: list[int] | None = None) -> Read:
    """Return a list of the numbers from 0 on, as pages of it are read."""

    def read_page(place: str | None, limit: int) -> Page:
        begin = 0 if place is None else int(place)
        end = min(begin + min(limit, size_max), count)
        if pages is not None:
            pages.append(end - begin)
        return list(range(begin, end)), str(end) if end < count else None

    return read_page


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 1234, GATHERED_MAX])
@pytest.mark.parametrize("size_max", [7, 100])
def test_all_of_a_list_is_gathered_in_its_order(count: int, size_max: int) -> None:
    assert gathered(numbers(count, size_max)) == list(range(count))


def test_only_what_is_to_be_kept_is_kept() -> None:
    kept = gathered(numbers(1000), lambda n: n % 7 == 0)

    assert kept == list(range(0, 1000, 7))


def test_pages_that_show_nothing_are_read_past() -> None:
    places = iter(["1", "2", "3", None])

    found = gathered(lambda place, _limit: ([9] if place == "3" else [], next(places)))

    assert found == [9]


@pytest.mark.parametrize(("count", "fits"), [(10, True), (11, False)])
def test_more_than_the_bound_is_refused(count: int, fits: bool) -> None:
    read_page = numbers(100)

    if fits:
        assert len(gathered(read_page, lambda n: n < count, limit=10)) == 10
        return
    with pytest.raises(LimitExceeded, match="narrow it by a filter") as refusal:
        gathered(read_page, lambda n: n < count, limit=10)
    assert refusal.value.code == "limit_exceeded"


@pytest.mark.parametrize(("count", "fits"), [(500, True), (501, False)])
def test_a_list_is_looked_through_so_far_only(count: int, fits: bool) -> None:
    pages: list[int] = []
    read_page = numbers(count, pages=pages)

    if fits:
        assert gathered(read_page, lambda n: n == 1, read_max=500) == [1]
        return
    with pytest.raises(LimitExceeded, match="500") as refusal:
        gathered(read_page, lambda n: n == 1, read_max=500)
    assert refusal.value.code == "limit_exceeded"
    assert sum(pages) == 500


def test_reading_stops_at_the_bound() -> None:
    pages: list[int] = []
    with pytest.raises(LimitExceeded):
        gathered(numbers(10**6, pages=pages))
    assert sum(pages) <= GATHERED_MAX + 100
    with pytest.raises(LimitExceeded):
        gathered(numbers(10**6, pages=pages), lambda _: False)
    assert sum(pages) <= GATHERED_MAX + 100 + LOOKED_THROUGH_MAX
