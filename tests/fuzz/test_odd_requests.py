"""What nobody sends on purpose, to every operation: requests that generators of schemas never make.

What comes back is a refusal in the words of the door, or an answer; never a failure.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from postpaid.api.chargebee.forms import MEDIA_TYPE
from postpaid.runtime import waiting
from postpaid_cli.aws import LocalAws
from tests.fuzz.town import Town, open_town
from tests.support.chargebee_judge import Exchange
from tests.support.chargebee_openapi import FORM, document
from tests.support.functions import Answer, functions_on

pytestmark = pytest.mark.engine

DEEP = "%5B" * 2000
BODIES: dict[str, bytes] = {
    "bytes that are no text": b"\xff\xfe=\x00",
    "an escape that is none": b"id=%zz",
    "half a surrogate": b"id=%ed%a0%80",
    "a zero": b"id=%00",
    "one name twice": b"id=a&id=b",
    "two forms of one name": b"tiers=1&tiers[price][0]=2&id[0]=1&id[a]=2",
    "a list for a text": b"id[0]=a&name[0]=b&quantity[0]=1&item_price_id[0]=c&usage_date[0]=1",
    "members for a text": b"id[a]=a&name[a]=b&quantity[a]=1&item_price_id[a]=c&usage_date[a]=1",
    "a text for rows": b"tiers=1&subscription_items=1&item_tiers=1&applicable_items=1&id=a",
    "a text for members": b"billing_address=1&invoice=1&accounting_detail=1&id=a",
    "rows far apart": b"tiers[price][0]=1&tiers[price][499]=1&subscription_items[quantity][499]=1",
    "a row too far": b"tiers[price][9999]=1",
    "names of brackets": b"[]=1&[0]=2&[[=3",
    "no name": b"=1&=2",
    "too many brackets": b"a[b][c][d]=1",
    "no values": b"id=&name=&quantity=&item_price_id=&usage_date=&subscription_items=&tiers=",
    "too large": b"id=" + b"x" * 300_000,
    "too many": b"&".join(b"a%d=1" % n for n in range(5000)),
    "metadata too deep": f"id=m&meta_data={DEEP}&metadata={DEEP}".encode(),
    "metadata that is no mapping": b"id=m&meta_data=nan&metadata=(1,)",
    "metadata with a large number": b"id=m&meta_data={%22a%22:" + b"9" * 4000 + b"}",
    "metadata with keys that are none": b"id=m&meta_data={1:%20{2:%203}}&metadata={None:%201}",
    "numbers too large": b"&".join(
        name + b"=" + b"9" * 60
        for name in (
            *(b"price", b"period", b"usage_date", b"quantity", b"start_date", b"trial_end"),
            *(b"billing_cycles", b"net_term_days", b"destination_time", b"genesis_time"),
        )
    ),
    "numbers of another kind": "price=١٢&quantity=1e9&period=+1&usage_date=1_000".encode(),
    "custom fields": b"&".join(b"cf_%d=1" % n for n in range(60)),
    "a custom field of parts": b"cf_a[b]=1&cf_c[0]=2",
}
HEADERS: dict[str, dict[str, str]] = {
    "JSON": {"content-type": "application/json"},
    "parts": {"content-type": "multipart/form-data; boundary=x"},
    "another charset": {"content-type": f"{MEDIA_TYPE}; charset=utf-16"},
    "compressed": {"content-type": MEDIA_TYPE, "content-encoding": "gzip"},
    "a key too long": {"content-type": MEDIA_TYPE, "chargebee-idempotency-key": "k" * 101},
    "a key of other letters": {"content-type": MEDIA_TYPE, "chargebee-idempotency-key": "é\t"},
}
QUERIES = (
    *("limit=0", "limit=101", "limit=x", "limit=", "offset=%00", "offset=" + "x" * 2000),
    *("offset=W10%3D", "offset=bnVsbA", "nothing=1", "nothing[is]=1", "id=1", "id[]=1", "=1"),
    *("id[in]=[", f"id[in]={DEEP}", f"id[in]={DEEP}" + "%5D" * 2000, "id[in]=[]", "id[in]=[,]"),
    *("id[in]=[[1],[2]]", "id[in]=[null]", "id[in]=[1e999]", "id[is]=%ff", "id[is]=", "id[is]=%00"),
    *("id[starts_with]=%F0%9F%90%9D", "id[in]=['a'+'b']", "id[in]=[" + "a," * 200 + "a]"),
    *("updated_at[on]=999999999999999", "updated_at[on]=-999999999999999", "updated_at[after]=x"),
    *("updated_at[between]=[1]", "updated_at[between]=[2,1]", "updated_at[between]=[a,b]"),
    *("sort_by[asc]=nothing", "sort_by[asc]=updated_at&sort_by[desc]=updated_at", "sort_by=id"),
    *("include_deleted=maybe", "limit=1&limit=2", "&".join(f"a{n}=1" for n in range(60))),
)


@pytest.fixture(scope="module")
def town(aws: LocalAws) -> Iterator[Town]:
    with functions_on(aws) as functions, pytest.MonkeyPatch.context() as patch:
        patch.setattr(waiting, "sleep", lambda _: None)
        yield open_town(functions)


def _paths(town: Town, method: str) -> list[str]:
    """Return the path of every operation, with ids of what is there."""
    found = []
    for template, operations in document(town.known)["paths"].items():
        if method in operations:
            path = template
            for name, values in town.known.values.items():
                path = path.replace(f"{{{name}}}", str(values[0]))
            found.append(path)
    return found


def _faults(town: Town, method: str, target: str, **asked: Any) -> list[str]:
    answer: Answer = town.functions.call(method, target, key=town.key, **asked)
    path = target.partition("?")[0].removeprefix("/api/v2/")
    exchange = Exchange(
        method=method,
        path=path,
        status=answer.status,
        headers=answer.headers,
        text=answer.text,
    )
    found = [f"{target[:200]}: {fault}" for fault in exchange.faults()]
    return found if answer.status < 500 else [f"{target[:200]}: {answer.status}", *found]


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_odd_is_answered_by_every_operation(town: Town, name: str) -> None:
    asked = {"body": BODIES[name], "headers": {"content-type": FORM}}
    paths = [path for path in _paths(town, "post") if "start_afresh" not in path]

    assert len(paths) > 20
    assert [fault for path in paths for fault in _faults(town, "POST", path, **asked)] == []


@pytest.mark.parametrize("name", HEADERS)
def test_headers_that_are_odd_are_answered_by_every_operation(town: Town, name: str) -> None:
    asked = {"body": b"nothing_known=1", "headers": HEADERS[name]}
    paths = [path for path in _paths(town, "post") if "start_afresh" not in path]

    assert [fault for path in paths for fault in _faults(town, "POST", path, **asked)] == []


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_that_is_odd_is_answered_by_every_operation(town: Town, query: str) -> None:
    paths = _paths(town, "get")

    assert len(paths) > 12
    assert [f for path in paths for f in _faults(town, "GET", f"{path}?{query}")] == []


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
def test_other_methods_are_refused_everywhere(town: Town, method: str) -> None:
    for path in {*_paths(town, "get"), *_paths(town, "post")}:
        answer = town.functions.call(method, path, key=town.key)

        assert (answer.status, answer.json["api_error_code"]) == (405, "http_method_not_supported")
