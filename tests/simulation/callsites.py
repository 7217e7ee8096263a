"""The places in the product that reach out to AWS, found in its source and on the stack.

A place is a public method of a store or an adapter and the call that it leads to. The source is the
list of all of them, so that a new call has no fault until a scenario comes by it, and fails.
"""

import ast
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType

import postpaid

_ROOT = Path(postpaid.__file__).parent
# The two engines below the stores are not places of their own: each call is one of a store's.
_ENGINES = frozenset({"dynamo", "memory"})
_OPERATIONS = {
    "get": "GetItem",
    "batch_get": "BatchGetItem",
    "put": "PutItem",
    "update": "UpdateItem",
    "query": "Query",
    "transact": "TransactWriteItems",
    "get_object": "GetObject",
    "head_object": "HeadObject",
    "put_object": "PutObject",
    "send_message": "SendMessage",
}


@dataclass(frozen=True, slots=True, order=True)
class CallSite:
    """A method, and the AWS operation it calls; *index* tells several such calls apart."""

    method: str
    operation: str
    index: int = 0

    def __str__(self) -> str:
        return f"{self.method}:{self.operation}" + (f":{self.index}" if self.index else "")


@dataclass(frozen=True, slots=True)
class _Call:
    operation: str
    index: int
    first: int
    last: int


def all_sites() -> frozenset[CallSite]:
    """Return every place there is, from the source alone."""
    return frozenset(site for path in _sources() for site in _sites_of(path).values())


def site_on_stack() -> CallSite:
    """Return the place from which AWS is being called right now."""
    site = find_site()
    assert site is not None, "AWS is called from a place that is no store and no adapter"
    return site


def find_site() -> CallSite | None:
    """Return the place from which a table is being called, None if it is not the product's."""
    frame: FrameType | None = sys._getframe(1)
    inner: FrameType | None = None
    while frame is not None:
        path = frame.f_code.co_filename
        if path in _sources():
            if inner is None:
                inner = frame
            elif path != inner.f_code.co_filename:
                break
            method = frame.f_code.co_qualname.partition(".<locals>")[0]
            if not method.rpartition(".")[2].startswith("_") and not _is_nested(frame):
                return _found(path, method, inner)
        frame = frame.f_back
    return None


def _is_nested(frame: FrameType) -> bool:
    """Tell whether a function was made inside a method, which is on the stack above it."""
    return ".<locals>" in frame.f_code.co_qualname


def _found(path: str, name: str, inner: FrameType) -> CallSite:
    for (method, call), site in _sites_of(path).items():
        if method == name and call.first <= inner.f_lineno <= call.last:
            return site
    raise AssertionError(f"{name} calls AWS in a way that its source does not show")


@cache
def _sources() -> frozenset[str]:
    return frozenset(
        str(path)
        for folder in ("store", "outbound")
        for path in (_ROOT / folder).glob("*.py")
        if path.stem not in _ENGINES
    )


@cache
def _sites_of(path: str) -> dict[tuple[str, _Call], CallSite]:
    """Return the places of a file, by method and call."""
    found = {}
    for node in ast.walk(ast.parse(Path(path).read_text())):
        if not isinstance(node, ast.ClassDef):
            continue
        methods = {each.name: each for each in node.body if isinstance(each, ast.FunctionDef)}
        for name in methods:
            if name.startswith("_"):
                continue
            for call in _calls(name, methods, frozenset()):
                method = f"{node.name}.{name}"
                found[method, call] = CallSite(
                    f"{Path(path).stem}.{method}", call.operation, call.index
                )
    return found


def _calls(
    name: str, methods: dict[str, ast.FunctionDef], seen: frozenset[str]
) -> tuple[_Call, ...]:
    """Return the calls that a method leads to, itself or through private ones."""
    calls: list[_Call] = []
    for node in ast.walk(methods[name]):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        target, verb = node.func.value, node.func.attr
        if isinstance(target, ast.Attribute) and target.attr in {"_table", "_client"}:
            if verb in _OPERATIONS:
                assert node.end_lineno is not None
                operation = _OPERATIONS[verb]
                index = sum(call.operation == operation for call in calls)
                calls.append(_Call(operation, index, node.lineno, node.end_lineno))
        elif isinstance(target, ast.Name) and target.id == "self" and verb in methods.keys() - seen:
            # What a public method of the same class calls is a place of that one.
            calls += _calls(verb, methods, seen | {name}) if verb.startswith("_") else ()
    return tuple(calls)
