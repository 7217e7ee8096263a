"""JSON with money as numbers: exact, though nothing here computes in binary.

>>> json_text({"total": Decimal("28.05"), "lines": [Decimal("10.00"), None, True, "é"]})
'{"total":28.05,"lines":[10,null,true,"é"]}'
"""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal

from postpaid.domain.quantity import decimal_text


def json_text(value: object, number: Callable[[Decimal], str] = decimal_text) -> str:
    """Return a plain form as one line of JSON; a `Decimal` is written with all its digits.

    *number* writes it otherwise.
    """
    match value:
        case None | bool() | int() | str():
            return json.dumps(value, ensure_ascii=False)
        case Decimal():
            return number(value)
        case Mapping():
            members = (
                f"{json_text(str(name))}:{json_text(each, number)}" for name, each in value.items()
            )
            return f"{{{','.join(members)}}}"
        case list() | tuple():
            return f"[{','.join(json_text(each, number) for each in value)}]"
    raise TypeError(f"{type(value).__name__} is no JSON")
