"""What is sold in the soak, to whom, and when its terms fall: what is known beforehand.

Nothing here is shared with the product: terms and prices are reckoned a second time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

CLOCK = "2026-03-02T00:00:00Z"  # the clocks of New York and Berlin change in the weeks that follow
_MONDAY = date(2026, 3, 2)
_WEEK = timedelta(days=7)
_ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata")
# By itself when the term ends, by itself a day or two later, or by request.
_CLOSINGS: tuple[dict[str, Any], ...] = (
    {"mode": "auto", "after_hours": 0},
    {"mode": "auto", "after_hours": 36},
    {"mode": "manual"},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """An item at a price; *tiers* are pairs of an upper bound, None for the last, and an amount."""

    id: str
    model: str
    tiers: tuple[tuple[str | None, str], ...]
    base_fee: str | None = None
    tax_percent: str | None = None
    events: bool = False

    def item(self) -> dict[str, Any]:
        """Return the body that makes its item."""
        recording = "events" if self.events else "one_per_date"
        named = {"id": f"{self.id}-item", "name": self.id, "unit": "unit"}
        return {**named, "metered": True, "recording": recording}

    def body(self) -> dict[str, Any]:
        """Return the body that makes it."""
        body: dict[str, Any] = {"id": self.id, "item_id": f"{self.id}-item", "currency": "USD"}
        body["pricing_model"] = self.model
        if self.model == "per_unit":
            body["unit_amount"] = self.tiers[0][1]
        else:
            body["tiers"] = [{"up_to": bound, "unit_amount": each} for bound, each in self.tiers]
        if self.base_fee is not None:
            body["base_fee"] = self.base_fee
        if self.tax_percent is not None:
            rate = {"name": "VAT", "percent": self.tax_percent}
            body["tax"] = {"rates": [rate], "inclusive": False}
        return body


CALLS = Price(id="calls", model="per_unit", tiers=((None, "0.05"),), base_fee="10.00")
DATA = Price(id="data", model="tiered", tiers=(("100", "0.10"), ("400", "0.08"), (None, "0.05")))
JOBS = Price(
    id="jobs",
    model="volume",
    tiers=(("60", "0.20"), ("250", "0.15"), (None, "0.11")),
    base_fee="3.33",
)
TEXTS = Price(id="texts", model="per_unit", tiers=((None, "0.013"),), tax_percent="19", events=True)
PRICES = (CALLS, DATA, JOBS, TEXTS)
_OFFERS = ((CALLS,), (DATA,), (JOBS,), (TEXTS,), (CALLS, DATA))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A subscription as it was asked for: weekly terms from a date on; a line for each price."""

    id: str
    zone: ZoneInfo
    start: date
    prices: tuple[Price, ...]
    closing: Mapping[str, Any]
    late: str = "supplement"

    @property
    def customer_id(self) -> str:
        """Its customer, who has no other, so that its credit is its own."""
        return f"{self.id}-customer"

    def price(self, line_id: str) -> Price:
        """Return the price of a line; the line has its price's id."""
        return next(each for each in self.prices if each.id == line_id)

    def at(self, day: date, hour: int = 0) -> str:
        """Return an hour of a day there as an instant in UTC."""
        local = datetime.combine(day, time(hour), self.zone)
        return local.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def terms(self) -> Iterator[tuple[str, str]]:
        """Yield where its terms begin and end, one after another, for ever."""
        start = self.start
        while True:
            yield self.at(start), self.at(start + _WEEK)
            start += _WEEK

    def body(self) -> dict[str, Any]:
        """Return the body that makes it."""
        return {
            "id": self.id,
            "customer_id": self.customer_id,
            "timezone": self.zone.key,
            "start": self.start.isoformat(),
            "cadence": {"unit": "week", "count": 1},
            "lines": [{"item_price_id": each.id} for each in self.prices],
            "closing": dict(self.closing),
            "late_usage": self.late,
        }


def plans(count: int) -> dict[str, Plan]:
    """Return that many subscriptions, whose terms end on all days of the week."""
    made = (
        Plan(
            id=f"sub-{number:02d}",
            zone=ZoneInfo(_ZONES[number % len(_ZONES)]),
            start=_MONDAY - timedelta(days=1 + number % 7),
            prices=_OFFERS[number % len(_OFFERS)],
            closing=_CLOSINGS[number % len(_CLOSINGS)],
            late="refuse" if number % 10 == 9 else "supplement",
        )
        for number in range(count)
    )
    return {plan.id: plan for plan in made}
