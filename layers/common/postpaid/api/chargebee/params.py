"""Parameters of this door's operations, as pydantic models: what form they have, and how large."""

import json
import re
from ast import literal_eval
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    ValidationError,
)

from postpaid.api.chargebee.forms import Form
from postpaid.domain.errors import BillingError, Invalid
from postpaid.domain.instants import YEAR_MAX, YEAR_MIN

METADATA_BYTES_MAX = 4096
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_FIRST = int(datetime(YEAR_MIN, 1, 1, tzinfo=UTC).timestamp())
_LAST = int(datetime(YEAR_MAX + 1, 1, 1, tzinfo=UTC).timestamp())
# No control characters, and no marks that reorder what is written around them; lines may break.
_TEXT = r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+$"


def _whole(value: Any) -> Any:
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    if value is None:
        return None
    raise ValueError("must be a whole number")


def _flag(value: Any) -> Any:
    if value in {"true", "false"}:
        return value == "true"
    if value is None:
        return None
    raise ValueError("must be true or false")


def _metadata(value: Any) -> Any:
    """Read a mapping as JSON text: from JSON, or a literal of Python, as its SDK writes a dict."""
    if value is None:
        return None
    if not isinstance(value, str) or len(value.encode()) > METADATA_BYTES_MAX:
        raise ValueError(f"must be a JSON object of at most {METADATA_BYTES_MAX} bytes")
    for read in (json.loads, literal_eval):
        try:
            found = read(value)
            text = json.dumps(found, ensure_ascii=False, allow_nan=False)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(found, dict):
            return text
    raise ValueError("must be a JSON object")


def _stamp(value: Any) -> Any:
    if value is None or isinstance(value, datetime):
        return value
    if not _FIRST <= (value := _whole(value)) < _LAST:
        raise ValueError(f"must be seconds since 1970 within the years {YEAR_MIN} to {YEAR_MAX}")
    return datetime.fromtimestamp(value, UTC)


Whole = Annotated[int, BeforeValidator(_whole)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Stamp = Annotated[datetime, BeforeValidator(_stamp)]
# Kept as text: what a client keeps for itself comes back to the last digit.
Metadata = Annotated[str, BeforeValidator(_metadata)]
Digits = Annotated[str, StringConstraints(max_length=39, pattern=r"^[0-9]+(\.[0-9]+)?$")]
Id = Annotated[str, StringConstraints(max_length=100)]
Id50 = Annotated[str, StringConstraints(max_length=50)]
Text30 = Annotated[str, StringConstraints(max_length=30, pattern=_TEXT)]
Text50 = Annotated[str, StringConstraints(max_length=50, pattern=_TEXT)]
Text100 = Annotated[str, StringConstraints(max_length=100, pattern=_TEXT)]
Text150 = Annotated[str, StringConstraints(max_length=150, pattern=_TEXT)]
Text250 = Annotated[str, StringConstraints(max_length=250, pattern=_TEXT)]
Text300 = Annotated[str, StringConstraints(max_length=300, pattern=_TEXT)]
Text500 = Annotated[str, StringConstraints(max_length=500, pattern=_TEXT)]
Text2000 = Annotated[str, StringConstraints(max_length=2000, pattern=_TEXT)]


class Params(BaseModel):
    """The parameters of an operation, or a row of some.

    *refused* are those of Chargebee's that this door knows and does not serve, and why. A parameter
    that is neither is refused as well: nothing that is sent is silently dropped.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    def given(self) -> set[str]:
        """Return the names that were sent, with an empty value too."""
        return self.model_fields_set

    def said(self, names: Iterable[str]) -> dict[str, Any]:
        """Return what was sent of some names, None for an empty value."""
        return {name: getattr(self, name) for name in names if name in self.given()}


NOT_KEPT = "is not kept here"
NO_PAYMENTS = "nothing is collected here: card, bank and payment data are refused, and never stored"
NO_TAXES = "taxes are set in the native API"


def read[Model: Params](
    model: type[Model], form: Form, *, refused: Mapping[str, str] | None = None
) -> Model:
    """Read a form; raises `Invalid` naming the parameter as it was sent.

    *refused* names parameters that cannot be served, and why: by their first part, or by the
    member of a row, `subscription_items[trial_end]`.
    """
    plain = form.plain()
    for name, why in (refused or {}).items():
        if plain.get(name) is not None:
            raise Invalid("not_supported", why, field=name)
    known = {name: value for name, value in plain.items() if name not in (refused or {})}
    try:
        return model.model_validate(known)
    except ValidationError as error:
        first = error.errors()[0]
        named = [each for each in first["loc"] if each not in _UNION_TAGS]
        reason = (refused or {}).get(_general(named))
        if first["type"] == "extra_forbidden" and reason is not None:
            raise Invalid("not_supported", reason, field=form.spelled(named)) from None
        raise _mistake(form, first["type"], named, first["msg"]) from None


def _general(place: Sequence[int | str]) -> str:
    """Return the name of a member, of whatever row: `subscription_items[trial_end]`."""
    name, *rest = (str(part) for part in place if not isinstance(part, int))
    return name + "".join(f"[{part}]" for part in rest)


def _mistake(form: Form, kind: str, named: Sequence[int | str], message: str) -> BillingError:
    field = form.spelled(named)[:200]
    if kind == "missing":
        return Invalid("missing_field", "is required", field=field)
    if kind == "extra_forbidden":
        return Invalid("unknown_field", "is not a parameter that is known here", field=field)
    if kind == "string_pattern_mismatch":
        message = "has a form or characters that are not accepted here"
    return Invalid("invalid_field", message.removeprefix("Value error, "), field=field)


_UNION_TAGS = frozenset({"constrained-str", "function-before", "dict", "int", "str"})


class Nothing(Params):
    """An operation without parameters."""
