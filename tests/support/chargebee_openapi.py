"""The Chargebee door as an OpenAPI document, made of its own routes, parameters and lists.

Forms are written as they are sent: `name`, `name[member]`, `name[n]`, `name[member][n]`, and all
values are texts. Requests only: answers are judged by `chargebee_judge`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from postpaid.api.chargebee import (
    charges,
    customers,
    families,
    invoice_lists,
    invoices,
    items,
    params,
    prices,
    subscription_params,
    subscriptions,
    time_machine,
    usage_lists,
    usages,
)
from postpaid.api.chargebee.filters import Kind
from postpaid.api.chargebee.lists import ListOf
from postpaid.api.chargebee.params import Nothing, Params
from postpaid.api.chargebee.routes import ROUTES, USAGE_WRITES
from postpaid.api.chargebee.usage import KEY_HEADER
from tests.support.chargebee_operations import OPERATIONS, Operation

type Schema = dict[str, Any]

ROWS = 2
FORM = "application/x-www-form-urlencoded"
PARAMS: Mapping[str, type[Params]] = {
    "ItemFamily.create": families.NewFamily,
    "ItemFamily.update": families.FamilyChange,
    "ItemFamily.delete": Nothing,
    "Item.create": items.NewItem,
    "Item.update": items.ItemChange,
    "Item.delete": Nothing,
    "ItemPrice.create": prices.NewPrice,
    "ItemPrice.update": prices.PriceChange,
    "ItemPrice.delete": Nothing,
    "Customer.create": customers.NewCustomer,
    "Customer.update": customers.CustomerParams,
    "Customer.delete": customers.DeletionParams,
    "Subscription.create_with_items": subscription_params.NewSubscription,
    "Subscription.update_for_items": subscription_params.SubscriptionChange,
    "Subscription.cancel_for_items": subscription_params.Cancellation,
    "Invoice.close": invoices.CloseParams,
    "Invoice.sync_usages": Nothing,
    "Invoice.pdf": invoices.PdfParams,
    "Invoice.void_invoice": invoices.VoidParams,
    "Invoice.delete": invoices.DeleteParams,
    "Invoice.add_charge_item": charges.ChargeParams,
    "Usage.pdf": usages.PdfParams,
    "TimeMachine.start_afresh": time_machine.AfreshParams,
    "TimeMachine.travel_forward": time_machine.TravelParams,
}
# Of those above, what is refused by its name, and why.
REFUSED: Mapping[str, Mapping[str, str]] = {
    "ItemFamily.create": families._REFUSED,
    "Item.create": items.REFUSED,
    "Item.update": items.REFUSED,
    "ItemPrice.create": prices.REFUSED,
    "ItemPrice.update": prices.REFUSED,
    "Customer.create": customers.REFUSED,
    "Customer.update": customers.REFUSED,
    "Subscription.create_with_items": subscription_params.REFUSED,
    "Subscription.update_for_items": subscription_params.CHANGE_REFUSED,
    "Subscription.cancel_for_items": subscription_params.CANCEL_REFUSED,
    "Invoice.close": invoices._CLOSE_REFUSED,
}
LISTS: Mapping[str, ListOf] = {
    "ItemFamily.list": families._LIST,
    "Item.list": items._LIST,
    "ItemPrice.list": prices._LIST,
    "Customer.list": customers._LIST,
    "Subscription.list": subscriptions._LIST,
    "Usage.list": usage_lists._LIST,
    "Invoice.list": invoice_lists._LIST,
    "Invoice.invoices_for_subscription": invoice_lists._OF_ONE,
    "Invoice.invoices_for_customer": invoice_lists._OF_ONE,
}
_NOT_THERE: Mapping[type, Sequence[str | int]] = {str: ("nothing here",), int: (0,)}
# Of all texts without control characters some that are quick to make.
_PRINTED = "^[ -~À-ÿ]+$"
_TEXT: Schema = {"type": "string", "maxLength": 100}
_WHOLE: Schema = {"type": "integer", "minimum": -(10**12), "maximum": 10**12}
_SMALL: Schema = {"type": "integer", "minimum": 1, "maximum": 1000}
_FLAG: Schema = {"enum": ["true", "false"]}
_KEY: Schema = {
    "name": KEY_HEADER,
    "in": "header",
    "required": False,
    "schema": {"enum": [f"key-{n}" for n in range(20)]},
}
# These are read without a model, for the recording path imports none.
_BARE: Mapping[str, tuple[Mapping[str, Any], tuple[str, ...]]] = {
    "Usage.create": (
        {
            "item_price_id": _TEXT,
            "quantity": {"type": "string", "pattern": r"^[0-9]{1,9}(\.[0-9]{1,4})?$"},
            "usage_date": _WHOLE,
            "id": _TEXT,
            "note": {"type": "string", "maxLength": 500, "pattern": _PRINTED},
            "dedupe_option": {"enum": ["skip", "update_existing"]},
        },
        ("item_price_id", "quantity", "usage_date"),
    ),
    "Usage.delete": ({"id": _TEXT}, ("id",)),
}
_ROWS = tuple(f"subscription_items[item_price_id][{place}]" for place in range(ROWS))
# What a model does not say: without these little is reached behind it.
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "Subscription.create_with_items": _ROWS,
    "TimeMachine.travel_forward": ("destination_time",),
    "Usage.pdf": ("invoice[id]",),
    "Invoice.add_charge_item": ("item_price[item_price_id]",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """Parameters that go together: some without others, some never alone, some with few values."""

    without: tuple[str, ...]
    needed: tuple[str, ...] = ()
    only: Mapping[str, Schema] = field(default_factory=dict)


_RARE = ("free_", "proration_type", "show_", "usage_accumulation", "price_in_decimal")
_TIERS = (
    *("tiers[starting_unit][0]", "tiers[ending_unit][0]", "tiers[price][0]"),
    *("tiers[starting_unit][1]", "tiers[price][1]"),
)
_DATE, _PRICED, _EXACT = "item_price[date_", "item_price[unit_price", "item_price[unit_price_"
_SHAPES: Mapping[str, Sequence[_Shape]] = {
    "ItemPrice.create": (
        _Shape(
            without=("tiers", *_RARE),
            needed=("price", "period", "period_unit"),
            only={"pricing_model": {"enum": ["flat_fee", "per_unit"]}},
        ),
        _Shape(
            without=("price", "tiers[price_", "tiers[starting_unit_", "tiers[ending_unit_", *_RARE),
            needed=("pricing_model", "period", "period_unit", *_TIERS),
            only={
                "pricing_model": {"enum": ["tiered", "volume", "stairstep"]},
                "tiers[starting_unit][0]": {"enum": [1]},
                "tiers[starting_unit][1]": {"enum": [11]},
                "tiers[ending_unit][0]": {"enum": [10]},
            },
        ),
    ),
    "Subscription.create_with_items": (
        _Shape(
            without=("item_tiers", "trial_end", "subscription_items[unit", "first_"),
            only={
                "subscription_items[item_price_id][0]": {"enum": ["base-usd", "calls-usd"]},
                "subscription_items[item_price_id][1]": {"enum": ["data-usd", "seats-usd"]},
            },
        ),
    ),
    "Subscription.update_for_items": (
        _Shape(without=("item_tiers", "change", "replace_"), needed=_ROWS),
    ),
    "Invoice.add_charge_item": (
        _Shape(
            without=("item_tiers", "subscription_id", "item_price[quantity_", _DATE, _EXACT),
            only={"item_price[item_price_id]": {"enum": ["setup-usd", "cards-usd"]}},
        ),
        _Shape(
            without=("item_tiers", "subscription_id", "item_price[quantity]", _PRICED),
            needed=("item_price[date_from]", "item_price[date_to]"),
            only={
                "item_price[item_price_id]": {"enum": ["cards-usd", "hours-usd"]},
                "item_price[quantity_in_decimal]": {"enum": ["0.5", "2", "12.25"]},
                "item_price[date_from]": {"enum": [1_790_812_800, 1_791_417_600]},
                "item_price[date_to]": {"enum": [1_791_417_601, 1_793_491_200]},
            },
        ),
        _Shape(
            without=(
                *("subscription_id", "item_price[quantity_", _DATE, _PRICED),
                *("item_tiers[price_", "item_tiers[starting_unit_", "item_tiers[ending_unit_"),
            ),
            needed=tuple(f"item_{name}" for name in _TIERS),
            only={
                "item_price[item_price_id]": {"enum": ["hours-usd"]},
                "item_tiers[starting_unit][0]": {"enum": [1]},
                "item_tiers[starting_unit][1]": {"enum": [11]},
                "item_tiers[ending_unit][0]": {"enum": [10]},
            },
        ),
    ),
}
_QUERIES: Mapping[str, Mapping[str, Any]] = {
    "Usage.retrieve": {"id": _TEXT},
    "Invoice.retrieve": {"line_items_limit": _WHOLE, "line_items_offset": _TEXT},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is there: values by the name of a parameter, or of the word before a place in a path.

    With *likely* a document has only what may well be accepted: what is there, and small numbers.
    """

    values: Mapping[str, Sequence[str | int]]
    likely: bool = False

    def mixed(self, name: str, schema: Schema) -> Schema:
        """Return a schema of what is there, and sometimes of what is not; else as it is."""
        found = list(self.values.get(name, ()))
        if found:
            return {"enum": found if self.likely else [*found, *_NOT_THERE[type(found[0])]]}
        return _SMALL if self.likely and schema.get("type") == "integer" else schema


