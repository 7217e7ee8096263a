"""Every parameter that Chargebee publishes is served, or refused by its name with the reason."""

from collections.abc import Iterator
from typing import Any, get_args

import pytest

from postpaid.api.chargebee.forms import MEDIA_TYPE, read_form
from postpaid.api.chargebee.lists import read_asked
from postpaid.api.chargebee.params import Params, read
from postpaid.api.http import Request
from postpaid.domain.errors import Invalid
from tests.support.chargebee_judge import PUBLISHED, published, published_operation
from tests.support.chargebee_openapi import FORM, LISTS, PARAMS, REFUSED
from tests.support.chargebee_operations import OPERATIONS

BY_NAME = {each.name: each for each in OPERATIONS}
PAGING = {"limit", "offset", "sort_by"}


@pytest.fixture(scope="module")
def interface() -> dict[str, Any]:
    found = published()
    if found is None:
        pytest.skip(f"Chargebee's published interface is not here: {PUBLISHED}")
    return found


def _row_of(annotation: object) -> type[Params] | None:
    """Return the model of the members or rows that an annotation allows."""
    if isinstance(annotation, type) and issubclass(annotation, Params):
        return annotation
    rows = (_row_of(each) for each in get_args(annotation))
    return next((each for each in rows if each is not None), None)


def _names(model: type[Params]) -> Iterator[str]:
    """Yield the names of parameters that are served: `tiers`, `tiers[price]`."""
    for name, field in model.model_fields.items():
        yield name
        row = _row_of(field.annotation)
        if row is not None:
            yield from (f"{name}[{member}]" for member in row.model_fields)


def _published_names(interface: dict[str, Any], name: str) -> Iterator[str]:
    body = published_operation(interface, BY_NAME[name]).get("requestBody", {})
    schema = body.get("content", {}).get(FORM, {}).get("schema", {})
    for parameter, its in schema.get("properties", {}).items():
        yield parameter
        if its.get("additionalProperties") is not True:
            yield from (f"{parameter}[{member}]" for member in its.get("properties", {}))


@pytest.mark.parametrize("name", sorted(PARAMS))
def test_a_published_parameter_is_served_or_refused(interface: dict[str, Any], name: str) -> None:
    served, refused = set(_names(PARAMS[name])), REFUSED.get(name, {})
    wanted = set(_published_names(interface, name))
    unknown = {
        each
        for each in wanted - served
        if each not in refused and each.partition("[")[0] not in refused
    }

    assert unknown == set()


@pytest.mark.parametrize("name", LISTS)
def test_a_published_filter_is_served_or_refused(interface: dict[str, Any], name: str) -> None:
    of = LISTS[name]
    published_ = {
        each["name"]: each["schema"]
        for each in published_operation(interface, BY_NAME[name])["parameters"]
        if each["in"] == "query"
    }
    orders = published_.get("sort_by", {}).get("properties", {}).values()

    assert published_.keys() <= of.kinds.keys() | of.flags | of.refused.keys() | PAGING
    assert {each for order in orders for each in order["enum"]} <= of.sorts
    for attribute, kind in of.kinds.items():
        conditions = published_.get(attribute, {}).get("properties", {}).keys()
        assert conditions <= kind.value, attribute


@pytest.mark.parametrize(
    ("name", "parameter"),
    [(name, each) for name, refused in REFUSED.items() for each in refused],
)
def test_a_refused_parameter_says_why(name: str, parameter: str) -> None:
    sent = f"{parameter}[0]" if parameter.endswith("]") else parameter
    needed = {"id": "a", "name": "a", "type": "plan", "item_family_id": "a", "item_id": "a"}
    needed |= {"subscription_items[item_price_id][0]": "a"}
    fields = PARAMS[name].model_fields
    rest = {n: v for n, v in needed.items() if n.partition("[")[0] in fields}
    values = [f"{n}={v}" for n, v in {sent: 1, **rest}.items()]

    with pytest.raises(Invalid) as refused:
        read(
            PARAMS[name],
            read_form("&".join(values).encode(), {"content-type": MEDIA_TYPE}),
            refused=REFUSED[name],
        )

    assert (refused.value.code, refused.value.field) == ("not_supported", sent)
    assert refused.value.message == REFUSED[name][parameter]


@pytest.mark.parametrize(
    ("name", "parameter"), [(name, each) for name, of in LISTS.items() for each in of.refused]
)
def test_a_refused_filter_says_why(name: str, parameter: str) -> None:
    query = {f"{parameter}[is]": "1"}
    request = Request(method="GET", path=(), query=query, headers={}, body=b"", id="r")

    with pytest.raises(Invalid) as refused:
        read_asked(request, LISTS[name])

    assert (refused.value.code, refused.value.field) == ("not_supported", f"{parameter}[is]")
    assert refused.value.message == LISTS[name].refused[parameter]
