"""Bodies of the native door, as pydantic models: shape and size here, meaning in the use cases."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from postpaid.domain.bounds import AmountBounds
from postpaid.domain.errors import Invalid
from postpaid.domain.line import LINES_MAX
from postpaid.domain.money import MINOR_UNITS, check_currency
from postpaid.domain.one_time import COMMENT_LENGTH_MAX
from postpaid.domain.payment import parse_payment
from postpaid.domain.quantity import parse_amount
from postpaid.domain.series import SERIES_MAX, Series
from postpaid.domain.site import AFTER_HOURS_MAX, Address, ClosingMode, ClosingPolicy
from postpaid.domain.subscription import CYCLES_MAX, USAGE_RECORDS_MOST, USAGE_SHARDS_MAX
from postpaid.domain.tax import RATES_MAX, TaxRate, TaxRates

ADDRESS_LINES_MAX = 8

# Text for people: no control characters and no marks that reorder what is written around them.
Text = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        min_length=1,
        max_length=250,
        pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+$",
    ),
]
Email = Annotated[
    str,
    StringConstraints(
        max_length=254,
        pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$",
    ),
]
Prefix = Annotated[str, StringConstraints(max_length=20, pattern=r"^[\x20-\x7e]*$")]
Number = str | int | Decimal
Late = Literal["supplement", "refuse", "store_only"]
RecordsMax = Annotated[int, Field(ge=1, le=USAGE_RECORDS_MOST)]


class Body(BaseModel):
    """A request body: unknown fields and silent conversions are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True)


class Nothing(Body):
    """A body without fields, where none is expected."""


class ClosingBody(Body):
    """`{"mode": "auto", "after_hours": 24}`."""

    mode: Literal["auto", "manual"]
    after_hours: int = Field(default=0, ge=0, le=AFTER_HOURS_MAX)

    def policy(self) -> ClosingPolicy:
        """Return the closing policy it says."""
        return ClosingPolicy(ClosingMode(self.mode), self.after_hours)


class RateBody(Body):
    """One tax."""

    name: Annotated[Text, StringConstraints(max_length=50)]
    percent: Number


class TaxBody(Body):
    """`{"rates": [{"name": "VAT", "percent": "20"}], "inclusive": false}`."""

    rates: list[RateBody] = Field(min_length=1, max_length=RATES_MAX)
    inclusive: bool = False


def tax_of(body: TaxBody | None) -> TaxRates | None:
    """Return the tax rates of a body that may be absent."""
    if body is None:
        return None
    rates = (
        TaxRate(rate.name, parse_amount(rate.percent, f"tax.rates[{index}].percent"))
        for index, rate in enumerate(body.rates)
    )
    return TaxRates(tuple(rates), body.inclusive)


class PartyBody(Body):
    """How a party is named on documents."""

    name: Text
    address: list[Text] = Field(default_factory=list, max_length=ADDRESS_LINES_MAX)
    email: Email | None = None
    tax_id: Annotated[Text, StringConstraints(max_length=50)] | None = None

    def party(self) -> Address:
        """Return the address it says."""
        return Address(
            name=self.name, lines=tuple(self.address), email=self.email, tax_id=self.tax_id
        )


def policy_of(body: ClosingBody | None) -> ClosingPolicy | None:
    """Return the closing policy of a body that may be absent."""
    return None if body is None else body.policy()


class LineBody(Body):
    """One line of a new subscription."""

    item_price_id: str
    id: str | None = None
    quantity: Number | None = None
    pricing: dict[str, Any] | None = None
    usage_url: str | None = None


class CadenceBody(Body):
    """`{"unit": "month", "count": 1, "anchor": "start"}`."""

    unit: str = "month"
    count: int = 1
    anchor: Literal["start", "calendar"] = "start"


class SubscriptionBody(Body):
    """`POST /v1/subscriptions`."""

    id: str | None = None
    customer_id: str
    timezone: str | None = None
    start: str | None = None
    trial_end: str | None = None
    cycles: int | None = Field(default=None, ge=1, le=CYCLES_MAX)
    hold_until: str | None = None
    late_usage: Late | None = None
    usage_records_max: RecordsMax | None = None
    cadence: CadenceBody = Field(default_factory=CadenceBody)
    prorate: bool = True
    usage_shards: int = Field(default=1, ge=1, le=USAGE_SHARDS_MAX)
    lines: list[LineBody] = Field(min_length=1, max_length=LINES_MAX)
    closing: ClosingBody | None = None
    opening_pending: bool = False
    series: str | None = None


class SubscriptionChange(Body):
    """`PATCH /v1/subscriptions/{id}`.

    `closing` and `series` null go back to the customer's or the site's, `hold_until` or
    `usage_records_max` null lifts it, `usage_urls` null of a line takes its URL away.
    `usage_shards` is here to be refused by a reason of its own.
    """

    closing: ClosingBody | None = None
    series: str | None = None
    hold_until: str | None = None
    timezone: str | None = None
    late_usage: Late | None = None
    usage_records_max: RecordsMax | None = None
    usage_shards: object = None
    usage_urls: dict[str, str | None] | None = Field(default=None, max_length=LINES_MAX)


class LineChangeBody(Body):
    """One line of a change: `{"action": "change", "id": "seats", "quantity": 5}`.

    `pricing` null goes back to what the item price says.
    """

    action: Literal["add", "change", "remove"]
    id: str | None = None
    item_price_id: str | None = None
    quantity: Number | None = None
    pricing: dict[str, Any] | None = None


