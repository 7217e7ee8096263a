"""A client of the ChargeOver door: signs its requests, and keeps the same books."""

import json
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from postpaid.domain.api_key import KeyPair
from tests.simulation.client import Ask, Client
from tests.support.functions import Answer
from tests.support.signer import Signer

_CREATED = 201


@dataclass(frozen=True, slots=True)
class OverClient:
    """Records usage of one line, that of the subscription `sub`, by its integer."""

    client: Client
    signer: Signer
    line: int

    @classmethod
    def of(cls, client: Client) -> "OverClient":
        """Make a pair of keys, and look the line up."""
        body = {"scopes": ["usage:write"], "label": "over"}
        pair = client.insist("POST", "/v1/api-keys", body).json["chargeover"]
        [line] = client.insist("GET", "/v1/subscriptions/sub").json["lines"]
        signer = Signer(pair=KeyPair(pair["public_key"], pair["private_key"]))
        return cls(client, signer, line["integer_id"])

    def record(self, day: str, quantity: str, key: str, target: str = "/usage") -> None:
        """Record a usage under an external key; what has no answer is signed anew and repeated."""
        record = {
            "line_item_id": self.line,
            "usage_value": quantity,
            "from": day,
            "external_key": key,
        }
        body, path = json.dumps(record).encode(), f"/api/v3{target}"

        def send() -> Answer | None:
            at = self.client.plant.clock.instant
            signed = self.signer.header(f"{self.signer.base}{path}", body, at=at)
            headers = {"authorization": signed}
            answer = self.client.plant.request(
                "POST", path, body, key=self.client.key, headers=headers
            )
            return None if answer is None else _told(answer, day, quantity, key)

        self.client._send(Ask(send, (Decimal(quantity),), "sub"), 1)


def _told(answer: Answer, day: str, quantity: str, key: str) -> Answer:
    """Return an answer in the words of the other door: this one tells an integer."""
    assert answer.status != 401, answer.text
    if answer.status != _CREATED:
        return answer
    shown: dict[str, Any] = {
        "usage_date": f"{day}T00:00:00Z",
        "line_id": "minutes",
        "version": 1,
        "quantity": quantity,
        "deleted": False,
        "billing": "pending",
        "external_id": key,
    }
    return replace(answer, json=shown)
