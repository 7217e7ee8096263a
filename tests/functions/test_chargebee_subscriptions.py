"""Subscriptions by Chargebee's SDK: made, changed, cancelled, and what is refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from chargebee import Chargebee, InvalidRequestError

from postpaid.domain.instants import instant_from_text
from tests.support.functions import Functions
from tests.support.sdk import sdk_on

CLOCK = instant_from_text("2026-10-20T12:00:00Z")
OCTOBER, NOVEMBER = 1790812800, 1793491200
NOW = int(CLOCK.timestamp())


@pytest.fixture(scope="module")
def cb(functions: Functions) -> Iterator[Chargebee]:
    site = functions.new_site("bee-subs", clock=CLOCK)
    with sdk_on(functions, functions.new_key(site)) as sdk:
        sdk.ItemFamily.create({"id": "cloud", "name": "Cloud"})
        for item, kind, metered in (
            ("basic", "plan", False),
            ("pro", "plan", False),
            ("seats", "addon", False),
            ("calls", "addon", True),
        ):
            sdk.Item.create(
                {
                    "id": item,
                    "name": item,
                    "type": kind,
                    "item_family_id": "cloud",
                    "metered": metered,
                }
            )
        for price, item, more in (
            ("basic-m", "basic", {"price": 1000}),
            ("basic-y", "basic", {"price": 9000, "period_unit": "year"}),
            ("pro-m", "pro", {"price": 5000}),
            ("seats-m", "seats", {"pricing_model": "per_unit", "price": 300}),
            ("calls-m", "calls", {"pricing_model": "per_unit", "price": 5}),
            (
                "calls-eur",
                "calls",
                {"pricing_model": "per_unit", "price": 5, "currency_code": "EUR"},
            ),
        ):
            sdk.ItemPrice.create(
                {
                    "id": price,
                    "name": price,
                    "item_id": item,
                    "currency_code": "USD",
                    "period": 1,
                    "period_unit": "month",
                    **more,
                }
            )
        sdk.Item.create(
            {"id": "setup", "name": "Setup", "type": "charge", "item_family_id": "cloud"}
        )
        sdk.ItemPrice.create({"id": "setup-usd", "name": "s", "item_id": "setup", "price": 100})
        sdk.Customer.create({"id": "harbor", "first_name": "Zoë", "last_name": "Quay"})
        yield sdk


def _subscribe(cb: Chargebee, name: str, *rows: dict[str, Any], **more: Any) -> Any:
    items = rows or ({"item_price_id": "basic-m"},)
    params = {"id": name, "start_date": OCTOBER, "subscription_items": list(items), **more}
    return cb.Subscription.create_with_items("harbor", params)


def _items(answer: Any) -> dict[str, Any]:
    return {each.item_price_id: each for each in answer.subscription.subscription_items}


@contextmanager
def _refusal(code: str, param: str | None) -> Iterator[None]:
    with pytest.raises(InvalidRequestError) as refused:
        yield
    assert (refused.value.api_error_code, refused.value.param) == (code, param), refused.value


def test_a_new_subscription_says_all_that_it_was_given(cb: Chargebee) -> None:
    answer = _subscribe(
        cb,
        "full",
        {"item_price_id": "basic-m", "quantity": 1},
        {"item_price_id": "seats-m", "quantity": 3},
        {"item_price_id": "calls-m"},
        po_number="PO 7",
        meta_data={"Tier": {"A": 1.5}},
        auto_close_invoices=False,
    )
    shown = answer.subscription

    assert shown.status == "active"
    assert (shown.current_term_start, shown.current_term_end) == (OCTOBER, NOVEMBER)
    assert (shown.billing_period, shown.billing_period_unit) == (1, "month")
    assert shown.next_billing_at == NOVEMBER
    assert (shown.po_number, shown.meta_data) == ("PO 7", {"tier": {"a": 1.5}})
    assert (shown.create_pending_invoices, shown.auto_close_invoices) == (True, False)
    items = _items(answer)
    assert (items["seats-m"].quantity, items["seats-m"].unit_price, items["seats-m"].amount) == (
        3,
        300,
        900,
    )
    assert items["calls-m"].quantity is None
    assert answer.customer.first_name == "Zoë"


def test_what_is_paid_in_advance_is_invoiced_at_once_and_shown(cb: Chargebee) -> None:
    invoiced = _subscribe(cb, "at-once", {"item_price_id": "basic-m"}).invoice
    pending = _subscribe(cb, "pending", first_invoice_pending=True).invoice
    metered = _subscribe(cb, "later-on", {"item_price_id": "basic-m"}, start_date=NOVEMBER).invoice

    assert (invoiced.total, invoiced.status) == (1000, "payment_due")
    assert [line.entity_id for line in invoiced.line_items] == ["basic-m"]
    assert not invoiced.id.startswith("draft_")
    assert (pending.total, pending.status) == (1000, "pending")
    assert pending.id.startswith("draft_inv_")
    assert metered is None


def test_a_subscription_without_a_date_starts_now(cb: Chargebee) -> None:
    rows = [{"item_price_id": "basic-m"}]
    answer = cb.Subscription.create_with_items("harbor", {"subscription_items": rows})

    assert NOW <= answer.subscription.started_at < NOW + 600
    assert answer.subscription.id


def test_a_future_one_waits_and_a_trial_is_one(cb: Chargebee) -> None:
    future = _subscribe(cb, "future", start_date=NOVEMBER).subscription
    trial = _subscribe(cb, "trial", trial_end=NOVEMBER).subscription

    assert (future.status, future.start_date) == ("future", NOVEMBER)
    assert (trial.status, trial.trial_end) == ("in_trial", NOVEMBER)


@pytest.mark.parametrize(
    ("rows", "code", "param"),
    [
        ([], "param_wrong_value", "subscription_items[item_price_id][0]"),
        (["nothing"], "resource_not_found", "subscription_items[item_price_id][0]"),
        (["calls-m"], "param_wrong_value", "subscription_items"),
        (["basic-m", "pro-m"], "param_wrong_value", "subscription_items"),
        (["basic-m", "basic-m"], "param_wrong_value", "subscription_items[item_price_id][1]"),
        (["basic-y", "calls-m"], "param_wrong_value", "subscription_items[item_price_id][1]"),
        (["basic-m", "calls-eur"], "param_wrong_value", "subscription_items[item_price_id][1]"),
        (
            ["basic-m", "setup-usd"],
            "configuration_incompatible",
            "subscription_items[item_price_id][1]",
        ),
    ],
)
def test_items_that_make_no_subscription_are_refused_by_their_row(
    cb: Chargebee, rows: list[str], code: str, param: str
) -> None:
    with _refusal(code, param):
        cb.Subscription.create_with_items(
            "harbor", {"subscription_items": [{"item_price_id": each} for each in rows]}
        )


@pytest.mark.parametrize(
    ("more", "code", "param"),
    [
        ({"auto_collection": "on"}, "configuration_incompatible", "auto_collection"),
        ({"coupon_ids": ["A"]}, "configuration_incompatible", "coupon_ids"),
        ({"shipping_address": {"city": "X"}}, "configuration_incompatible", "shipping_address"),
        ({"nonsense": "1"}, "param_wrong_value", "nonsense"),
        (
            {"create_pending_invoices": True},
            "configuration_incompatible",
            "create_pending_invoices",
        ),
        (
            {"subscription_items": [{"item_price_id": "basic-m", "item_type": "addon"}]},
            "param_wrong_value",
            "subscription_items[item_type][0]",
        ),
        ({"billing_cycles": 0}, "param_wrong_value", "billing_cycles"),
        ({"start_date": 12}, "param_wrong_value", "start_date"),
        ({"meta_data": "[1]"}, "param_wrong_value", "meta_data"),
        (
            {"item_tiers": [{"item_price_id": "calls-m", "starting_unit": 1, "price": 1}]},
            "param_wrong_value",
            "item_tiers[item_price_id][0]",
        ),
    ],
)
def test_what_is_not_served_is_refused_by_its_name(
    cb: Chargebee, more: dict[str, Any], code: str, param: str
) -> None:
    with _refusal(code, param):
        _subscribe(cb, "never", **more)
    with _refusal("resource_not_found", None):
        cb.Subscription.retrieve("never")


def test_the_same_id_is_taken(cb: Chargebee) -> None:
    _subscribe(cb, "once")

    with _refusal("duplicate_entry", "id"):
        _subscribe(cb, "once")


def test_a_price_of_its_own_is_shown_and_stays_when_the_quantity_changes(cb: Chargebee) -> None:
    answer = _subscribe(
        cb,
        "own",
        {"item_price_id": "basic-m"},
        {"item_price_id": "seats-m", "quantity": 2, "unit_price": 250},
    )
    assert _items(answer)["seats-m"].unit_price == 250

    row = {"item_price_id": "seats-m", "quantity": 4}
    changed = cb.Subscription.update_for_items("own", {"subscription_items": [row]})

    assert (_items(changed)["seats-m"].quantity, _items(changed)["seats-m"].unit_price) == (4, 250)
    assert _items(changed).keys() == {"basic-m", "seats-m"}


def test_another_plan_takes_the_place_of_the_one_there_is(cb: Chargebee) -> None:
    _subscribe(cb, "upgrade", {"item_price_id": "basic-m"}, {"item_price_id": "calls-m"})

    rows = [{"item_price_id": "pro-m"}]
    changed = cb.Subscription.update_for_items("upgrade", {"subscription_items": rows})

    assert _items(changed).keys() == {"pro-m", "calls-m"}


def test_replacing_the_list_takes_off_what_is_not_on_it(cb: Chargebee) -> None:
    _subscribe(cb, "shrink", {"item_price_id": "basic-m"}, {"item_price_id": "seats-m"})

    rows = [{"item_price_id": "basic-m"}]
    changed = cb.Subscription.update_for_items(
        "shrink", {"subscription_items": rows, "replace_items_list": True}
    )

    assert _items(changed).keys() == {"basic-m"}
    with _refusal("param_wrong_value", "subscription_items"):
        cb.Subscription.update_for_items(
            "shrink",
            {"subscription_items": [{"item_price_id": "seats-m"}], "replace_items_list": True},
        )


def test_a_change_at_the_end_of_the_term_is_to_come(cb: Chargebee) -> None:
    _subscribe(cb, "later", {"item_price_id": "basic-m"})

    row = {"item_price_id": "seats-m", "quantity": 1}
    changed = cb.Subscription.update_for_items(
        "later", {"subscription_items": [row], "end_of_term": True}
    )

    assert changed.subscription.has_scheduled_changes is True
    for rows in ([row], [{"item_price_id": "pro-m"}], [{"item_price_id": "calls-m"}]):
        with _refusal("invalid_state_for_request", "subscription_items"):
            cb.Subscription.update_for_items("later", {"subscription_items": rows})
    assert _items(cb.Subscription.retrieve("later")).keys() == {"basic-m", "seats-m"}


def test_what_is_to_go_is_not_added_beside_itself(cb: Chargebee) -> None:
    seats = {"item_price_id": "seats-m", "quantity": 3}
    _subscribe(cb, "going", {"item_price_id": "basic-m"}, seats)
    rows = {"subscription_items": [{"item_price_id": "basic-m"}], "replace_items_list": True}
    headers = {"chargebee-idempotency-key": "going"}
    for _ in range(2):
        cb.Subscription.update_for_items("going", {**rows, "end_of_term": True}, headers=headers)

    with _refusal("invalid_state_for_request", "subscription_items"):
        cb.Subscription.update_for_items("going", {"subscription_items": [seats]})


def test_a_change_is_refused_by_the_row_that_asked_for_it(cb: Chargebee) -> None:
    _subscribe(cb, "rows", {"item_price_id": "basic-m"}, {"item_price_id": "calls-m"})

    same, metered = {"item_price_id": "basic-m"}, {"item_price_id": "calls-m", "quantity": 3}
    with _refusal("param_wrong_value", "subscription_items[quantity][1]"):
        cb.Subscription.update_for_items("rows", {"subscription_items": [same, metered]})


@pytest.mark.parametrize(
    ("ask", "params"),
    [
        ("cancel_for_items", {"cancel_at": NOVEMBER}),
        ("cancel_for_items", {"cancel_option": "immediately"}),
        ("cancel_for_items", {"cancel_option": "specific_date"}),
        ("update_for_items", {"changes_scheduled_at": NOVEMBER}),
        ("update_for_items", {"change_option": "immediately"}),
    ],
)
def test_two_ends_at_once_are_refused(cb: Chargebee, ask: str, params: dict[str, Any]) -> None:
    name = f"two-{ask[:6]}-{'-'.join(map(str, params.values()))}".replace("_", "-")
    _subscribe(cb, name)
    if ask == "update_for_items":
        params = {**params, "subscription_items": [{"item_price_id": "seats-m"}]}

    with _refusal("param_wrong_value", "end_of_term"):
        getattr(cb.Subscription, ask)(name, {**params, "end_of_term": True})


def test_what_is_pending_goes_by_what_is_metered(cb: Chargebee) -> None:
    _subscribe(cb, "metered", {"item_price_id": "basic-m"}, {"item_price_id": "calls-m"})

    for rows in ({}, {"subscription_items": [{"item_price_id": "seats-m"}]}):
        with _refusal("configuration_incompatible", "create_pending_invoices"):
            cb.Subscription.update_for_items("metered", {"create_pending_invoices": False, **rows})
    said = {"create_pending_invoices": True, "po_number": "PO 9"}
    assert cb.Subscription.update_for_items("metered", said).subscription.po_number == "PO 9"


def test_what_is_too_much_to_keep_changes_nothing(cb: Chargebee) -> None:
    _subscribe(cb, "much", {"item_price_id": "basic-m"})

    rows = [{"item_price_id": "seats-m"}]
    with _refusal("resource_limit_exceeded", "meta_data"):
        cb.Subscription.update_for_items(
            "much", {"subscription_items": rows, "meta_data": {"x": "y" * 3000}}
        )

    assert _items(cb.Subscription.retrieve("much")).keys() == {"basic-m"}


def test_settings_change_without_items(cb: Chargebee) -> None:
    _subscribe(cb, "settings", meta_data={"x": 1}, po_number="PO 1")

    changed = cb.Subscription.update_for_items(
        "settings", {"auto_close_invoices": False, "po_number": "PO 2"}
    ).subscription

    assert (changed.auto_close_invoices, changed.po_number) == (False, "PO 2")
    assert changed.meta_data == {"x": 1}
    with _refusal("param_wrong_value", "subscription_items"):
        cb.Subscription.update_for_items("settings", {"po_number": "3", "end_of_term": True})


@pytest.mark.parametrize(
    ("params", "status", "end"),
    [
        ({"end_of_term": True}, "non_renewing", NOVEMBER),
        ({"cancel_option": "specific_date", "cancel_at": NOVEMBER + 86400}, "non_renewing", None),
        ({}, "cancelled", None),
    ],
)
def test_a_cancellation_ends_it_when_it_says(
    cb: Chargebee, params: dict[str, Any], status: str, end: int | None
) -> None:
    name = f"end-{len(params)}"
    _subscribe(cb, name)

    ended = cb.Subscription.cancel_for_items(name, params).subscription

    assert ended.status == status
    assert end in {None, ended.cancelled_at}
    if status == "non_renewing" and end is not None:
        row = {"item_price_id": "seats-m"}
        with _refusal("param_wrong_value", "end_of_term"):
            cb.Subscription.update_for_items(name, {"subscription_items": [row], **params})
    if status == "cancelled":
        with _refusal("invalid_state_for_request", None):
            cb.Subscription.cancel_for_items(name, params)


def test_lists_find_subscriptions_by_what_they_are(cb: Chargebee) -> None:
    cb.Customer.create({"id": "lone"})
    for name in ("l1", "l2", "l3"):
        rows = [{"item_price_id": "basic-m"}, {"item_price_id": "calls-m"}]
        cb.Subscription.create_with_items(
            "lone", {"id": name, "subscription_items": rows[: 1 if name == "l3" else 2]}
        )
    cb.Subscription.cancel_for_items("l2", {"end_of_term": True})

    def ids(**params: Any) -> list[str]:
        answer = cb.Subscription.list({"customer_id": {"is": "lone"}, **params})
        assert all(each.customer.id == "lone" for each in answer.list)
        return sorted(each.subscription.id for each in answer.list)

    assert ids() == ["l1", "l2", "l3"]
    assert ids(status={"in": ["non_renewing"]}) == ["l2"]
    assert ids(item_price_id={"is": "calls-m"}) == ["l1", "l2"]
    assert ids(id={"starts_with": "l3"}) == ["l3"]
    first = cb.Subscription.list({"customer_id": {"is": "lone"}, "limit": 2})
    rest = cb.Subscription.list(
        {"customer_id": {"is": "lone"}, "limit": 2, "offset": first.next_offset}
    )
    found = [each.subscription.id for each in (*first.list, *rest.list)]
    assert sorted(found) == ["l1", "l2", "l3"]
    assert rest.next_offset is None