class ChangesBody(Body):
    """`POST /v1/subscriptions/{id}/changes`."""

    effective: str | None = None
    changes: list[LineChangeBody] = Field(min_length=1, max_length=LINES_MAX)


class CancelBody(Body):
    """`POST /v1/subscriptions/{id}/cancel`."""

    at: str = "term_end"
    credit_unused: bool = False


class SuspendBody(Body):
    """`POST /v1/subscriptions/{id}/suspend`."""

    since: str | None = Field(default=None, alias="from")
    until: str | None = Field(default=None, alias="to")


class ResumeBody(Body):
    """`POST /v1/subscriptions/{id}/resume`."""

    at: str | None = None


class InvoiceNowBody(Body):
    """`POST /v1/subscriptions/{id}/invoice-now`."""

    close: bool = True
    without_usage_urls: bool = False


class CloseBody(Body):
    """`POST /v1/invoices/{id}/close`."""

    accept_bounds: bool = False
    without_usage_urls: bool = False


class VoidBody(Body):
    """`POST /v1/invoices/{id}/void`."""

    reason: Text | None = None


class DeleteBody(Body):
    """`POST /v1/invoices/{id}/delete`."""

    reason: Text | None = None


class PaymentBody(Body):
    """`POST /v1/invoices/{id}/payments`."""

    id: str | None = None
    amount: Number
    paid_on: str | None = None
    method: Annotated[Text, StringConstraints(max_length=50)] | None = None
    reference: Annotated[Text, StringConstraints(max_length=100)] | None = None


class ChargeBody(Body):
    """`POST /v1/invoices/{id}/charges`."""

    id: str | None = None
    item_price_id: str
    quantity: Number | None = None
    pricing: dict[str, Any] | None = None
    start: str | None = Field(default=None, alias="from")
    end: str | None = Field(default=None, alias="to")
    comment: Annotated[Text, StringConstraints(max_length=COMMENT_LENGTH_MAX)] | None = None


class ChangeCadenceBody(CadenceBody):
    """`POST /v1/subscriptions/{id}/cadence`."""

    at: Literal["now", "term_end"] = "term_end"
    cycles: int | None = Field(default=None, ge=1, le=CYCLES_MAX)
    changes: list[LineChangeBody] = Field(default_factory=list, max_length=LINES_MAX)


class BoundsBody(Body):
    """`{"highest_totals": {"USD": "10000.00"}, "median_factor": "5"}`; what is left out is off."""

    highest_totals: dict[str, Number] = Field(default_factory=dict, max_length=len(MINOR_UNITS))
    median_factor: Number | None = None

    def bounds(self) -> AmountBounds:
        """Return the bounds it says."""
        factor = self.median_factor
        highest = []
        for code in sorted(self.highest_totals):
            field = f"bounds.highest_totals.{code[:20]}"
            currency = check_currency(code, field)
            highest.append(parse_payment(self.highest_totals[code], currency, field))
        return AmountBounds(
            tuple(highest),
            None if factor is None else parse_amount(factor, "bounds.median_factor"),
        )


class SeriesBody(Body):
    """A series of invoice numbers."""

    id: str
    number_prefix: Prefix

    def named(self) -> Series:
        """Return the series it says."""
        return Series(self.id, self.number_prefix)


class SiteChange(Body):
    """`PATCH /v1/site`."""

    timezone: str | None = None
    currency: str | None = None
    closing: ClosingBody | None = None
    seller: PartyBody | None = None
    aggregation: Literal["sum", "last", "max"] | None = None
    tax_rounding: Literal["line", "total"] | None = None
    late_usage: Late | None = None
    usage_records_max: RecordsMax | None = None
    bounds: BoundsBody | None = None
    number_prefix: Prefix | None = None
    series: list[SeriesBody] | None = Field(default=None, min_length=1, max_length=SERIES_MAX)


def read[Model: BaseModel](model: type[Model], body: Mapping[str, Any]) -> Model:
    """Read a body; raises `Invalid` for its first mistake, with all of them in `errors`."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        mistakes = [_mistake(each["type"], each["loc"], each["msg"]) for each in error.errors()]
        first = mistakes[0]
        raise Invalid(
            first["code"],
            first["detail"],
            field=first["field"],
            details={"errors": mistakes} if len(mistakes) > 1 else None,
        ) from None


def _mistake(kind: str, place: tuple[int | str, ...], message: str) -> dict[str, str]:
    code = {"missing": "missing_field", "extra_forbidden": "unknown_field"}.get(
        kind, "invalid_field"
    )
    if kind == "string_pattern_mismatch":
        message = "has a form or characters that are not accepted here"
    detail = {"missing_field": "is required", "unknown_field": "is not a field here"}.get(
        code, message
    )
    path = ""
    for index, part in enumerate(place, start=1):
        is_name = code == "unknown_field" and index == len(place)
        if isinstance(part, int):
            path += f"[{part}]"
        elif is_name or part not in _UNION_TAGS:
            path += f".{part}" if path else part
    return {"code": code, "field": path[:200], "detail": detail}


# pydantic names the member of a union it tried; a client knows only the field.
_UNION_TAGS = frozenset({"str", "int", "decimal", "is-instance[Decimal]", "constrained-str"})
