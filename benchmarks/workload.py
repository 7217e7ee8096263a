"""What is rated: eight item prices, and usages of them as texts, as a store returns them."""

import random
from typing import Any

CURRENCY = "USD"
QUANTITY_PLACES = 3
PRICE_PLACES = 4
CENTS_PLACES = 2

PRICES: dict[str, dict[str, Any]] = {
    "seat": {"pricing_model": "flat_fee", "amount": "10"},
    "minute": {"pricing_model": "per_unit", "unit_amount": "0.05"},
    "byte": {"pricing_model": "per_unit", "unit_amount": "0.0017"},
    "call": {
        "pricing_model": "tiered",
        "tiers": [
            {"up_to": "5000", "unit_amount": "0.1"},
            {"up_to": "10000", "unit_amount": "0.08", "flat_amount": "5"},
            {"up_to": None, "unit_amount": "0.0555"},
        ],
    },
    "query": {
        "pricing_model": "tiered",
        "tiers": [
            {"up_to": "8000", "unit_amount": "0.0001"},
            {"up_to": None, "unit_amount": "0.0333", "flat_amount": "1.5"},
        ],
    },
    "message": {
        "pricing_model": "volume",
        "tiers": [
            {"up_to": "6000", "unit_amount": "0.1"},
            {"up_to": "12000", "unit_amount": "0.0725", "flat_amount": "2"},
            {"up_to": None, "unit_amount": "0.05"},
        ],
    },
    "report": {
        "pricing_model": "stairstep",
        "tiers": [
            {"up_to": "4000", "flat_amount": "20"},
            {"up_to": "12000", "flat_amount": "99.99"},
            {"up_to": None, "flat_amount": "250"},
        ],
    },
    "token": {"pricing_model": "package", "amount": "1.25", "package_size": "1000"},
}

# A usage: invoice number, line, quantity.
type Row = tuple[int, str, str]


def make_rows(invoices: int, usages: int) -> list[Row]:
    """Make the same rows every time, an invoice's side by side, as the store has them."""
    chance = random.Random(20261001)  # noqa: S311 - nothing secret
    lines = list(PRICES)
    return [
        (n * invoices // usages, chance.choice(lines), _quantity(chance)) for n in range(usages)
    ]


def _quantity(chance: random.Random) -> str:
    whole, part = divmod(chance.randrange(1, 2_000_000), 10**QUANTITY_PLACES)
    return f"{whole}.{part:0{QUANTITY_PLACES}d}"
