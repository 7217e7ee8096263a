"""What is sent to a usage URL, and what is read of its answer: the shapes of ChargeOver."""

import json
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from postpaid.application.pull_usage import Unanswered
from postpaid.domain.asking import Question
from postpaid.domain.errors import Invalid
from postpaid.domain.instants import zone
from postpaid.domain.quantity import parse_amount

# The vendor's own sample of such an endpoint spells it with three m.
_KEYS = ("usage_amount", "usage_ammount")
_SECOND = timedelta(seconds=1)
_DIGITS_PLAIN = 18


def question_body(question: Question) -> bytes:
    """Return what is sent: of whom, which line, its first and last second, and our token."""
    customer, subscription, line = question.customer, question.subscription, question.line
    body = {
        "customer": {
            "customer_id": customer.number,
            "external_key": customer.id,
            "company": customer.address.name,
        },
        "package": {
            "package_id": subscription.number,
            "external_key": subscription.id,
            "customer_id": customer.number,
        },
        "this_line_item": {
            "line_item_id": line.number,
            "external_key": line.id,
            "item_external_key": line.item_id,
            "item_name": line.name,
        },
        "from_datetime": _shown(question.period.start, question),
        "to_datetime": _shown(question.period.end - _SECOND, question),
        "security_token": question.security_token,
    }
    return json.dumps(body).encode("ascii")


def read_answer(body: bytes) -> Decimal:
    """Read how much was used; no line item is nothing. Raises `Unanswered`."""
    answer = _json(body)
    items = answer.get("line_items") if isinstance(answer, dict) else None
    if not isinstance(items, list) or not all(isinstance(each, dict) for each in items):
        raise Unanswered("answered without a list of line_items")
    if len(items) > 1:
        # It was asked about one line; what is told of others must not be added to it.
        raise Unanswered("answered with more than one line item")
    return _amount(items[0]) if items else Decimal(0)


def _amount(item: dict[str, Any]) -> Decimal:
    said = [item[key] for key in _KEYS if key in item]
    if not said:
        raise Unanswered("answered without a usage_amount")
    try:
        amounts = {parse_amount(each, _KEYS[0]) for each in said}
    except Invalid as wrong:
        raise Unanswered(f"answered with a usage_amount that {wrong.message}") from None
    if len(amounts) > 1:
        raise Unanswered("answered with two different amounts")
    return amounts.pop()


def _json(body: bytes) -> object:
    try:
        return json.loads(
            body.decode("utf-8"),
            parse_float=_number,
            parse_int=_number,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError):
        raise Unanswered("answered with what is not JSON") from None


def _number(text: str) -> int | Decimal:
    if len(text) <= _DIGITS_PLAIN and text.lstrip("-").isdigit():
        return int(text)
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("NaN")  # an exponent beyond any range; it will be refused as a number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _shown(instant: datetime, question: Question) -> str:
    return instant.astimezone(zone(question.site.timezone)).isoformat()
