"""Operations of the Chargebee door on usage, and under its keys, ready to be started."""

from typing import Any
from urllib.parse import urlencode

from tests.functions.operations import RECORDER, Act, Stage, answers
from tests.support.chargebee import FORM
from tests.support.functions import Answer, forget

OCTOBER_15, SEPTEMBER_15 = 1792022400, 1789430400  # midnight UTC
API = "ChargebeeApiFunction"
_USAGE = {"item_price_id": "voip-usd", "usage_date": OCTOBER_15, "quantity": "22"}


def post(stage: Stage, path: str, form: dict[str, Any], **headers: str) -> Answer:
    """Send a form."""
    sent = {"content-type": FORM} | {name.replace("_", "-"): each for name, each in headers.items()}
    return stage.call("POST", f"/api/v2/{path}", urlencode(form).encode(), headers=sent)


def _record(stage: Stage, **more: object) -> Answer:
    return post(stage, f"subscriptions/{stage.name}/usages", _USAGE | more)


def _delete(stage: Stage, usage_id: str) -> Answer:
    return post(stage, f"subscriptions/{stage.name}/delete_usage", {"id": usage_id})


def _recorded(stage: Stage, **more: object) -> str:
    answer = _record(stage, **more)
    assert answer.status == 200, answer.text
    return str(answer.json["usage"]["id"])


def _warm(stage: Stage) -> None:
    """Have the door's process know the key."""
    assert stage.call("GET", "/api/v2/items?limit=1").status == 200


def record_cold(stage: Stage) -> Act:
    stage.subscribe()
    forget(stage.functions.modules[RECORDER])
    return lambda: answers(200, _record(stage).status)


def record(stage: Stage) -> Act:
    stage.subscribe()
    stage.warm()
    return lambda: answers(200, _record(stage).status)


def record_named(stage: Stage) -> Act:
    stage.subscribe()
    stage.warm()
    return lambda: answers(200, _record(stage, id=f"own-{stage.name}").status)


def record_again(stage: Stage) -> Act:
    stage.subscribe()
    _recorded(stage)
    return lambda: answers("duplicate_entry", _record(stage).json["api_error_code"])


def record_another_quantity(stage: Stage) -> Act:
    stage.subscribe()
    _recorded(stage)
    return lambda: answers("duplicate_entry", _record(stage, quantity=23).json["api_error_code"])


def update_existing(stage: Stage) -> Act:
    stage.subscribe()
    _recorded(stage)
    more = {"quantity": 23, "dedupe_option": "update_existing"}
    return lambda: answers("23", _record(stage, **more).json["usage"]["quantity"])


def delete(stage: Stage) -> Act:
    stage.subscribe()
    usage_id = _recorded(stage)
    return lambda: answers(200, _delete(stage, usage_id).status)


def delete_named(stage: Stage) -> Act:
    stage.subscribe()
    usage_id = _recorded(stage, id=f"own-{stage.name}")
    return lambda: answers(200, _delete(stage, usage_id).status)


def delete_invoiced(stage: Stage) -> Act:
    stage.subscribe()
    usage_id = _recorded(stage, usage_date=SEPTEMBER_15)
    stage.visit()
    stage.close(stage.invoice())
    return lambda: answers(409, _delete(stage, usage_id).status)


def retrieve(stage: Stage) -> Act:
    _warm(stage)
    stage.subscribe()
    target = f"/api/v2/subscriptions/{stage.name}/usages?id={_recorded(stage)}"
    return lambda: answers(200, stage.call("GET", target).status)


def retrieve_invoiced(stage: Stage) -> Act:
    _warm(stage)
    stage.subscribe()
    usage_id = _recorded(stage, usage_date=SEPTEMBER_15)
    stage.visit()
    stage.close(stage.invoice())
    target = f"/api/v2/subscriptions/{stage.name}/usages?id={usage_id}"
    return lambda: answers(True, "invoice_id" in stage.must("GET", target)["usage"])


def list_of_one(stage: Stage) -> Act:
    _warm(stage)
    stage.subscribe()
    _recorded(stage)
    target = f"/api/v2/usages?subscription_id[is]={stage.name}"
    return lambda: answers(1, len(stage.must("GET", target)["list"]))


def change_under_a_key(stage: Stage) -> Act:
    _warm(stage)
    path = "customers/harbor"
    form = {"company": f"Harbor {stage.name}"}
    key = {"chargebee_idempotency_key": stage.name}
    return lambda: answers(200, post(stage, path, form, **key).status)


def change_under_a_key_again(stage: Stage) -> Act:
    act = change_under_a_key(stage)
    act()
    return act
