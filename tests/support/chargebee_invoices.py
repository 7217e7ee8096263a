"""Invoices of the Chargebee door, as models; see `chargebee_answers`."""

from typing import Annotated, Literal

from pydantic import Field

from tests.support.chargebee_answers import (
    ABSENT,
    Answer,
    BillingAddress,
    Currency,
    Flag,
    Int,
    Int32,
    PricingModel,
    PricingType,
    Text20,
    Text33,
    Text39,
    Text40,
    Text50,
    Text100,
    Text250,
    Text1000,
    Text2000,
)

# A rate in percent, the one number that is no integer.
Rate = Annotated[float, Field(ge=0)]
Empty = Annotated[list[dict[str, object]], Field(max_length=0)]


class LineItem(Answer):
    object: Literal["line_item"]
    id: Text40
    subscription_id: Text50
    customer_id: Text100
    date_from: Int
    date_to: Int
    unit_amount: Int
    unit_amount_in_decimal: Text39 = ABSENT
    quantity: Int32
    quantity_in_decimal: Text33 = ABSENT
    amount: Int
    amount_in_decimal: Text39 = ABSENT
    pricing_model: PricingModel = ABSENT
    is_taxed: Flag
    tax_amount: Int
    tax_rate: Rate = ABSENT
    tax_exempt_reason: Literal["tax_not_configured"] = ABSENT
    discount_amount: Int
    item_level_discount_amount: Int
    metered: Flag
    is_percentage_pricing: Flag
    description: Text250
    entity_description: Text2000 = ABSENT
    entity_type: Literal["adhoc", "plan_item_price", "addon_item_price", "charge_item_price"]
    entity_id: Text100


class LineItemTier(Answer):
    object: Literal["line_item_tier"]
    line_item_id: Text40
    starting_unit: Int32
    ending_unit: Int32 = ABSENT
    quantity_used: Int32
    unit_amount: Int
    starting_unit_in_decimal: Text33 = ABSENT
    ending_unit_in_decimal: Text33 = ABSENT
    quantity_used_in_decimal: Text33 = ABSENT
    unit_amount_in_decimal: Text40 = ABSENT
    pricing_type: PricingType
    package_size: Int32 = ABSENT


class LineItemTax(Answer):
    object: Literal["line_item_tax"]
    line_item_id: str
    tax_name: str
    tax_rate: Rate
    taxable_amount: Int
    tax_amount: Int
    date_from: Int
    date_to: Int
    is_partial_tax_applied: Flag
    is_non_compliance_tax: Flag


class Tax(Answer):
    object: Literal["tax"]
    name: str
    amount: Int
    description: str


class Note(Answer):
    object: Literal["note"]
    note: str


class LinkedPayment(Answer):
    object: Literal["linked_payment"]
    txn_id: str
    applied_amount: Int
    applied_at: Int
    txn_status: Literal["success"]
    txn_date: Int
    txn_amount: Int


class Invoice(Answer):
    object: Literal["invoice"]
    id: Text50
    customer_id: Text50
    subscription_id: Text50
    recurring: Flag
    status: Literal["paid", "posted", "payment_due", "not_paid", "voided", "pending"]
    date: Int
    due_date: Int = ABSENT
    net_term_days: Int32 = ABSENT
    vat_number: Text20 = ABSENT
    po_number: Text100 = ABSENT
    price_type: Literal["tax_exclusive", "tax_inclusive"]
    currency_code: Currency
    tax: Int
    sub_total: Int
    total: Int
    amount_due: Int
    amount_adjusted: Int
    amount_paid: Int
    amount_to_collect: Int
    round_off_amount: Int
    paid_at: Int = ABSENT
    write_off_amount: Int
    credits_applied: Int
    voided_at: Int = ABSENT
    void_reason_code: str = ABSENT
    resource_version: Int
    updated_at: Int
    generated_at: Int = ABSENT
    first_invoice: Flag = ABSENT
    has_advance_charges: Flag
    term_finalized: Flag
    is_gifted: Flag
    channel: Literal["web", "app_store", "play_store"]
    deleted: Flag
    line_items: list[LineItem]
    line_items_next_offset: Text1000 = ABSENT
    line_item_tiers: list[LineItemTier]
    line_item_taxes: list[LineItemTax]
    taxes: list[Tax]
    notes: list[Note]
    linked_payments: list[LinkedPayment]
    line_item_discounts: Empty
    discounts: Empty
    applied_credits: Empty
    adjustment_credit_notes: Empty
    issued_credit_notes: Empty
    linked_orders: Empty
    dunning_attempts: Empty
    billing_address: BillingAddress = ABSENT
    credit_granted: Int = ABSENT  # ours
