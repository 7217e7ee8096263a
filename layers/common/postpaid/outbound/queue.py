"""The three queues: what is due for closing, usage URLs to ask, and documents to make."""

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

    def send(self, message: Mapping[str, Any], *, delay_seconds: int = 0) -> None:
        """Send one message, to be delivered after a delay; raises `Unavailable`."""
        try:
            self._client.send_message(
                QueueUrl=self._url, MessageBody=json.dumps(message), DelaySeconds=delay_seconds
            )
        except (ClientError, HTTPClientError, BotoCoreError) as error:
            raise Unavailable("SQS did not take a message") from error


def due_message(due: Sequence[Due]) -> dict[str, Any]:
    """Return the message that asks for work on what is due."""
    return {"due": [[each.pk, each.sk] for each in due]}


def due_from_message(body: str) -> list[Due]:
    """Read what is due from a message."""
    message = json.loads(body)
    # One of these must be there: what is none of them is no message of ours.
    others = message.keys() & {"reconcile", "audit", "pulled"}
    named = message.get("due", []) if others else message["due"]
    return [Due(pk, sk) for pk, sk in named]


def reconcile_message(terms: Sequence[Due]) -> dict[str, Any]:
    """Return the message that asks to bring what is billed of terms up to their usage."""
    return {"reconcile": [[each.pk, each.sk] for each in terms]}


def terms_from_message(body: str) -> list[Due]:
    """Read from a message which terms are to be reconciled."""
    return [Due(pk, sk) for pk, sk in json.loads(body).get("reconcile", [])]


def audit_message(scope: Scope, after: str | None) -> dict[str, Any]:
    """Return the message that asks for the audit of a site, behind a place in its list."""
    return {"audit": {"site": scope.site, "generation": scope.generation, "after": after}}


def audit_from_message(body: str) -> tuple[Scope, str | None] | None:
    """Read which site is to be audited, and from where on; None if that is not asked."""
    asked = json.loads(body).get("audit")
    return None if asked is None else (Scope(asked["site"], asked["generation"]), asked["after"])


def pull_message(term: Due) -> dict[str, Any]:
    """Return the message that asks for what the usage URLs of a term answer."""
    return {"pull": [term.pk, term.sk]}


def pull_from_message(body: str) -> Due:
    """Read the usage URLs of which term are to be asked."""
    pk, sk = json.loads(body)["pull"]
    return Due(pk, sk)


def pulled_message(term: Due, answered: Sequence[str], failure: str | None) -> dict[str, Any]:
    """Return the message that tells which usage URLs of a term answered, and why one did not."""
    return {"pulled": [term.pk, term.sk], "answered": [*answered], "failure": failure}


def pulled_from_message(body: str) -> tuple[Due, list[str], str | None] | None:
    """Read what the usage URLs of a term came to; None if that is not told."""
    message = json.loads(body)
    told = message.get("pulled")
    return None if told is None else (Due(*told), message["answered"], message["failure"])


def render_message(scope: Scope, invoice_id: str) -> dict[str, Any]:
    """Return the message that asks for an invoice's document."""
    return {"site": scope.site, "generation": scope.generation, "invoice_id": invoice_id}


def render_from_message(body: str) -> tuple[Scope, str]:
    """Read which invoice is to be rendered."""
    message = json.loads(body)
    return Scope(message["site"], message["generation"]), message["invoice_id"]


def statement_message(scope: Scope, invoice_id: str, digest: str) -> dict[str, Any]:
    """Return the message that asks for the document of a statement of an invoice's usages."""
    statement = {"invoice_id": invoice_id, "hash": digest}
    return {"site": scope.site, "generation": scope.generation, "statement": statement}


def statement_from_message(body: str) -> tuple[Scope, str, str] | None:
    """Read which statement, of which invoice, is to be rendered; None if that is not asked."""
    message = json.loads(body)
    asked = message.get("statement")
    if asked is None:
        return None
    return Scope(message["site"], message["generation"]), asked["invoice_id"], asked["hash"]
