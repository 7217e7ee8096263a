"""HTTP API events (payload format 2.0) to requests, and responses back; the same for every dialect.

A router of our own, because one table says path, scope and operation for a whole door, because ids
may hold characters that framework routers refuse in a path, and because the recording path must
import nothing it does not use.
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from postpaid.domain.api_key import KeyScope
from postpaid.domain.errors import Malformed, NotFound

QUERY_FIELDS_MAX = 50


@dataclass(frozen=True, slots=True)
class RawUrl:
    """A URL before anything is read out of it; *path* is decoded by the gateway, but for `%25`.

    *scheme* is empty where nobody says whether the client came by https.
    """

    scheme: str = ""
    host: str = ""
    path: str = ""
    query: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request. *path* has its segments decoded, header names are in lower case.

    *again* says that another run had its turn at this very request, and may have acted. *url* are
    the parts of the URL as they came, for a client that signed it.
    """

    method: str
    path: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    id: str
    again: bool = False
    url: RawUrl = RawUrl()


def _compact(body: Any) -> str:
    return json.dumps(body, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response; *body* is JSON-ready, None for none."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)

    def event(self, write: Callable[[Any], str] = _compact) -> dict[str, Any]:
        """Return what API Gateway expects; *write* makes the body's text of it."""
        headers = {
            "content-type": "application/json",
            "cache-control": "no-store",
            **self.headers,
        }
        text = "" if self.body is None else write(self.body)
        return {"statusCode": self.status, "headers": headers, "body": text}


@dataclass(frozen=True, slots=True)
class Route[Operation]:
    """A method and a path template (`subscriptions/{}/usages`) with its scope and operation."""

    method: str
    template: str
    scope: KeyScope
    operation: Operation

    def match(self, path: Sequence[str]) -> tuple[str, ...] | None:
        """Return the values at the `{}` places, None if the path is another one."""
        return match_path(self.template, path)


def match_path(template: str, path: Sequence[str]) -> tuple[str, ...] | None:
    """Return the values at the `{}` places of a template, None if the path is another one."""
    parts = template.split("/")
    if len(parts) != len(path):
        return None
    if any(part not in {"{}", given} for part, given in zip(parts, path, strict=True)):
        return None
    return tuple(given for part, given in zip(parts, path, strict=True) if part == "{}")


def find_route[Operation](
    routes: Sequence[Route[Operation]],
    request: Request,
    *,
    elsewhere: Sequence[tuple[str, str]] = (),
) -> tuple[Route[Operation], tuple[str, ...]]:
    """Return the route of a request and the ids in its path.

    *elsewhere* names the methods and templates that another function serves. Raises `NotFound`:
    `route_not_found`, or `method_not_allowed` with the methods there are.
    """
    allowed = {
        method for method, template in elsewhere if match_path(template, request.path) is not None
    }
    for route in routes:
        ids = route.match(request.path)
        if ids is not None:
            if route.method == request.method:
                return route, ids
            allowed.add(route.method)
    if allowed:
        raise NotFound(
            "method_not_allowed",
            f"the path takes {', '.join(sorted(allowed))}",
            details={"allow": sorted(allowed)},
        )
    raise NotFound("route_not_found", "there is nothing at this path")


def read_request(event: Mapping[str, Any]) -> Request:
    """Read an event; raises `Malformed` for a body or a query that cannot be read."""
    # API Gateway decodes every escape in rawPath except %25.
    segments = event["rawPath"].strip("/").split("/")
    http = event["requestContext"]["http"]
    body = event.get("body") or ""
    try:
        raw = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    except ValueError:
        raise Malformed("malformed_request", "the body cannot be read") from None
    query = event.get("rawQueryString") or ""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    return Request(
        method=http["method"],
        path=tuple(segment.replace("%25", "%") for segment in segments),
        query=_query(query),
        headers=headers,
        body=raw,
        id=event["requestContext"].get("requestId", ""),
        url=RawUrl(
            scheme=headers.get("x-forwarded-proto", ""),
            host=headers.get("host") or event["requestContext"].get("domainName", ""),
            path=event["rawPath"],
            query=query,
        ),
    )


def bearer_or_basic(headers: Mapping[str, str]) -> str | None:
    """Return the API key of a request: a Bearer token, or the user name of Basic; None if none."""
    kind, _, value = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    pair = basic_pair(headers)
    return None if pair is None else pair[0]


def basic_pair(headers: Mapping[str, str]) -> tuple[str, str] | None:
    """Return user name and password of Basic (RFC 7617), in ASCII; None if there are none."""
    kind, _, value = headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        text = base64.b64decode(value.strip(), validate=True).decode("ascii")
    except ValueError:
        return None
    user, _, password = text.partition(":")
    return user, password


def _query(raw: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            raw,
            keep_blank_values=True,
            max_num_fields=QUERY_FIELDS_MAX,
            encoding="utf-8",
            errors="strict",
        )
    except ValueError:
        raise Malformed("malformed_request", "the query string cannot be read") from None
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise Malformed("malformed_request", "the parameter is repeated", field=name)
    return dict(pairs)
