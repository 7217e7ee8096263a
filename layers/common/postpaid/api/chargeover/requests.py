"""The manners of paths: doubled and trailing slashes, synonyms, actions in two spellings."""

from collections.abc import Sequence
from dataclasses import replace

from postpaid.api.chargeover.not_served import COMMANDS, OBJECTS
from postpaid.api.http import Request, Route, match_path
from postpaid.domain.errors import NotFound

BASE = ("api", "v3")
ACTION = "_action"
# The name of packages in the vendor's older libraries.
_SYNONYMS = {"billing_package": "package"}
NO_DATA = "A required parameter was missing: No data."
# Bodies that say nothing: what sends an action does so.
NOTHING = frozenset({b"", b"null", b'""', b"[]"})
_COMMANDS = {"GET": "get", "POST": "create", "PUT": "modify", "DELETE": "delete"}


def plain_request(request: Request) -> Request:
    """Return a request by the one spelling of its path: `package/5/_action/invoice`.

    Empty parts are left out, as `//` and a slash at the end make them; `?action=invoice` is what
    the vendor's libraries write for an action.
    """
    path = [part for part in request.path if part]
    if len(path) > len(BASE):
        path[len(BASE)] = _SYNONYMS.get(path[len(BASE)], path[len(BASE)])
    query = dict(request.query)
    action = query.pop("action", None)
    if action and request.method == "POST":
        path += [ACTION, action]
    return replace(request, path=tuple(path), query=query)


def find_operation[Operation](
    routes: Sequence[Route[Operation]], request: Request
) -> tuple[Route[Operation], tuple[str, ...]]:
    """Return the route of a request by its one spelling, and the ids in its path.

    Raises `NotFound` in the vendor's words: an object type that is not there, or a command that an
    object does not take.
    """
    known = False
    for route in routes:
        ids = route.match(request.path)
        if ids is not None and route.method == request.method:
            return route, ids
        known = known or _kind(route.template.split("/")) == _kind(request.path)
    rest = request.path[len(BASE) :]
    kind, target = (rest[0] if rest else ""), ", ".join(rest[1:])
    command = _COMMANDS.get(request.method, request.method)
    if command == "get" and not target:
        command = "list"
    what = "command" if known else "object type"
    code = "method_not_allowed" if known else "route_not_found"
    asked = f"{command}({kind}, {target})"[:200]
    why = _reason(request, rest)
    raise NotFound(code, f"The {what} requested is not supported: {asked}{why}")


def _reason(request: Request, rest: Sequence[str]) -> str:
    """Return why something is not served, if the vendor has it."""
    for (method, template), why in COMMANDS.items():
        if method == request.method and match_path(template, rest) is not None:
            return f". {why}"
    found = OBJECTS.get(rest[0]) if rest else None
    return "" if found is None else f". {found}"


def _kind(path: Sequence[str]) -> tuple[str, ...]:
    return tuple(path[: len(BASE) + 1])
