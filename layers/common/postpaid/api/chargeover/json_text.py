"""JSON with money as numbers: exact, though nothing here computes in binary.

>>> json_text({"total": Decimal("28.05"), "lines": [Decimal("10.00"), None, True, "é"]})
'{"total":28.05,"lines":[10,null,true,"é"]}'
"""

import json
from collections.abc import Mapping
from decimal import Decimal

from postpaid.domain.quantity import decimal_text


def json_text(value: object) -> str:
    """Return a plain form as one line of JSON; a `Decimal` is written with all its digits."""
    match value:
        case None | bool() | int() | str():
            return json.dumps(value, ensure_ascii=False)
        case Decimal():
            return decimal_text(value)
        case Mapping():
            members = (f"{json_text(str(name))}:{json_text(each)}" for name, each in value.items())
            return f"{{{','.join(members)}}}"
        case list() | tuple():
            return f"[{','.join(map(json_text, value))}]"
    raise TypeError(f"{type(value).__name__} is no JSON")
