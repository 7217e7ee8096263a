"""Parameters of subscriptions: what is served of Chargebee's, and what is refused and why."""

from typing import Annotated, Any, Literal

from pydantic import Field

from postpaid.api.chargebee.customers import COLLECTS_NOTHING
from postpaid.api.chargebee.params import (
    NO_PAYMENTS,
    Digits,
    Flag,
    Id,
    Id50,
    Metadata,
    Params,
    Stamp,
    Text100,
    Text2000,
    Whole,
)
from postpaid.api.chargebee.pricing import Amount, TierRow
from postpaid.domain.errors import Invalid
from postpaid.domain.subscription import CYCLES_MAX

_NO_COUPONS = "there are no coupons or discounts here"
_OWN_DATES = "an invoice has the date on which it closes"
_NO_CONTRACTS = "there are no contract terms here"
_ONE_BY_ONE = "terms are charged one by one"
_OF_ALL = "all items of a subscription have one trial and one number of billing cycles"
_ON_EVENTS = "one-time charges are not made here"
_ROWS_REFUSED = {
    **dict.fromkeys(("trial_end", "billing_cycles"), _OF_ALL),
    **dict.fromkeys(("charge_on_event", "charge_on_option", "charge_once"), _ON_EVENTS),
    "service_period_days": "is not known here",
    "usage_accumulation_reset_frequency": "usage counts anew in each term",
    "proration_type": "is said of the whole change, by prorate",
}
REFUSED = {
    **dict.fromkeys(("coupon", "coupons", "coupon_ids", "discounts"), _NO_COUPONS),
    **{f"subscription_items[{name}]": why for name, why in _ROWS_REFUSED.items()},
    **dict.fromkeys(
        ("payment_source_id", "payment_intent", "card", "bank_account", "payment_initiator"),
        NO_PAYMENTS,
    ),
    **dict.fromkeys(
        ("contract_term", "contract_term_billing_cycle_on_renewal", "contract_term_cancel_option"),
        _NO_CONTRACTS,
    ),
    **dict.fromkeys(("invoice_date", "billing_alignment_mode"), _OWN_DATES),
    "shipping_address": "nothing is shipped",
    "statement_descriptor": NO_PAYMENTS,
    "business_entity_id": "there are no business entities here",
    "override_relationship": "there are no account hierarchies here",
    "free_period": "say trial_end",
    "free_period_unit": "say trial_end",
    "trial_end_action": "a trial goes on as a subscription",
    "mandatory_items_to_remove": "no item is mandatory",
    "billing_override": "credit is applied when an invoice closes",
    "offline_payment_method": "is kept with the customer",
    "replace_primary_payment_source": NO_PAYMENTS,
    "affiliate_token": "is not kept here",
    "net_term_days": "is kept with the customer",
    "setup_fee": "is kept with the item price, by the native API",
    "terms_to_charge": _ONE_BY_ONE,
    "usage_settings": "is not known here",
    "item_price_transition": "is not known here",
}
_ECHOED = ("po_number", "invoice_notes", "meta_data")


class ItemRow(Params):
    """One row of `subscription_items`."""

    item_price_id: Id
    quantity: Annotated[Whole, Field(ge=1)] | None = None
    quantity_in_decimal: Digits | None = None
    unit_price: Amount | None = None
    unit_price_in_decimal: Digits | None = None
    item_type: Literal["plan", "addon", "charge"] | None = None


class ItemTierRow(TierRow):
    """One row of `item_tiers`: a tier of a price that holds for this subscription alone."""

    item_price_id: Id


class Settings(Params):
    """What a subscription is created with, and may be changed to, beside its items."""

    subscription_items: list[ItemRow] = Field(default_factory=list)
    item_tiers: list[ItemTierRow] = Field(default_factory=list)
    auto_collection: Literal["on", "off"] | None = None
    po_number: Text100 | None = None
    invoice_notes: Text2000 | None = None
    meta_data: Metadata | None = None
    create_pending_invoices: Flag | None = None
    auto_close_invoices: Flag | None = None

    def check(self) -> None:
        """Refuse what nobody would do here; raises `Invalid`."""
        if self.auto_collection == "on":
            raise Invalid("not_supported", COLLECTS_NOTHING, field="auto_collection")

    def check_pending(self, *, metered: bool) -> None:
        """Refuse another answer than the items give to what is pending; raises `Invalid`."""
        if self.create_pending_invoices not in {None, metered}:
            why = "is true with metered items, and false without"
            raise Invalid("not_supported", why, field="create_pending_invoices")

    def echoed(self, before: dict[str, Any]) -> dict[str, Any]:
        """Return what is only shown again, over what was before."""
        return {**before, **self.said(_ECHOED)}


class NewSubscription(Settings):
    """`POST /customers/{id}/subscription_for_items`."""

    id: Id50 | None = None
    start_date: Stamp | None = None
    trial_end: Whole | None = None
    billing_cycles: Annotated[Whole, Field(ge=1, le=CYCLES_MAX)] | None = None
    first_invoice_pending: Flag | None = None
    invoice_immediately: Flag | None = None


class SubscriptionChange(Settings):
    """`POST /subscriptions/{id}/update_for_items`."""

    replace_items_list: Flag | None = None
    end_of_term: Flag | None = None
    change_option: Literal["immediately", "end_of_term", "specific_date"] | None = None
    changes_scheduled_at: Stamp | None = None
    prorate: Flag | None = None
    invoice_immediately: Flag | None = None
    force_term_reset: Flag | None = None


CHANGE_REFUSED = {
    **REFUSED,
    "start_date": "never changes: cancel it and create another",
    "trial_end": "never changes: cancel it and create another",
    "billing_cycles": "is said when it is created, or by a change of cadence in the native API",
    "reactivate": "a subscription that has ended stays so: create another",
    "reactivate_from": "a subscription that has ended stays so: create another",
    **dict.fromkeys(("payment_method", "token_id"), NO_PAYMENTS),
    "replace_coupon_list": _NO_COUPONS,
    "invoice_usages": "usage is invoiced when its term ends",
    "customer": "change the customer itself",
    "billing_address": "change the customer itself",
}


class Cancellation(Params):
    """`POST /subscriptions/{id}/cancel_for_items`."""

    cancel_option: (
        Literal["immediately", "end_of_term", "specific_date", "end_of_billing_term"] | None
    ) = None
    end_of_term: Flag | None = None
    cancel_at: Stamp | None = None
    credit_option_for_current_term_charges: Literal["none", "prorate", "full"] | None = None
    unbilled_charges_option: Literal["invoice", "delete"] | None = None
    account_receivables_handling: Literal["no_action"] | None = None
    refundable_credits_handling: Literal["no_action"] | None = None
    cancel_reason_code: Text100 | None = None


CANCEL_REFUSED = {
    **dict.fromkeys(("contract_term_cancel_option", "subscription_items"), _NO_CONTRACTS),
    "invoice_date": _OWN_DATES,
    "include_cancellation_day_in_billing": "a subscription ends at an instant",
    "decommissioned": "is not known here",
}