def document(known: Known) -> dict[str, Any]:
    """Return the document of what is served."""
    served = {(route.method, route.template) for route in ROUTES} | set(USAGE_WRITES)
    paths: dict[str, dict[str, Any]] = {}
    for each in OPERATIONS:
        if (each.method, f"api/v2/{each.path}") in served:
            template, parameters = _path(each, known)
            query = list(_query(each, known))
            headers = [_KEY] if each.method == "POST" else []
            made: dict[str, Any] = {
                "operationId": each.name,
                "parameters": [*parameters, *query, *headers],
                "responses": {"default": {"description": "an answer"}},
            }
            if each.method == "POST":
                content = {FORM: {"schema": _form(each, known)}}
                made["requestBody"] = {"required": known.likely, "content": content}
            paths.setdefault(template, {})[each.method.lower()] = made
    info = {"title": "Postpaid, the Chargebee door", "version": "2"}
    return {"openapi": "3.1.0", "info": info, "paths": paths}


def _path(operation: Operation, known: Known) -> tuple[str, list[Schema]]:
    parts, parameters, before = [], [], ""
    for part in operation.path.split("/"):
        if part == "{}":
            parts.append(f"{{{before}}}")
            free = {"type": "string", "minLength": 1, "maxLength": 60, "pattern": "^[^/]+$"}
            mine = f"{operation.name} {before}" if known.likely else ""
            schema = known.mixed(mine, known.mixed(before, free))
            parameters.append({"name": before, "in": "path", "required": True, "schema": schema})
        else:
            parts.append(part)
            before = part
    return "/api/v2/" + "/".join(parts), parameters


