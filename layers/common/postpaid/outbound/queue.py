"""The two queues: what is due for closing, and invoices to render."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from postpaid.application.due_terms import Due
from postpaid.application.ports import Unavailable
from postpaid.domain.site import Scope

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


def connect() -> "SQSClient":
    """Return a client for the process."""
    config = Config(
        connect_timeout=1, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}
    )
    return cast("SQSClient", botocore.session.get_session().create_client("sqs", config=config))


class Queue:
    """One queue of JSON messages; delivery is at least once and in no order."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def send(self, message: Mapping[str, Any]) -> None:
        """Send one message; raises `Unavailable`."""
        try:
            self._client.send_message(QueueUrl=self._url, MessageBody=json.dumps(message))
        except (ClientError, HTTPClientError, BotoCoreError) as error:
            raise Unavailable("SQS did not take a message") from error


def due_message(due: Sequence[Due]) -> dict[str, Any]:
    """Return the message that asks for work on what is due."""
    return {"due": [[each.pk, each.sk] for each in due]}


def due_from_message(body: str) -> list[Due]:
    """Read what is due from a message."""
    return [Due(pk, sk) for pk, sk in json.loads(body)["due"]]


def render_message(scope: Scope, invoice_id: str) -> dict[str, Any]:
    """Return the message that asks for an invoice's document."""
    return {"site": scope.site, "generation": scope.generation, "invoice_id": invoice_id}


def render_from_message(body: str) -> tuple[Scope, str]:
    """Read which invoice is to be rendered."""
    message = json.loads(body)
    return Scope(message["site"], message["generation"]), message["invoice_id"]
