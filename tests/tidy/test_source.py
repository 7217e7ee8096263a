"""House rules that no linter knows, read from the source.

A rule is a function from a parsed file to what offends against it; each is shown to find what it is
there for.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

from postpaid.api.chargebee.errors import ANSWERS
from postpaid.api.chargeover.envelope import CODES
from postpaid.api.native.errors import PROBLEMS
from postpaid.domain.errors import BillingError
from tests.support.names import named

ROOT = Path(__file__).resolve().parents[2]
LAYER = ROOT / "layers" / "common" / "postpaid"
FUNCTIONS = ROOT / "functions"
CLI = ROOT / "cli" / "postpaid_cli"

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50

type Rule = Callable[[Source], Iterator[str]]
type Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One file of Python: where it is, and what it says."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The file, parsed."""
        return ast.parse(self.text)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Everything in the file, at any depth."""
        return list(ast.walk(self.tree))

    def is_in(self, *folders: Path) -> bool:
        """Tell whether the file lies in one of the folders."""
        return any((ROOT / self.path).is_relative_to(folder) for folder in folders)


def _sources() -> list[Source]:
    return [
        Source(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
        for folder in (LAYER, FUNCTIONS, CLI)
        for path in sorted(folder.rglob("*.py"))
    ]


SOURCES = _sources()
# What ships to Lambda; the command line may look at the clock and print.
SHIPPED = [source for source in SOURCES if source.is_in(LAYER, FUNCTIONS)]
DOMAIN = [source for source in SHIPPED if source.is_in(LAYER / "domain")]
OUTSIDE_RUNTIME = [source for source in SHIPPED if not source.is_in(LAYER / "runtime")]


def _name(node: ast.AST) -> str:
    """Return a name or the attributes of one, `datetime.now`; empty for what is no name."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attribute):
            return f"{_name(value)}.{attribute}"
        case _:
            return ""


def _calls(source: Source) -> Iterator[tuple[str, ast.Call]]:
    for node in source.nodes:
        if isinstance(node, ast.Call):
            yield _name(node.func), node


def _imports(source: Source) -> Iterator[str]:
    for node in source.nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


# --- the rules


def floats(source: Source) -> Iterator[str]:
    """Find float literals, `float` itself, and divisions that could make a float."""
    for node in source.nodes:
        match node:
            case ast.Constant(value=float() | complex()):
                yield f"line {node.lineno}: {node.value!r}"
            case ast.Name(id="float") | ast.Attribute(attr="float"):
                yield f"line {node.lineno}: float"
            case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
                yield f"line {node.lineno}: a true division"


# Arithmetic that keeps as many digits as the process happens to be set to.
_AMBIENT = {"abs", "round", "getcontext", "setcontext"}


def ambient_arithmetic(source: Source) -> Iterator[str]:
    """Find calls that round decimals by the process's context instead of by ours."""
    for name, call in _calls(source):
        if name in _AMBIENT or name.removeprefix("decimal.") in _AMBIENT:
            yield f"line {call.lineno}: {name}()"


_NOW = ("now", "today", "utcnow", "time", "time_ns", "monotonic", "perf_counter", "localtime")
_CLOCKS = ("datetime", "datetime.datetime", "date", "datetime.date", "time")
CHANCE = ("random", "secrets", "uuid", "os.urandom", "numpy.random")


def now_and_chance(source: Source) -> Iterator[str]:
    """Find what reads a clock or draws lots."""
    for name, call in _calls(source):
        clock, _, reading = name.rpartition(".")
        if (clock in _CLOCKS and reading in _NOW) or name == "os.urandom":
            yield f"line {call.lineno}: {name}()"
    for name in _imports(source):
        if name.startswith(("time.", *CHANCE)) or name == "time":
            yield f"imports {name}"


def prints(source: Source) -> Iterator[str]:
    """Find `print`: what is said in the cloud goes through the log, which knows its levels."""
    for name, call in _calls(source):
        if name in {"print", "builtins.print", "pprint", "pprint.pprint"}:
            yield f"line {call.lineno}: {name}()"


def undocumented(source: Source) -> Iterator[str]:
    """Find modules, public classes and public functions that do not say what they are.

    A protocol's method on one line (`...`) is explained by its class.
    """
    if not ast.get_docstring(source.tree):
        yield "the module"
    yield from _undocumented(source.tree.body, "")


