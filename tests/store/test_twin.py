"""Whatever is done to both, the twin and MiniStack answer the same and end up holding the same."""

import itertools
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postpaid.store.memory import MemoryTable
from postpaid.store.tables import (
    Absent,
    All,
    AtMost,
    Check,
    Condition,
    ConditionFailed,
    Either,
    Item,
    Key,
    OneOf,
    Put,
    Range,
    Table,
    TransactionRefused,
    Update,
    Value,
    Write,
)
from tests.support.tables import create_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

pytestmark = pytest.mark.engine

type Step = Callable[[Table, str], object]

PARTITIONS, SORTS, HOURS = ("p", "q"), ("a", "b", "c", "d"), ("h1", "h2")
_examples = itertools.count()

# One name per type: adding to what is no number is a bug, which the contract covers.
_texts = st.sampled_from(["", "a", "b", "ab"])
_numbers = st.integers(-2, 3)
_flat: st.SearchStrategy[Value] = st.one_of(st.none(), st.booleans(), _numbers, _texts)
_values: st.SearchStrategy[Value] = st.one_of(
    _flat, st.lists(_flat, max_size=2), st.dictionaries(st.sampled_from("xy"), _flat, max_size=2)
)
_attributes: st.SearchStrategy[Item] = st.fixed_dictionaries(
    {}, optional={"n": _numbers, "s": _texts, "v": _values, "dpk": st.sampled_from(HOURS)}
)
_names = st.sampled_from(["pk", "n", "s", "v", "dpk", "missing"])
_simple: st.SearchStrategy[Condition] = st.one_of(
    st.builds(Absent, _names),
    st.builds(OneOf, _names, st.lists(_values, min_size=1, max_size=3).map(tuple)),
    st.builds(AtMost, _names, st.one_of(_numbers, st.sampled_from("ab"))),
)
_conditions: st.SearchStrategy[Condition] = st.one_of(
    _simple,
    st.builds(All, st.lists(_simple, min_size=1, max_size=2).map(tuple)),
    st.builds(Either, st.lists(_simple, min_size=1, max_size=2).map(tuple)),
)
_keys = st.tuples(st.sampled_from(PARTITIONS), st.sampled_from(SORTS))


def _key(prefix: str, place: tuple[str, str]) -> Key:
    return Key(prefix + place[0], place[1])


def _prefixed(prefix: str, attributes: Item, sort: str) -> Item:
    """Put an item on the index in a partition of this example's own."""
    if "dpk" not in attributes:
        return attributes
    return {**attributes, "dpk": f"{prefix}{attributes['dpk']}", "dsk": sort}


@st.composite
def _writes(draw: st.DrawFn, *, checks: bool) -> tuple[tuple[str, str], Callable[[str], Write]]:
    """Draw a write as a function of the prefix, with the place it is for."""
    place = draw(_keys)
    condition = draw(_conditions)
    bound = draw(st.booleans())
    match draw(st.sampled_from(["put", "update", "check"] if checks else ["put", "update"])):
        case "put":
            attributes = draw(_attributes)
            return place, lambda prefix: Put(
                _key(prefix, place)._asdict() | _prefixed(prefix, attributes, place[1]),
                condition if bound else None,
            )
        case "update":
            given_, removed = draw(_attributes), draw(st.lists(_names, unique=True, max_size=2))
            added, default = draw(_numbers), draw(_values)
            taken = {*given_, "dsk", "pk"}
            gone = [name for name in removed if name not in taken and name != "n"]
            return place, lambda prefix: Update(
                _key(prefix, place),
                condition if bound else None,
                set=_prefixed(prefix, given_, place[1]),
                remove=gone,
                add={} if "n" in given_ else {"n": added},
                default={"w": default},
            )
        case _:
            return place, lambda prefix: Check(_key(prefix, place), condition)


@st.composite
def _spans(draw: st.DrawFn) -> Callable[[str], Range]:
    on_index = draw(st.booleans())
    pk = draw(st.sampled_from(HOURS if on_index else PARTITIONS))
    ends = st.sampled_from(["0", *SORTS, "ab", "~"])
    first, last = draw(ends), draw(ends)
    reverse, after = draw(st.booleans()), draw(st.one_of(st.none(), ends))
    # Which of several with an equal sort key come first on an index is nobody's promise.
    limit = None if on_index else draw(st.one_of(st.none(), st.integers(1, 3)))
    return lambda prefix: Range(
        pk=prefix + pk,
        first=first,
        last=last,
        index="due" if on_index else None,
        reverse=reverse,
        limit=limit,
        after=after,
    )


def _single(table: Table, prefix: str, write: Callable[[str], Write]) -> object:
    made = write(prefix)
    if isinstance(made, Update):
        return table.update(made)
    assert isinstance(made, Put)
    table.put(made)
    return None


def _together(table: Table, prefix: str, writes: list[Callable[[str], Write]]) -> None:
    table.transact([write(prefix) for write in writes])


def _query(table: Table, prefix: str, span: Callable[[str], Range]) -> object:
    return _rows(table, span(prefix))


def _rows(table: Table, span: Range) -> list[Item]:
    rows = table.query(span)
    if span.index is not None:
        rows.sort(key=lambda row: (str(row["dsk"]), str(row["pk"])))
    return rows


def _read(table: Table, prefix: str, places: list[tuple[str, str]]) -> object:
    keys = [_key(prefix, place) for place in places]
    return table.batch_get(keys), [table.get(key) for key in keys]


_steps: st.SearchStrategy[Step] = st.one_of(
    _writes(checks=False).map(lambda drawn: partial(_single, write=drawn[1])),
    _writes(checks=False).map(lambda drawn: partial(_single, write=drawn[1])),
    st.lists(_writes(checks=True), min_size=1, max_size=4, unique_by=lambda drawn: drawn[0]).map(
        lambda drawn: partial(_together, writes=[write for _, write in drawn])
    ),
    _spans().map(lambda span: partial(_query, span=span)),
    st.lists(_keys, max_size=3).map(lambda places: partial(_read, places=places)),
)


@pytest.fixture(scope="module")
def real(dynamodb: "DynamoDBClient") -> Table:
    return create_table(dynamodb, "BillingTable")


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(steps=st.lists(_steps, min_size=4, max_size=16))
def test_the_twin_does_what_the_engine_does(real: Table, steps: list[Step]) -> None:
    twin, prefix = MemoryTable(), f"{next(_examples)}-"

    for step in steps:
        assert _answer(twin, prefix, step) == _answer(real, prefix, step)

    for span in [
        *(Range(pk=prefix + each, first="0", last="~") for each in PARTITIONS),
        *(Range(pk=prefix + each, first="0", last="~", index="due") for each in HOURS),
    ]:
        assert _rows(twin, span) == _rows(real, span)


def _answer(table: Table, prefix: str, step: Step) -> object:
    try:
        return step(table, prefix)
    except ConditionFailed as refusal:
        return "refused", refusal.existing
    except TransactionRefused as refusal:
        return "refused", refusal.failed
