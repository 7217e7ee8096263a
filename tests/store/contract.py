"""What every table must do, whatever engine is behind it: one function per promise."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from postpaid.store.tables import (
    Absent,
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
    all_of,
    either,
    equals,
)

type Promise = Callable[[Table], None]

PROMISES: list[Promise] = []
A = Key("a", "1")
# Both engines refuse what no caller may ask for; neither may take it for a refused condition.
BUG = (AssertionError, TypeError, ClientError)


def promise(function: Promise) -> Promise:
    """Add a function to the contract."""
    PROMISES.append(function)
    return function


def item(pk: str = "a", sk: str = "1", **attributes: Value) -> Item:
    """Return an item."""
    return {"pk": pk, "sk": sk, **attributes}


def fill(table: Table, items: list[Item]) -> None:
    """Store items, many to a call."""
    for first in range(0, len(items), 100):
        table.transact([Put(each) for each in items[first : first + 100]])


def sort_keys(rows: list[Item]) -> list[Value]:
    """Return the sort keys of items."""
    return [row["sk"] for row in rows]


# --- one item


@promise
def a_value_comes_back_as_it_was(table: Table) -> None:
    values: Item = {
        "text": "Grüße, 世界 🌍 \u0000 \u202e",
        "empty": "",
        "number": 361,
        "negative": -7,
        "zero": 0,
        "wide": 10**37 + 1,
        "yes": True,
        "no": False,
        "nothing": None,
        "list": [1, "a", [True, None, {}], {"k": [0]}],
        "empty_list": [],
        "map": {"m": {"n": [{"o": "p"}]}, "": "a nameless attribute of a map"},
        "empty_map": {},
        "reserved": "size",
        "from": 1,
    }
    table.put(Put(item() | values))

    there = table.get(A)

    assert there == item() | values
    assert there is not None
    assert there["yes"] is True
    assert there["zero"] is not False
    assert table.get(A, consistent=False) == there
    assert table.batch_get([A]) == {A: there}
    assert table.query(Range(pk="a", first="1", last="1")) == [there]


@promise
def what_is_not_there_is_none(table: Table) -> None:
    assert table.get(A) is None
    table.put(Put(item()))
    assert table.get(Key("a", "2")) is None
    assert table.get(Key("b", "1")) is None


@promise
def a_float_is_refused(table: Table) -> None:
    half: Any = 0.5
    refused: list[Value] = [half, [half], {"n": {"m": [half]}}]

    for value in refused:
        with pytest.raises(TypeError, match="float"):
            table.put(Put(item(n=value)))
        with pytest.raises(TypeError, match="float"):
            table.update(Update(A, None, set={"n": value}))
        with pytest.raises(TypeError, match="float"):
            table.transact([Put(item("b")), Put(item(n=value))])

    assert table.get(A) is None
    assert table.get(Key("b", "1")) is None


@promise
def no_part_of_a_key_is_empty(table: Table) -> None:
    for wrong in (item(pk=""), item(sk=""), item(dpk="", dsk="1"), item(lpk="p", lsk="")):
        with pytest.raises(BUG):
            table.put(Put(wrong))
    for number in (item(dpk="p", dsk=1), item(lpk=1, lsk="1")):
        with pytest.raises(BUG):
            table.put(Put(number))

    assert table.get(A) is None


@promise
def a_put_replaces_the_whole_item(table: Table) -> None:
    table.put(Put(item(v=1, gone="soon")))
    table.put(Put(item(v=2)))

    assert table.get(A) == item(v=2)


@promise
def what_a_caller_does_with_an_item_stays_with_the_caller(table: Table) -> None:
    given = item(list=[1], map={"k": [2]})
    table.put(Put(given))
    given["list"] = [3]
    stored: Any = table.get(A)
    stored["map"]["k"].append(4)
    listed: Any = table.query(Range(pk="a", first="0", last="9"))
    listed[0]["list"].append(5)

    assert table.get(A) == item(list=[1], map={"k": [2]})


@promise
def a_refused_put_changes_nothing_and_shows_what_is_there(table: Table) -> None:
    table.put(Put(item(v=1), condition=Absent()))

    with pytest.raises(ConditionFailed) as refusal:
        table.put(Put(item(v=2), condition=Absent()))

    assert refusal.value.existing == item(v=1)
    assert table.get(A) == item(v=1)


@promise
def a_refusal_where_nothing_is_shows_nothing(table: Table) -> None:
    with pytest.raises(ConditionFailed) as refusal:
        table.put(Put(item(), condition=equals("v", 1)))
    assert refusal.value.existing is None

    with pytest.raises(ConditionFailed) as refusal:
        table.update(Update(A, equals("v", 1), set={"v": 2}))
    assert refusal.value.existing is None
    assert table.get(A) is None


# --- updates


@promise
def an_update_sets_removes_and_adds_at_once(table: Table) -> None:
    table.put(Put(item(a=1, b="x", c=[1], n=5, kept=True)))

    now = table.update(
        Update(A, None, set={"a": {"k": None}, "new": "y"}, remove=("b", "c"), add={"n": 3})
    )

    assert now == item(a={"k": None}, new="y", n=8, kept=True)
    assert table.get(A) == now


@promise
def an_update_makes_an_item_that_is_not_there(table: Table) -> None:
    assert table.update(Update(A, Absent(), set={"a": 1}, add={"n": 20})) == item(a=1, n=20)
    assert table.update(Update(Key("a", "2"), None, remove=("x",))) == item("a", "2")


@promise
def adding_begins_at_zero_and_takes_away_too(table: Table) -> None:
    for amount, total in ((20, 20), (20, 40), (-50, -10), (0, -10)):
        assert table.update(Update(A, None, add={"n": amount}))["n"] == total


@promise
def a_default_is_set_where_nothing_is(table: Table) -> None:
    table.put(Put(item(there=None)))

    now = table.update(Update(A, None, set={"s": 1}, default={"there": "x", "absent": "y"}))

    assert now == item(there=None, absent="y", s=1)
    assert table.update(Update(A, None, default={"absent": "z"})) == now


@promise
def removing_what_is_not_there_is_no_fault(table: Table) -> None:
    table.put(Put(item(v=1)))

    assert table.update(Update(A, equals("v", 1), remove=("v", "w"))) == item()


@promise
def a_refused_update_changes_nothing_and_shows_what_is_there(table: Table) -> None:
    table.put(Put(item(v=1, n=1)))

    with pytest.raises(ConditionFailed) as refusal:
        table.update(Update(A, equals("v", 2), set={"v": 3}, remove=("n",)))

    assert refusal.value.existing == item(v=1, n=1)
    assert table.get(A) == item(v=1, n=1)


@promise
def adding_to_what_is_no_number_is_a_bug_and_changes_nothing(table: Table) -> None:
    table.put(Put(item(text="1", flag=True)))

    for name in ("text", "flag"):
        with pytest.raises(BUG):
            table.update(Update(A, None, set={"new": 1}, add={name: 1}))

    assert table.get(A) == item(text="1", flag=True)


@promise
def an_update_that_makes_no_sense_cannot_be_written(table: Table) -> None:
    with pytest.raises(AssertionError):
        Update(A, None)
    with pytest.raises(AssertionError):
        Update(A, None, set={"sk": "2"})
    with pytest.raises(AssertionError):
        Update(A, None, set={"n": 1}, add={"n": 1})
    with pytest.raises(AssertionError):
        OneOf("v", ())
    with pytest.raises(AssertionError):
        all_of()
    with pytest.raises(AssertionError):
        AtMost("v", True)


# --- conditions

_THERE: Item = {
    "n": 3,
    "s": "b",
    "yes": True,
    "nothing": None,
    "list": [1, [True]],
    "map": {"k": {"j": 1}},
    "empty": "",
}
CONDITIONS: list[tuple[Condition, bool]] = [
    (Absent("q"), True),
    (Absent("n"), False),
    (Absent("nothing"), False),  # None is a value
    (Absent("empty"), False),
    (Absent(), False),
    (equals("n", 3), True),
    (equals("n", 4), False),
    (equals("n", "3"), False),
    (equals("n", True), False),
    (equals("s", "b"), True),
    (equals("s", "B"), False),
    (equals("empty", ""), True),
    (equals("yes", True), True),
    (equals("yes", False), False),
    (equals("yes", 1), False),
    (equals("nothing", None), True),
    (equals("nothing", ""), False),
    (equals("nothing", False), False),
    (equals("q", None), False),  # absent equals nothing, not even None
    (equals("list", [1, [True]]), True),
    (equals("list", [1, [1]]), False),
    (equals("list", [[True], 1]), False),
    (equals("list", [1]), False),
    (equals("map", {"k": {"j": 1}}), True),
    (equals("map", {"k": {"j": True}}), False),
    (equals("map", {"k": {"j": 1}, "l": None}), False),
    (OneOf("n", (1, "3", True, 3)), True),
    (OneOf("n", (1, 2)), False),
    (OneOf("s", ("a", "b")), True),
    (OneOf("q", (None, "", 0)), False),
    (AtMost("n", 3), True),
    (AtMost("n", 4), True),
    (AtMost("n", 2), False),
    (AtMost("n", "9"), False),
    (AtMost("s", "b"), True),
    (AtMost("s", "ba"), True),
    (AtMost("s", "a"), False),
    (AtMost("s", 9), False),
    (AtMost("yes", 9), False),
    (AtMost("nothing", 9), False),
    (AtMost("list", "z"), False),
    (AtMost("q", 9), False),
    (all_of(equals("n", 3)), True),
    (all_of(equals("n", 3), equals("s", "b")), True),
    (all_of(equals("n", 3), equals("s", "a")), False),
    (all_of(equals("n", 4), equals("s", "b")), False),
    (all_of(equals("n", 3), all_of(Absent("q"), AtMost("s", "c"))), True),
    (all_of(equals("n", 3), all_of(Absent("q"), AtMost("s", "a"))), False),
    (either(equals("n", 4)), False),
    (either(equals("n", 4), equals("s", "b")), True),
    (either(equals("n", 3), equals("s", "a")), True),
    (either(equals("n", 4), equals("s", "a")), False),
    (either(Absent("n"), AtMost("n", 3)), True),
    (either(Absent("n"), AtMost("n", 2)), False),
    # Each part stands in its own brackets, whatever binds more tightly.
    (all_of(either(equals("n", 3), equals("s", "b")), equals("s", "a")), False),
    (either(all_of(equals("n", 4), equals("s", "b")), equals("empty", "")), True),
]


def _outcome(write: Callable[[], object]) -> tuple[bool, Item | None]:
    """Try a write; return whether its condition held, and what refused it."""
    try:
        write()
    except ConditionFailed as refusal:
        return False, refusal.existing
    return True, None


@promise
def a_condition_judges_what_is_there(table: Table) -> None:
    there = item() | _THERE
    table.put(Put(there))

    for condition, holds in CONDITIONS:
        expected = (True, None) if holds else (False, there)
        put, update = Put(there, condition), Update(A, condition, set={"n": 3})
        assert _outcome(partial(table.put, put)) == expected, condition
        assert _outcome(partial(table.update, update)) == expected, condition


def _absence_is_enough(condition: Condition) -> bool:
    match condition:
        case Absent():
            return True
        case Either(conditions):
            return any(isinstance(each, Absent) for each in conditions)
    return False


@promise
def a_condition_judges_what_is_not_there(table: Table) -> None:
    for index, (condition, _) in enumerate(CONDITIONS):
        # Only absence holds where there is no item.
        put = Put(item("new", str(index)), condition)
        expected = _absence_is_enough(condition), None
        assert _outcome(partial(table.put, put)) == expected, condition


# --- queries


def _letters(table: Table, letters: str = "abcdefgh") -> None:
    fill(table, [item("p", letter, n=index) for index, letter in enumerate(letters)])
    fill(table, [item("other", letter) for letter in letters])


def _found(table: Table, first: str, last: str, **options: Any) -> str:
    rows = table.query(Range(pk="p", first=first, last=last, **options))
    return "".join(str(row["sk"]) for row in rows)


@promise
def a_span_includes_both_its_ends(table: Table) -> None:
    _letters(table)

    assert _found(table, "b", "e") == "bcde"
    assert _found(table, "aa", "dz") == "bcd"
    assert _found(table, "c", "c") == "c"
    assert _found(table, "0", "~") == "abcdefgh"
    assert _found(table, "x", "z") == ""
    assert table.query(Range(pk="nobody", first="0", last="~")) == []


@promise
def a_span_that_ends_before_it_begins_holds_nothing(table: Table) -> None:
    _letters(table)

    assert _found(table, "e", "b") == ""
    assert _found(table, "e", "b", reverse=True, limit=1) == ""


@promise
def a_query_gives_whole_items_up_or_down(table: Table) -> None:
    _letters(table)

    assert table.query(Range(pk="p", first="b", last="c")) == [
        item("p", "b", n=1),
        item("p", "c", n=2),
    ]
    assert _found(table, "b", "e", reverse=True) == "edcb"
    assert _found(table, "b", "e", consistent=False) == "bcde"


@promise
def a_limit_is_the_most_that_comes(table: Table) -> None:
    _letters(table)

    assert _found(table, "b", "g", limit=2) == "bc"
    assert _found(table, "b", "g", limit=2, reverse=True) == "gf"
    assert _found(table, "b", "g", limit=6) == "bcdefg"
    assert _found(table, "b", "g", limit=100, reverse=True) == "gfedcb"


@promise
def a_query_goes_on_behind_a_place_in_either_direction(table: Table) -> None:
    _letters(table)

    assert _found(table, "b", "g", after="d") == "efg"
    assert _found(table, "b", "g", after="d", reverse=True) == "cb"
    assert _found(table, "b", "g", after="d", limit=2) == "ef"
    assert _found(table, "b", "g", after="d", limit=1, reverse=True) == "c"
    # The place need not be anything that is there.
    assert _found(table, "b", "g", after="dd", limit=1) == "e"
    assert _found(table, "b", "g", after="dd", limit=1, reverse=True) == "d"
    assert _found(table, "b", "g", after="g") == ""
    assert _found(table, "b", "g", after="b", reverse=True) == ""


@promise
def a_place_outside_the_span_does_not_widen_it(table: Table) -> None:
    _letters(table)

    assert _found(table, "c", "e", after="a") == "cde"
    assert _found(table, "c", "e", after="h") == ""
    assert _found(table, "c", "e", after="h", reverse=True) == "edc"
    assert _found(table, "c", "e", after="h", reverse=True, limit=1) == "e"
    assert _found(table, "c", "e", after="a", reverse=True) == ""


@promise
def sort_keys_are_ordered_by_their_bytes(table: Table) -> None:
    keys = ["#", "A", "Z", "a", "a#b", "aa", "~", "ä", "世", "\uffee", "🌍"]
    fill(table, [item("p", key) for key in reversed(keys)])

    assert _found(table, "!", "\U0010ffff") == "".join(keys)
    assert _found(table, "a", "a~") == "aa#baa"


@promise
def a_query_reads_on_over_a_megabyte(table: Table) -> None:
    fill(table, [item("p", f"{n:03d}", blob="x" * 10_000) for n in range(250)])
    keys = [f"{n:03d}" for n in range(250)]

    assert sort_keys(table.query(Range(pk="p", first="0", last="9"))) == keys
    downwards = table.query(
        Range(pk="p", first="0", last="9", reverse=True, after="240", limit=200)
    )
    assert sort_keys(downwards) == keys[40:240][::-1]
    assert all(len(str(row["blob"])) == 10_000 for row in downwards)


@promise
def an_index_holds_the_keys_of_items_that_have_both_of_its_attributes(table: Table) -> None:
    fill(
        table,
        [
            item("x", "1", dpk="hour", dsk="2026", other="not in the index"),
            item("y", "1", dpk="hour", dsk="2025", lpk="month", lsk="9"),
            item("z", "1", dpk="hour"),
            item("z", "2", dsk="2025"),
            item("z", "3", dpk="another", dsk="2025"),
        ],
    )

    due = table.query(Range(pk="hour", first="0", last="9", index="due"))
    listed = table.query(Range(pk="month", first="0", last="9", index="list"))

    assert due == [item("y", "1", dpk="hour", dsk="2025"), item("x", "1", dpk="hour", dsk="2026")]
    assert listed == [item("y", "1", lpk="month", lsk="9")]
    assert table.query(Range(pk="hour", first="0", last="2025", index="due")) == due[:1]
    assert (
        table.query(Range(pk="hour", first="0", last="9", index="due", reverse=True)) == due[::-1]
    )


@promise
def an_index_follows_its_items(table: Table) -> None:
    everything = Range(pk="hour", first="0", last="9", index="due")
    table.put(Put(item(dpk="hour", dsk="1")))
    table.update(Update(A, None, set={"dsk": "2"}))
    assert table.query(everything) == [item(dpk="hour", dsk="2")]

    table.update(Update(A, None, set={"dpk": "next hour"}))
    assert table.query(everything) == []
    table.put(Put(item(dpk="hour", dsk="3")))
    assert table.query(everything) == [item(dpk="hour", dsk="3")]

    table.update(Update(A, None, remove=("dpk", "dsk")))
    assert table.query(everything) == []


@promise
def an_index_is_read_on_over_equal_sort_keys(table: Table) -> None:
    fill(table, [item(f"x{n}", "1", dpk="hour", dsk=str(n // 3)) for n in range(9)])

    def found(**options: Any) -> set[Value]:
        rows = table.query(Range(pk="hour", first="0", last="9", index="due", **options))
        return {row["pk"] for row in rows}

    assert found(after="0") == {f"x{n}" for n in range(3, 9)}
    assert found(after="1", reverse=True) == {f"x{n}" for n in range(3)}
    assert len(found(after="0", limit=2)) == 2
    assert len(found(after="2", limit=2, reverse=True)) == 2


@promise
def many_items_are_read_by_their_keys(table: Table) -> None:
    items = [item(f"p{n % 7}", f"{n:03d}", n=n) for n in range(230)]
    fill(table, items)
    keys = [Key(str(each["pk"]), str(each["sk"])) for each in items]
    strangers = [Key("p0", f"missing-{n}") for n in range(120)]

    assert table.batch_get([*strangers, *keys, keys[0]]) == dict(zip(keys, items, strict=True))
    assert table.batch_get(strangers) == {}
    assert table.batch_get([]) == {}


# --- transactions


@promise
def a_transaction_writes_everything(table: Table) -> None:
    fill(table, [item("a", "1", n=1), item("a", "2", n=2, x=0)])

    table.transact(
        [
            Put(item("b", "1"), condition=Absent()),
            Update(Key("a", "1"), equals("n", 1), set={"n": 5}),
            Update(Key("a", "2"), None, remove=("x",), add={"n": 1}, default={"n2": "y"}),
            Check(Key("c", "1"), Absent()),
        ]
    )

    assert table.get(Key("b", "1")) == item("b", "1")
    assert table.get(Key("a", "1")) == item("a", "1", n=5)
    assert table.get(Key("a", "2")) == item("a", "2", n=3, n2="y")
    assert table.get(Key("c", "1")) is None


@promise
def a_transaction_that_is_refused_writes_nothing_and_names_what_refused(table: Table) -> None:
    fill(table, [item("a", "1", n=1), item("a", "2", n=2)])

    with pytest.raises(TransactionRefused) as refusal:
        table.transact(
            [
                Put(item("b", "1"), condition=Absent()),
                Put(item("a", "1", n=9), condition=Absent()),
                Update(Key("a", "2"), equals("n", 2), set={"n": 9}),
                Check(Key("c", "1"), equals("n", 1)),
                Update(Key("a", "3"), AtMost("n", 1), set={"n": 1}),
            ]
        )

    assert refusal.value.failed == {1: item("a", "1", n=1), 3: None, 4: None}
    assert table.get(Key("b", "1")) is None
    assert table.get(Key("a", "1")) == item("a", "1", n=1)
    assert table.get(Key("a", "2")) == item("a", "2", n=2)
    assert table.get(Key("a", "3")) is None


@promise
def a_check_alone_can_refuse_a_transaction(table: Table) -> None:
    table.put(Put(item("a", "1", v=1)))

    with pytest.raises(TransactionRefused) as refusal:
        table.transact([Put(item("b")), Check(A, equals("v", 2))])

    assert refusal.value.failed == {1: item("a", "1", v=1)}
    assert table.get(Key("b", "1")) is None


@promise
def a_transaction_has_up_to_a_hundred_writes(table: Table) -> None:
    hundred = [Put(item("p", f"{n:03d}"), condition=Absent()) for n in range(100)]
    table.transact(hundred)

    with pytest.raises(TransactionRefused) as refusal:
        table.transact([Put(item("q", f"{n}")) for n in range(99)] + hundred[99:])
    with pytest.raises(BUG):
        table.transact([Put(item("q", f"{n}")) for n in range(101)])
    with pytest.raises(BUG):
        table.transact([])

    assert refusal.value.failed == {99: item("p", "099")}
    assert len(table.query(Range(pk="p", first="0", last="9"))) == 100
    assert table.query(Range(pk="q", first="0", last="9")) == []


@promise
def a_transaction_touches_an_item_once(table: Table) -> None:
    with pytest.raises(BUG):
        table.transact([Put(item()), Update(A, None, set={"n": 1})])
    with pytest.raises(BUG):
        table.transact([Check(A, Absent()), Put(item())])

    assert table.get(A) is None