def _undocumented(body: list[ast.stmt], prefix: str) -> Iterator[str]:
    for node in body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if node.name.startswith("_"):
            continue
        if not ast.get_docstring(node) and not _is_one_line_of_a_protocol(node):
            yield f"{prefix}{node.name}"
        if isinstance(node, ast.ClassDef):
            yield from _undocumented(node.body, f"{prefix}{node.name}.")


def _is_one_line_of_a_protocol(node: ast.ClassDef | Function) -> bool:
    match node.body:
        case [ast.Expr(value=ast.Constant(value=value))]:
            return value is ... and node.body[0].lineno == node.lineno
        case _:
            return False


def long_things(source: Source) -> Iterator[str]:
    """Find files and functions that are too long to be read at once."""
    lines = len(source.text.splitlines())
    if lines > FILE_LINES_MAX:
        yield f"the file has {lines} lines"
    for node in source.nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                yield f"{node.name} has {length} lines"


def thawed(source: Source) -> Iterator[str]:
    """Find dataclasses that could be changed, or given attributes nobody declared."""
    for node in source.nodes:
        for decorator in node.decorator_list if isinstance(node, ast.ClassDef) else []:
            if _name(getattr(decorator, "func", decorator)).endswith("dataclass"):
                keywords = getattr(decorator, "keywords", [])
                given = {word.arg for word in keywords if _is_true(word.value)}
                if not {"frozen", "slots"} <= given:
                    yield f"line {decorator.lineno}: {ast.unparse(decorator)}"