def _query(operation: Operation, known: Known) -> Iterator[Schema]:
    for name, schema in _QUERIES.get(operation.name, {}).items():
        parameter = _parameter(name, known.mixed(f"{operation.name} {name}", schema))
        yield parameter | {"required": name == "id"}
    listed = LISTS.get(operation.name)
    if listed is None:
        return
    yield _parameter("limit", {"type": "integer", "minimum": 1, "maximum": 100})
    yield _parameter("offset", known.mixed(f"{operation.name} offset", _TEXT))
    for name in sorted(listed.flags):
        yield _parameter(name, _FLAG)
    if listed.sorts:
        for way in ("asc", "desc"):
            yield _parameter(f"sort_by[{way}]", {"enum": sorted(listed.sorts)})
    for name, kind in listed.kinds.items():
        for op in sorted(kind.value):
            yield _parameter(f"{name}[{op}]", _condition(name, kind, op, known))


def _condition(name: str, kind: Kind, op: str, known: Known) -> Schema:
    if op == "is_present" or kind is Kind.FLAG:
        return _FLAG
    if op in {"in", "not_in", "between"}:
        texts = ["['a', 'b']", "[a,b]", '["a", "b"]', "[\"it's\", 'b']", "[1, 2]", "['1', '2']"]
        return {"anyOf": [{"enum": texts}, {"type": "string", "pattern": r"^\[[a-z, ]+\]$"}]}
    plain = _WHOLE if kind in {Kind.STAMP, Kind.NUMBER} else _TEXT
    return known.mixed(name, plain)


