"""Operations of the ChargeOver door on usage, ready to be started."""

from typing import Any

from tests.functions.operations import RECORDER, Act, Stage, answers
from tests.support.functions import Answer, forget
from tests.support.over import Over, basic
from tests.support.signer import Signer

API = "ChargeoverApiFunction"
_TEXTS = {"item_price_id": "sms-usd", "id": "texts"}
_DAY = {"usage_value": 22, "from": "2026-10-15"}


class Door:
    """A package that records events, the integer of its line, and a pair of keys."""

    def __init__(self, stage: Stage) -> None:
        stage.subscribe(lines=[_TEXTS])
        [line] = stage.must("GET", stage.path)["lines"]
        self.stage = stage
        self.line = int(line["integer_id"])
        self.over = Over.on(stage.functions, stage.site)

    def call(self, method: str, target: str, body: object = None, **headers: str) -> Answer:
        """Send a request."""
        pair = self.over.pair
        sent = {"authorization": basic(pair.public, pair.private), **headers}
        return self.stage.call(method, f"/api/v3{target}", body, headers=sent, key=None)

    def record(self, target: str = "/usage", **more: Any) -> int:
        """Record a usage; return the status."""
        return self.call("POST", target, {"line_item_id": self.line, **_DAY, **more}).status

    def warm(self) -> "Door":
        """Have the process that records know the pair, the line and the package."""
        body = {"line_item_id": self.line, "usage_value": 1, "type": "max"}
        assert self.call("POST", "/usage", body).status == 400
        return self


def record_cold(stage: Stage) -> Act:
    door = Door(stage)
    forget(stage.functions.modules[RECORDER])
    return lambda: answers(201, door.record())


def record(stage: Stage) -> Act:
    door = Door(stage).warm()
    return lambda: answers(201, door.record())


def record_named(stage: Stage) -> Act:
    door = Door(stage).warm()
    return lambda: answers(201, door.record(external_key=f"own-{stage.name}"))


def record_again(stage: Stage) -> Act:
    door = Door(stage).warm()
    door.record(external_key=f"own-{stage.name}")
    return lambda: answers(201, door.record(external_key=f"own-{stage.name}"))


def record_signed(stage: Stage) -> Act:
    door = Door(stage).warm()
    signer = Signer(pair=door.over.pair)
    body = b'{"line_item_id": %d, "usage_value": 22}' % door.line
    header = signer.header(f"{signer.base}/api/v3/usage", body, at=stage.clock.now)
    return lambda: answers(201, door.call("POST", "/usage", body, authorization=header).status)


def record_many(stage: Stage) -> Act:
    door = Door(stage).warm()
    records = [{"line_item_id": door.line, **_DAY} for _ in range(3)]
    return lambda: answers(201, door.call("POST", "/usage?action=bulk", records).status)


def record_many_named(stage: Stage) -> Act:
    door = Door(stage).warm()
    records = [
        {"line_item_id": door.line, **_DAY, "external_key": f"own-{stage.name}-{n}"}
        for n in range(3)
    ]
    return lambda: answers(201, door.call("POST", "/usage?action=bulk", records).status)


def list_of_one(stage: Stage) -> Act:
    door = Door(stage).warm()
    door.record()
    target = f"/usage?where=line_item_id:EQUALS:{door.line}"
    assert door.call("GET", target).status == 200
    return lambda: answers(1, len(door.call("GET", target).json["response"]))
