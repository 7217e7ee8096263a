"""Bodies of this door, as pydantic models: numbers may be texts and texts numbers, as clients do.

A body that is missing, `null`, `{}` or the text `""` says nothing: what sends an action does so.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, ValidationError

from postpaid.api.chargeover.requests import NO_DATA, NOTHING
from postpaid.api.http import Request
from postpaid.api.json_body import BODY_BYTES_MAX, number_text, parse_any_json, parse_json
from postpaid.domain.errors import Invalid, Malformed
from postpaid.domain.quantity import parse_amount, parse_decimal

NOT_KEPT = "is not kept here: leave it out"
_TEXT = r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]*$"
_WHOLE_DIGITS_MAX = 18
_FLAGS = {"1": True, "true": True, "0": False, "false": False, "": False}


def _whole(value: Any) -> Any:
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        value = int(value)
    # By its size first: to write 1E+999999999 out as an integer would take minutes.
    if isinstance(value, Decimal) and value.is_finite() and value.adjusted() < _WHOLE_DIGITS_MAX:
        value = int(value) if value == value.to_integral_value() else value
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise ValueError("must be a whole number")


def _flag(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    found = _FLAGS.get(str(value).strip().lower())
    if found is None:
        raise ValueError("must be true or false")
    return found


def _text(value: Any) -> Any:
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        text = number_text(value)
        if text is None:
            raise ValueError("has too many digits")
        return text
    return value


def _amount(value: Any) -> Any:
    """Read an amount of money in major units; the vendor sends numbers, others texts."""
    if value is None:
        return None
    try:
        return parse_amount(value, "")
    except Invalid as error:
        raise ValueError(error.message) from None


def _decimal(value: Any) -> Any:
    if value is None:
        return None
    try:
        return parse_decimal(value, "")
    except Invalid as error:
        raise ValueError(error.message) from None


Whole = Annotated[int, BeforeValidator(_whole)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Amount = Annotated[Decimal, BeforeValidator(_amount)]
Number = Annotated[Decimal, BeforeValidator(_decimal)]
Text = Annotated[str, BeforeValidator(_text), StringConstraints(max_length=250, pattern=_TEXT)]
Long = Annotated[str, BeforeValidator(_text), StringConstraints(max_length=2000, pattern=_TEXT)]
# Our ids: the vendor's external keys are these, so that every door knows a thing by the same name.
Key = Annotated[str, BeforeValidator(_text), StringConstraints(max_length=100)]


class Fields(BaseModel):
    """The fields of an object; one that nobody knows is refused, so that none is lost unseen."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    def given(self) -> set[str]:
        """Return the names that were sent."""
        return self.model_fields_set

    def said(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Return what was sent of some names."""
        return {name: getattr(self, name) for name in names if name in self.given()}


def read_body(request: Request) -> dict[str, Any]:
    """Read a body, whatever its content type says; {} where it says nothing. Raises `Malformed`."""
    if len(request.body) > BODY_BYTES_MAX:
        raise Malformed("malformed_request", f"The body has more than {BODY_BYTES_MAX} bytes.")
    if request.body.strip() in NOTHING:
        return {}
    return parse_json(request.body, "The body")


def read_list(request: Request) -> list[Any]:
    """Read a body that is an array; raises `Malformed`."""
    if len(request.body) > BODY_BYTES_MAX:
        raise Malformed("malformed_request", f"The body has more than {BODY_BYTES_MAX} bytes.")
    if request.body.strip() in NOTHING:
        raise Malformed("malformed_request", NO_DATA)
    value = parse_any_json(request.body, "The body")
    if not isinstance(value, list):
        raise Malformed("malformed_request", "The body must be a JSON array")
    return value


def read_fields[Model: Fields](
    model: type[Model],
    plain: Mapping[str, Any],
    *,
    refused: Mapping[str, str] | None = None,
    prefix: str = "",
) -> Model:
    """Read an object's fields; raises `Invalid` or `Malformed` naming the field.

    *refused* names fields that cannot be served, and why; one that is null, false, 0 or empty asks
    for nothing and passes.
    """
    refused = refused or {}
    for name, why in refused.items():
        if plain.get(name) not in (None, "", 0, False, [], {}):
            raise Invalid("not_supported", why, field=f"{prefix}{name}")
    try:
        return model.model_validate({n: v for n, v in plain.items() if n not in refused})
    except ValidationError as error:
        raise _mistake(error, prefix) from None


def _mistake(error: ValidationError, prefix: str) -> Invalid:
    first = error.errors()[0]
    field = (prefix + _spelled(first["loc"]))[:200]
    match first["type"]:
        case "missing":
            return Invalid("missing_field", "is required", field=field)
        case "extra_forbidden":
            return Invalid("unknown_field", "is not a field that is known here", field=field)
        case "string_pattern_mismatch":
            message = "has a form or characters that are not accepted here"
        case "too_long":
            message = f"must have at most {first['ctx']['max_length']} characters"
        case _:
            message = first["msg"].removeprefix("Value error, ")
    return Invalid("invalid_field", message, field=field)


def read_new(request: Request) -> dict[str, Any]:
    """Read the body of what creates or changes a thing, which must say something."""
    plain = read_body(request)
    if not plain:
        raise Malformed("malformed_request", NO_DATA)
    return plain


def _spelled(place: tuple[int | str, ...]) -> str:
    named = [str(part) for part in place if part not in _UNION_TAGS]
    return ".".join(named)


_UNION_TAGS = frozenset({"constrained-str", "function-before", "dict", "int", "str"})
