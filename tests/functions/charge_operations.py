"""Operations on one-time charges, ready to be started."""

from typing import Any

from tests.functions.chargebee_operations import post
from tests.functions.operations import Act, Stage, answers
from tests.support.shop import SETUP, SETUP_PRICE

_CHARGE = {"id": "setup", "item_price_id": "setup-usd"}


def _pending(stage: Stage) -> str:
    """Return a pending September; what is charged once is in the catalogue."""
    stage.must("POST", "/v1/items", SETUP)
    stage.must("POST", "/v1/item-prices", SETUP_PRICE)
    return stage.september()


def _charges(stage: Stage) -> str:
    return f"/v1/invoices/{_pending(stage)}/charges"


def _charged(stage: Stage) -> str:
    path = _charges(stage)
    stage.must("POST", path, _CHARGE)
    return path


def _put(stage: Stage, path: str, status: int, **more: Any) -> Act:
    return lambda: answers(status, stage.call("POST", path, _CHARGE | more).status)


def add(stage: Stage) -> Act:
    return _put(stage, _charges(stage), 201)


def add_for_a_time(stage: Stage) -> Act:
    return _put(stage, _charges(stage), 201, **{"from": "2026-09-30", "to": "2026-10-01"})


def add_again(stage: Stage) -> Act:
    return _put(stage, _charged(stage), 200)


def list_them(stage: Stage) -> Act:
    path = _charged(stage)
    return lambda: answers(1, len(stage.must("GET", path)["data"]))


def take_off(stage: Stage) -> Act:
    path = f"{_charged(stage)}/setup"
    return lambda: answers(200, stage.call("DELETE", path).status)


def take_off_again(stage: Stage) -> Act:
    act = take_off(stage)
    act()
    return act


def close_charged(stage: Stage) -> Act:
    invoice = _charged(stage).removesuffix("/charges")
    return lambda: answers("60.10", stage.must("POST", f"{invoice}/close")["total"])


def add_at_the_chargebee_door(stage: Stage) -> Act:
    assert stage.call("GET", "/api/v2/items?limit=1").status == 200  # the process knows the key
    path = f"invoices/draft_{_pending(stage)}/add_charge_item"
    form = {"item_price[item_price_id]": "setup-usd"}
    post(stage, path, form)  # the process has integers at hand
    return lambda: answers(10910, post(stage, path, form).json["invoice"]["total"])
