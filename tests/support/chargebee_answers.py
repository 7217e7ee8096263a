"""What the Chargebee door answers with, as models: which attributes, of what form and length.

The same facts as Chargebee's published interface, for the attributes that this door shows; a test
compares the two. They are stricter: what is not here is not shown, and nothing is null.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Text20 = Annotated[str, StringConstraints(max_length=20)]
Text30 = Annotated[str, StringConstraints(max_length=30)]
Text33 = Annotated[str, StringConstraints(max_length=33)]
Text39 = Annotated[str, StringConstraints(max_length=39)]
Text40 = Annotated[str, StringConstraints(max_length=40)]
Text50 = Annotated[str, StringConstraints(max_length=50)]
Text100 = Annotated[str, StringConstraints(max_length=100)]
Text250 = Annotated[str, StringConstraints(max_length=250)]
Text500 = Annotated[str, StringConstraints(max_length=500)]
Text1000 = Annotated[str, StringConstraints(max_length=1000)]
Text2000 = Annotated[str, StringConstraints(max_length=2000)]
Currency = Annotated[str, StringConstraints(max_length=3)]
# Chargebee writes int32 and int64; what says neither here may be as large as the latter.
Int32 = Annotated[int, Field(ge=-(2**31), lt=2**31, strict=True, json_schema_extra={"bits": 32})]
Int = Annotated[int, Field(ge=-(2**63), lt=2**63, strict=True)]
Flag = Annotated[bool, Field(strict=True)]

# Of an attribute that may be left out; it is not null then, for defaults are not validated.
ABSENT: Any = Field(default=None)

Calculation = Literal["sum_of_usages", "last_usage", "max_usage"]
Kind = Literal["plan", "addon", "charge"]
PricingModel = Literal["flat_fee", "per_unit", "tiered", "volume", "stairstep"]
PricingType = Literal["per_unit", "flat_fee", "package"]
Switch = Literal["on", "off"]
Unit = Literal["day", "week", "month", "year"]


class Answer(BaseModel):
    """A resource or a part of one."""

    model_config = ConfigDict(extra="forbid")


class Usage(Answer):
    object: Literal["usage"]
    id: Text100
    usage_date: Int
    subscription_id: Text50
    item_price_id: Text100
    invoice_id: Text50 = ABSENT
    line_item_id: Text40 = ABSENT
    quantity: Text40
    source: Literal["admin_console", "api", "bulk_operation"]
    note: Text500 = ABSENT
    resource_version: Int
    updated_at: Int
    created_at: Int
    billing: Literal["on_time", "pending", "late"] = ABSENT  # ours


class ItemFamily(Answer):
    object: Literal["item_family"]
    id: str
    name: str
    description: str = ABSENT
    status: Literal["active", "deleted"]
    resource_version: Int
    updated_at: Int
    deleted: Flag


class ApplicableItem(Answer):
    id: str


class Item(Answer):
    object: Literal["item"]
    id: str
    name: str
    external_name: str = ABSENT
    description: str = ABSENT
    status: Literal["active", "archived", "deleted"]
    resource_version: Int
    updated_at: Int
    item_family_id: Text100 = ABSENT
    type: Kind
    is_shippable: Flag
    is_giftable: Flag
    redirect_url: str = ABSENT
    enabled_for_checkout: Flag
    enabled_in_portal: Flag
    included_in_mrr: Flag = ABSENT
    item_applicability: Literal["all", "restricted"]
    applicable_items: list[ApplicableItem]
    unit: Text30 = ABSENT
    metered: Flag
    usage_calculation: Calculation = ABSENT
    is_percentage_pricing: Flag
    archived_at: Int = ABSENT
    metadata: dict[str, Any] = ABSENT
    deleted: Flag


class Tier(Answer):
    object: Literal["tier"]
    starting_unit: Int32
    ending_unit: Int32 = ABSENT
    price: Int
    starting_unit_in_decimal: str = ABSENT
    ending_unit_in_decimal: str = ABSENT
    price_in_decimal: str = ABSENT
    pricing_type: PricingType
    package_size: Int32 = ABSENT


class AccountingDetail(Answer):
    sku: str = ABSENT
    accounting_code: str = ABSENT
    accounting_category1: str = ABSENT
    accounting_category2: str = ABSENT
    accounting_category3: str = ABSENT
    accounting_category4: str = ABSENT


class ItemPrice(Answer):
    object: Literal["item_price"]
    id: Text100
    name: Text100
    item_family_id: Text100 = ABSENT
    item_id: Text100
    description: Text2000 = ABSENT
    status: Literal["active", "archived", "deleted"]
    external_name: Text100 = ABSENT
    pricing_model: PricingModel
    price: Int = ABSENT
    price_in_decimal: Text39 = ABSENT
    period: Int32 = ABSENT
    period_unit: Unit = ABSENT
    currency_code: Currency
    free_quantity: Int32
    free_quantity_in_decimal: Text33 = ABSENT
    tiers: list[Tier] = ABSENT
    resource_version: Int
    updated_at: Int
    created_at: Int
    archived_at: Int = ABSENT
    invoice_notes: Text2000 = ABSENT
    is_taxable: Flag
    metadata: dict[str, Any] = ABSENT
    accounting_detail: AccountingDetail = ABSENT
    item_type: Kind
    deleted: Flag
    base_fee: str = ABSENT  # ours
    setup_fee: str = ABSENT  # ours


class BillingAddress(Answer):
    object: Literal["billing_address"]
    first_name: str = ABSENT
    last_name: str = ABSENT
    email: str = ABSENT
    company: str = ABSENT
    phone: str = ABSENT
    line1: str = ABSENT
    line2: str = ABSENT
    line3: str = ABSENT
    city: str = ABSENT
    state_code: str = ABSENT
    state: str = ABSENT
    country: str = ABSENT
    zip: str = ABSENT
    validation_status: Literal["not_validated", "valid", "partially_valid", "invalid"] = ABSENT


class Customer(Answer):
    model_config = ConfigDict(extra="allow")

    object: Literal["customer"]
    id: str
    first_name: str = ABSENT
    last_name: str = ABSENT
    email: str = ABSENT
    phone: str = ABSENT
    company: str = ABSENT
    vat_number: str = ABSENT
    auto_collection: Switch
    offline_payment_method: str = ABSENT
    net_term_days: Int32
    allow_direct_debit: Flag
    created_at: Int
    taxability: Literal["taxable", "exempt"] = ABSENT
    resource_version: Int
    updated_at: Int
    locale: str = ABSENT
    auto_close_invoices: Flag = ABSENT
    card_status: Literal[
        "no_card", "valid", "expiring", "expired", "pending_verification", "invalid"
    ]
    billing_address: BillingAddress = ABSENT
    invoice_notes: str = ABSENT
    preferred_currency_code: str = ABSENT
    promotional_credits: Int
    unbilled_charges: Int
    refundable_credits: Int
    excess_payments: Int
    meta_data: dict[str, Any] = ABSENT
    deleted: Flag

    @model_validator(mode="after")
    def _others_are_custom_fields(self) -> "Customer":
        for name, value in (self.model_extra or {}).items():
            if not name.startswith("cf_") or not isinstance(value, str):
                raise ValueError(f"{name} is no attribute of a customer")
        return self


class SubscriptionItem(Answer):
    object: Literal["subscription_item"]
    item_price_id: str
    item_type: Kind
    quantity: Int32 = ABSENT
    quantity_in_decimal: str = ABSENT
    unit_price: Int = ABSENT
    unit_price_in_decimal: str = ABSENT
    amount: Int = ABSENT
    amount_in_decimal: str = ABSENT
    free_quantity: Int32 = ABSENT
    free_quantity_in_decimal: str = ABSENT


class ItemTier(Tier):
    object: Literal["item_tier"]  # type: ignore[assignment]
    item_price_id: str
    index: Int


class Subscription(Answer):
    object: Literal["subscription"]
    id: str
    currency_code: str
    billing_period: Int32 = ABSENT
    billing_period_unit: Unit = ABSENT
    start_date: Int = ABSENT
    trial_start: Int = ABSENT
    trial_end: Int = ABSENT
    remaining_billing_cycles: Int = ABSENT
    po_number: str = ABSENT
    invoice_notes: str = ABSENT
    auto_collection: Switch
    customer_id: str
    status: Literal[
        "future", "in_trial", "active", "non_renewing", "paused", "cancelled", "transferred"
    ]
    current_term_start: Int = ABSENT
    current_term_end: Int = ABSENT
    next_billing_at: Int = ABSENT
    created_at: Int
    started_at: Int = ABSENT
    activated_at: Int = ABSENT
    cancelled_at: Int = ABSENT
    cancel_reason_code: str = ABSENT
    updated_at: Int
    resource_version: Int
    has_scheduled_advance_invoices: Flag
    has_scheduled_changes: Flag
    create_pending_invoices: Flag
    auto_close_invoices: Flag = ABSENT
    subscription_items: list[SubscriptionItem]
    item_tiers: list[ItemTier]
    meta_data: dict[str, Any] = ABSENT
    deleted: Flag
    decommissioned: Flag


class Download(Answer):
    object: Literal["download"]
    download_url: str
    valid_till: Int
    mime_type: str


class TimeMachine(Answer):
    object: Literal["time_machine"]
    name: str
    time_travel_status: Literal["not_enabled", "in_progress", "succeeded", "failed"]
    genesis_time: Int
    destination_time: Int
    failure_code: str = ABSENT
    failure_reason: str = ABSENT
    error_json: str = ABSENT


class Refusal(Answer):
    """Every answer from 400 on; the last three are what old libraries read."""

    message: str
    type: Literal["invalid_request", "untyped", "operation_failed"]
    api_error_code: str
    param: str = ABSENT
    error_code: str
    error_msg: str
    http_status_code: Int