def _is_true(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


# --- applied

RULES: list[tuple[Rule, list[Source]]] = [
    (floats, DOMAIN),
    (ambient_arithmetic, DOMAIN),
    (thawed, DOMAIN),
    (now_and_chance, OUTSIDE_RUNTIME),
    (prints, SHIPPED),
    (undocumented, SOURCES),
    (long_things, SOURCES),
]

# What each rule is there for, one offence a file.
OFFENCES: list[tuple[Rule, str]] = [
    (floats, "RATE = 0.05"),
    (floats, "RATE = 5e-2"),
    (floats, "RATE = 1j"),
    (floats, "def f(x): return float(x)"),
    (floats, "def f(x): return isinstance(x, float)"),
    (floats, "def f(x, y): return x / y"),
    (floats, "def f(x, y):\n    x /= y"),
    (ambient_arithmetic, "def f(x): return abs(x)"),
    (ambient_arithmetic, "def f(x): return round(x, 2)"),
    (ambient_arithmetic, "import decimal\ndecimal.getcontext().prec = 50"),
    (thawed, "@dataclass\nclass C: pass"),
    (thawed, "@dataclass()\nclass C: pass"),
    (thawed, "@dataclass(frozen=True)\nclass C: pass"),
    (thawed, "@dataclasses.dataclass(slots=True)\nclass C: pass"),
    (thawed, "@dataclass(frozen=False, slots=True)\nclass C: pass"),
    (now_and_chance, "from datetime import datetime\nNOW = datetime.now()"),
    (now_and_chance, "import datetime\nNOW = datetime.datetime.now(datetime.UTC)"),
    (now_and_chance, "from datetime import datetime\nNOW = datetime.utcnow()"),
    (now_and_chance, "from datetime import date\nTODAY = date.today()"),
    (now_and_chance, "from datetime import datetime\nTODAY = datetime.today()"),
    (now_and_chance, "import time"),
    (now_and_chance, "from time import time"),
    (now_and_chance, "import random"),
    (now_and_chance, "from random import choice"),
    (now_and_chance, "import secrets"),
    (now_and_chance, "from uuid import uuid4"),
    (now_and_chance, "import uuid"),
    (now_and_chance, "from os import urandom"),
    (now_and_chance, "import os\nKEY = os.urandom(16)"),
    (prints, "print('hello')"),
    (prints, "def f():\n    print()"),
    (prints, "from pprint import pprint\npprint({})"),
    (undocumented, "X = 1"),
    (undocumented, '"""A module."""\ndef f(): return 1'),
    (undocumented, '"""A module."""\nasync def f(): return 1'),
    (undocumented, '"""A module."""\nclass C:\n    x = 1'),
    (undocumented, '"""A module."""\nclass C:\n    """A class."""\n    def f(self): return 1'),
    (undocumented, '"""A module."""\nclass C:\n    """A class."""\n    def f(self):\n        ...'),
    (long_things, "\n" * (FILE_LINES_MAX + 1)),
    (long_things, "def f():\n" + "    pass\n" * FUNCTION_LINES_MAX),
    (long_things, "class C:\n    async def f(self):\n" + "        pass\n" * FUNCTION_LINES_MAX),
]

# What no rule may find.
INNOCENT = '''"""A module."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

HALF = Decimal("0.5")
DAYS = 7 // 2


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock. The word print() and 0.05 may stand in a docstring, and now() in a comment."""

    def now(self) -> datetime: ...

    def _private(self) -> int:
        return 7 % 2


def later(clock: Clock) -> datetime:
    """Return clock.now() and a day."""
    def inner() -> timedelta:
        return timedelta(days=1)

    return clock.now() + inner()
'''


@pytest.mark.parametrize(("rule", "sources"), RULES)
def test_a_house_rule_is_kept(rule: Rule, sources: list[Source]) -> None:
    found = {source.path: list(rule(source)) for source in sources}

    assert {path: offences for path, offences in found.items() if offences} == {}


@pytest.mark.parametrize(("rule", "text"), OFFENCES, ids=lambda part: named(part)[:40])
def test_a_rule_finds_what_it_is_there_for(rule: Rule, text: str) -> None:
    assert len(list(rule(Source("planted.py", text)))) == 1


@pytest.mark.parametrize("rule", [rule for rule, _ in RULES])
def test_a_rule_finds_nothing_else(rule: Rule) -> None:
    assert list(rule(Source("innocent.py", INNOCENT))) == []


def test_every_rule_is_applied_to_files_that_are_there() -> None:
    assert len(DOMAIN) > 15
    assert len(OUTSIDE_RUNTIME) > len(DOMAIN)
    assert len(SHIPPED) > len(OUTSIDE_RUNTIME)
    assert len(SOURCES) > len(SHIPPED)
    assert {rule for rule, _ in RULES} == {rule for rule, _ in OFFENCES}


# --- error codes

REFUSALS = {"BillingError", *(kind.__name__ for kind in BillingError.__subclasses__())}
# Where a code is not written out: it was taken from a refusal, or from a list of these.
HANDED_ON = {
    ("layers/common/postpaid/api/chargebee/invoices.py", "Conflict"),
    ("layers/common/postpaid/api/chargeover/find.py", "NotFound"),
    ("layers/common/postpaid/api/chargeover/requests.py", "NotFound"),
    ("layers/common/postpaid/api/native/errors.py", "problem"),
    ("layers/common/postpaid/api/native/models.py", "Invalid"),
}


def _codes(source: Source) -> Iterator[tuple[str, str | None]]:
    """Yield who is given an error code, and the code, None if it is not written out."""
    for name, call in _calls(source):
        maker = name.rpartition(".")[2]
        if maker in REFUSALS | {"problem"}:
            match call.args:
                case [ast.Constant(value=str() as code), *_]:
                    yield maker, code
                case _:
                    yield maker, None


def test_every_code_that_is_raised_has_an_answer() -> None:
    for source in SHIPPED:
        for maker, code in _codes(source):
            answered = code in PROBLEMS or code in ANSWERS or code in CODES
            assert answered or (source.path, maker) in HANDED_ON, source.path


def test_every_answer_has_a_code_that_is_raised() -> None:
    raised = {code for source in SHIPPED for _, code in _codes(source)}

    assert set(PROBLEMS) - raised == set()


def test_codes_are_found_however_a_refusal_is_spelled() -> None:
    text = (
        'raise Invalid("a", "x")\n'
        'raise errors.NotFound("b", "x", field="y") from None\n'
        'error = Conflict(code, "x")\n'
        'problem("c", "x", request_id="")\n'
        'raise ValueError("d")\n'
    )

    assert list(_codes(Source("planted.py", text))) == [
        ("Invalid", "a"),
        ("NotFound", "b"),
        ("Conflict", None),
        ("problem", "c"),
    ]


@pytest.mark.parametrize("code", PROBLEMS)
def test_a_code_is_a_few_words_with_a_status_of_failure(code: str) -> None:
    status, title = PROBLEMS[code]

    assert code.replace("_", "").isalpha()
    assert code == code.lower()
    assert 400 <= status <= 599
    assert title
    assert not title.endswith(".")
