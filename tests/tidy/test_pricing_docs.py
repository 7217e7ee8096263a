"""Every worked example of the pricing models gives the amount that the page says."""

import json
import re
from pathlib import Path

import pytest

from postpaid.application.rate_line import rate_line
from postpaid.domain.pricing import PRICING_MODELS
from postpaid.domain.quantity import decimal_text

PAGE = (Path(__file__).parents[2] / "docs" / "pricing-models.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(
    r"^### (.+?)\n.*?```json\n(.+?)\n```\n\n\*\*([0-9.]+)\*\*", PAGE, re.DOTALL | re.MULTILINE
)


@pytest.mark.parametrize(("name", "line", "amount"), EXAMPLES, ids=[e[0] for e in EXAMPLES])
def test_a_worked_example_gives_the_amount_it_says(name: str, line: str, amount: str) -> None:
    asked = json.loads(line)

    exact = rate_line(asked["pricing"], asked.get("quantity"), asked.get("usages"))

    assert decimal_text(exact) == amount


@pytest.mark.parametrize("kind", [*PRICING_MODELS, "capacity"])
def test_every_model_has_a_worked_example(kind: str) -> None:
    assert kind in {name for name, _, _ in EXAMPLES}