def _parameter(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "required": False, "schema": schema}


def _form(operation: Operation, known: Known) -> Schema:
    if operation.name in _BARE:
        properties, required = _BARE[operation.name]
        flat = dict(properties)
    else:
        whole = PARAMS[operation.name].model_json_schema()
        flat = dict(_flat(whole, whole.get("$defs", {})))
        required = (*whole.get("required", ()), *_NEEDED.get(operation.name, ()))
    mixed = {
        name: known.mixed(f"{operation.name} {name}", known.mixed(_last(name), schema))
        for name, schema in flat.items()
    }
    whole_form = _object(mixed, required)
    if not known.likely or operation.name not in _SHAPES:
        return whole_form
    shapes = [
        _object(
            {n: each.only.get(n, v) for n, v in mixed.items() if not n.startswith(each.without)},
            (*required, *each.needed),
        )
        for each in _SHAPES[operation.name]
    ]
    return {"anyOf": shapes}


def _object(properties: Mapping[str, Schema], required: Sequence[str]) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def _last(name: str) -> str:
    """Return the member that a parameter is: `item_price_id` of `items[item_price_id][0]`."""
    parts = [part.rstrip("]") for part in name.split("[")]
    named = [part for part in parts if not part.isdecimal()]
    return named[-1] if len(named) == 1 or named[-1] != "id" else "[".join(named) + "]"


def _flat(whole: Schema, definitions: Mapping[str, Schema]) -> Iterator[tuple[str, Schema]]:
    for name, schema in whole.get("properties", {}).items():
        plain = _plain(schema, definitions)
        if plain.get("type") == "array":
            row = _plain(plain["items"], definitions)
            members = dict(_flat(row, definitions)) if "properties" in row else {}
            for place in range(ROWS):
                if not members:
                    yield f"{name}[{place}]", row
                for member, cell in members.items():
                    yield f"{name}[{member}][{place}]", cell
        elif "properties" in plain:
            for member, cell in _flat(plain, definitions):
                yield f"{name}[{member}]", cell
        else:
            yield name, plain


def _plain(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """Return a schema as a client sees it: no null, no reference, texts for what a form holds."""
    for alternatives in ("anyOf", "oneOf"):
        if alternatives in schema:
            [schema] = [each for each in schema[alternatives] if each.get("type") != "null"]
    if "$ref" in schema:
        return definitions[schema["$ref"].rpartition("/")[2]]
    if schema.get("type") == "boolean":
        return _FLAG
    if schema.get("format") == "date-time":
        return _WHOLE
    if schema.get("type") == "object" and "properties" not in schema:
        return {"enum": ['{"a": 1}', "{'a': {'b': None}}", "{}", "nothing"]}
    plain = {name: value for name, value in schema.items() if name not in {"title", "default"}}
    return plain | {"pattern": _PRINTED} if plain.get("pattern") == params._TEXT else plain
