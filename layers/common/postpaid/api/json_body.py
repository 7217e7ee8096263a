"""JSON bodies, read strictly: what two readers could take for different things is refused."""

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from postpaid.domain.errors import Malformed
from postpaid.domain.quantity import decimal_text

BODY_BYTES_MAX = 1_048_576
_INTEGER_DIGITS_PLAIN = 18
_TEXT_DIGITS_MAX = 100


def read_json_object(
    body: bytes, headers: Mapping[str, str], *, bytes_max: int = BODY_BYTES_MAX
) -> dict[str, Any]:
    """Read a JSON object (RFC 8259), by default up to 1 MiB; numbers are int or exact `Decimal`.

    Raises `Malformed`: `unsupported_media_type`, `payload_too_large`, or `malformed_request` for
    anything that is not one JSON object in UTF-8 with every name once (RFC 7493).
    """
    if len(body) > bytes_max:
        raise Malformed("payload_too_large", f"the body has more than {bytes_max} bytes")
    media_type, _, parameters = headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower()
    if media_type.strip().lower() != "application/json" or charset not in {
        "",
        "charset=utf-8",
        'charset="utf-8"',
    }:
        raise Malformed("unsupported_media_type", "the content type must be application/json")
    if headers.get("content-encoding", "identity") != "identity":
        raise Malformed("unsupported_media_type", "the body must not be compressed")
    return parse_json(body)


def parse_json(body: bytes, what: str = "the body") -> dict[str, Any]:
    """Read one JSON object, however it came; *what* it is called in refusals.

    Raises `Malformed` with code `malformed_request`.
    """
    value = parse_any_json(body, what)
    if not isinstance(value, dict):
        raise Malformed("malformed_request", f"{what} must be a JSON object")
    return value


def parse_any_json(body: bytes, what: str) -> Any:
    """Read any one JSON value, else as `parse_json`."""
    try:
        text = body.decode("utf-8")
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_float=_number,
            parse_int=_number,
            parse_constant=_no_constant,
        )
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False, default=str).encode()  # lone surrogates
    except UnicodeError:
        raise Malformed("malformed_request", f"{what} is not valid UTF-8 text") from None
    except RecursionError:
        raise Malformed("malformed_request", f"{what} is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise Malformed(
            "malformed_request", f"{what} is not JSON: {error.msg} at character {error.pos}"
        ) from None
    return value


def number_text(value: int | Decimal) -> str | None:
    """Print a number of a body where a text is wanted; None for one that no text is meant by.

    Printing 1E+999999999 in full would take a gigabyte: its size alone refuses it.
    """
    number = Decimal(value)
    if not number.is_finite() or not -_TEXT_DIGITS_MAX < number.adjusted() < _TEXT_DIGITS_MAX:
        return None
    return decimal_text(number)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names: dict[str, Any] = {}
    for name, value in pairs:
        if name in names:
            shown = name[:100].encode(errors="replace").decode()  # it may hold a lone surrogate
            raise Malformed("malformed_request", "the name is given twice", field=shown)
        names[name] = value
    return names


def _number(text: str) -> int | Decimal:
    if len(text) <= _INTEGER_DIGITS_PLAIN and text.lstrip("-").isdigit():
        return int(text)
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("NaN")  # an exponent beyond any range; its field will be refused by name


def _no_constant(name: str) -> NoReturn:
    raise Malformed("malformed_request", f"{name} is not JSON")
