"""I-18: no room of the product can make a float of an amount: read from its source.

The domain may not name floats at all (tests/tidy); here every room is held to it, and to the ways
in which a float comes without being named. What is not money is on a list, with its reason.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

LAYER = Path(__file__).resolve().parents[2] / "layers" / "common" / "postpaid"
ROOMS = {"api", "application", "assembly", "domain", "outbound", "runtime", "store"}

# Where a float is not money: file and line of code, and why.
ALLOWED = {
    ("runtime/clock.py", "float"): "seconds on a monotonic clock",
    ("runtime/clock.py", "0.001"): "a pause in seconds",
    ("runtime/cache.py", "float"): "the age of what is cached",
    ("runtime/cache.py", "60.0"): "the age of what is cached",
    ("api/cursors.py", "json.loads"): "our own cursor: a place in a list",
    ("api/chargebee/idempotency.py", "json.loads"): "an answer that was given: its text again",
    ("api/chargebee/lists.py", "json.loads"): "our own cursor: a place in a list",
    ("api/chargebee/things.py", "json.loads"): "what a client keeps for itself, as it came",
    ("api/chargebee/invoice_lines.py", "float"): "a tax rate, which is a number in its clients",
    ("outbound/documents.py", "json.loads"): "our own document: its amounts are text",
    ("outbound/queue.py", "json.loads"): "our own message: keys",
    ("outbound/usage_url.py", "float"): "seconds that an answer has left",
    ("outbound/usage_url.py", "0.001"): "seconds that an answer has left",
}

# Modules that calculate in floats; `math` is here but for what it does in whole numbers.
_MODULES = {"cmath", "math", "numpy", "random", "statistics"}
_WHOLE = {"comb", "factorial", "gcd", "isqrt", "lcm", "perm", "prod"}
# Methods whose result is a float, unless `int()` takes it at once: a time in seconds.
_SECONDS = {"timestamp", "total_seconds"}
_JSON = {"json.load", "json.loads"}


def floats(text: str) -> Iterator[str]:
    """Find what is, makes or may make a float; each as the words that do it."""
    tree = ast.parse(text)
    whole = {id(each) for node in ast.walk(tree) for each in _taken_whole(node)}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=float() | complex() as value):
                yield str(value)
            case ast.Name(id="float" | "complex" as name):
                yield name
            case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
                yield ast.unparse(node)
            case ast.Attribute(attr="truediv" | "itruediv" | "__truediv__" | "__float__" as name):
                yield name
            case ast.Call(func=func, keywords=keywords):
                called = ast.unparse(func)
                if _makes_a_float(called, {each.arg for each in keywords}):
                    yield called
                if isinstance(func, ast.Attribute) and func.attr in _SECONDS:
                    yield from () if id(node) in whole else (func.attr,)
            case ast.Import() | ast.ImportFrom():
                yield from _imported(node)


def _taken_whole(node: ast.AST) -> list[ast.expr]:
    """Return what `int()` is called on."""
    match node:
        case ast.Call(func=ast.Name(id="int"), args=[taken]):
            return [taken]
        case _:
            return []


def _makes_a_float(name: str, keywords: set[str | None]) -> bool:
    if name in _JSON:
        return "parse_float" not in keywords
    if name.startswith("math."):
        return name.removeprefix("math.") not in _WHOLE
    return name in {"round", "builtins.round"}


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    names = [each.name for each in node.names]
    if isinstance(node, ast.Import):  # of `math` it depends on what is called
        yield from (each for each in names if each in _MODULES - {"math"})
    elif node.module == "math":
        yield from (each for each in names if each not in _WHOLE)
    elif node.module in _MODULES:
        yield from names
    elif node.module in {"json", "operator"}:
        yield from (each for each in names if each in {"load", "loads", "truediv", "itruediv"})


def _files() -> list[Path]:
    return sorted(LAYER.rglob("*.py"))


def _found() -> set[tuple[str, str]]:
    return {
        (str(path.relative_to(LAYER)), offence)
        for path in _files()
        for offence in floats(path.read_text(encoding="utf-8"))
    }


def test_no_room_makes_a_float_of_money() -> None:
    assert _found() - set(ALLOWED) == set()


def test_nothing_is_allowed_that_is_not_there_any_more() -> None:
    assert set(ALLOWED) - _found() == set()


def test_nothing_is_allowed_in_the_rooms_that_calculate() -> None:
    assert {path.partition("/")[0] for path, _ in ALLOWED} & {"domain", "application"} == set()


def test_every_room_is_read() -> None:
    rooms = {path.relative_to(LAYER).parts[0] for path in _files() if path.parent != LAYER}

    assert rooms == ROOMS
    assert len(_files()) > 60


OFFENCES = [
    ("RATE = 0.05", "0.05"),
    ("RATE = 5e-2", "0.05"),
    ("RATE = 1j", "1j"),
    ("def f(x): return float(x)", "float"),
    ("def f(x: float) -> None: ...", "float"),
    ("def f(xs): return map(float, xs)", "float"),
    ("def f(x): return isinstance(x, complex)", "complex"),
    ("def f(x, y): return x / y", "x / y"),
    ("def f(minor): return minor / 100", "minor / 100"),
    ("def f(x, y):\n    x /= y", "x /= y"),
    ("def f(x, y): return x.__truediv__(y)", "__truediv__"),
    ("def f(x): return x.__float__()", "__float__"),
    ("import operator\nDIVIDE = operator.truediv", "truediv"),
    ("from operator import truediv", "truediv"),
    ("def f(x): return round(x, 2)", "round"),
    ("import builtins\ndef f(x): return builtins.round(x)", "builtins.round"),
    ("import math\ndef f(x): return math.floor(x)", "math.floor"),
    ("import math\ndef f(x): return math.fsum(x)", "math.fsum"),
    ("from math import ceil", "ceil"),
    ("from math import inf", "inf"),
    ("import statistics", "statistics"),
    ("from statistics import mean", "mean"),
    ("from random import uniform", "uniform"),
    ("import numpy", "numpy"),
    ("import json\ndef f(x): return json.loads(x)", "json.loads"),
    ("import json\ndef f(x): return json.load(x, parse_int=int)", "json.load"),
    ("from json import loads", "loads"),
    ("def f(x): return x.total_seconds()", "total_seconds"),
    ("def f(x): return 2 * x.timestamp()", "timestamp"),
]


@pytest.mark.parametrize(("text", "found"), OFFENCES, ids=[found for _, found in OFFENCES])
def test_each_way_to_a_float_is_found(text: str, found: str) -> None:
    assert list(floats(text)) == [found]


INNOCENT = '''"""Not 0.05, not float(x), not x / y, and no round()."""

import json
import math
from decimal import Decimal
from fractions import Fraction
from math import gcd
from operator import itemgetter

HALF = Decimal("0.5")
DAYS = 15 // 7
COMMON = gcd(4, math.lcm(6, 8))
FIRST = itemgetter(0)


def share(minor: int, days: int, of: int) -> Fraction:
    """Return minor * days / of."""
    return Fraction(minor * days, of)


def seconds(lifetime: object) -> int:
    # A lifetime / a second; 86400.0 of them are a day.
    return int(lifetime.total_seconds())


def read(body: str) -> object:
    return json.loads(body, parse_float=Decimal)


def rounded(number: Decimal) -> Decimal:
    return number.to_integral_value()
'''


def test_nothing_else_is_taken_for_a_float() -> None:
    assert list(floats(INNOCENT)) == []
