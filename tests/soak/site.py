"""The stack that is soaked: a test site of its own for each part, its clock, and what sweeps do."""

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from postpaid.application.api_keys import create_key
from postpaid.application.sites import CreateSite, create_site
from postpaid.domain.instants import parse_instant
from postpaid.domain.site import Address
from postpaid.runtime.clock import real_now
from postpaid.runtime.ids import new_key_parts
from postpaid.store.api_keys import StoredApiKeys
from postpaid.store.dynamo import DynamoTable
from postpaid.store.sites import StoredSites
from postpaid_cli.operate import Target, run_sweep
from postpaid_cli.stack import LocalStack
from tests.soak.wire import Wire

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# A worker's own timeout: what failed is tried again after so long, rather than six times that.
_RETRY_SECONDS = 60
_PATIENCE_SECONDS = 240


@dataclass(frozen=True, slots=True)
class Operator:
    """What AWS does by itself and its owner by hand: schedules, sites, a look at the queue."""

    target: Target
    sqs: "SQSClient"

    @classmethod
    def of(cls, stack: LocalStack) -> "Operator":
        """Return the operator of a local stack."""
        aws = stack.aws
        return cls(Target(aws.dynamodb(), aws.functions(), stack.outputs), aws.sqs())

    def hurry(self) -> None:
        """Let the workers try again soon what failed, or took too long and may still be running."""
        self.sqs.set_queue_attributes(
            QueueUrl=self.target.outputs["CloseQueueUrl"],
            Attributes={"VisibilityTimeout": str(_RETRY_SECONDS)},
        )

    def new_site(self, site_id: str, clock: str) -> str:
        """Make a test site whose clock starts at an instant; return a key that may do all."""
        billing = DynamoTable(self.target.dynamodb, self.target.outputs["BillingTable"])
        command = CreateSite(
            id=site_id,
            test=True,
            timezone="UTC",
            currency="USD",
            seller=Address(name="Soaked Ltd"),
            clock=parse_instant(clock, "clock"),
        )
        now = real_now()
        site = create_site(command, sites=StoredSites(billing), now=now)
        ring = StoredApiKeys(billing)
        return create_key(site, ["admin"], "soak", parts=new_key_parts(), ring=ring, now=now)[1]

    def sweep(self) -> None:
        """Do what the schedule does every five minutes."""
        run_sweep(self.target)

    def audit(self) -> None:
        """Do what the schedule does every day."""
        answer = self.target.functions.invoke(
            FunctionName=self.target.outputs["DispatcherFunction"],
            Payload=json.dumps({"audit": True}).encode(),
        )
        if answer.get("FunctionError"):
            raise RuntimeError(f"the audit was not asked for: {answer['Payload'].read()!r}")

    def settle(self) -> None:
        """Wait until the workers have nothing to do; what is delayed by minutes waits on."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        quiet = 0
        while quiet < 3:  # a message that is being sent is in no queue
            if time.monotonic() > deadline:
                raise RuntimeError(f"the workers were not done in {_PATIENCE_SECONDS} s")
            time.sleep(0.2)
            quiet = 0 if self._at_work() else quiet + 1

    def _at_work(self) -> int:
        names: list[Any] = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
        ]
        counts = self.sqs.get_queue_attributes(
            QueueUrl=self.target.outputs["CloseQueueUrl"], AttributeNames=names
        )["Attributes"]
        return sum(map(int, counts.values()))


def advance(wire: Wire, to: str) -> str | None:
    """Move the site's clock on in one request; return how far it came, None if that is unknown."""
    answer = wire.send("POST", "/v1/test-clock/advance", {"to": to})
    return str(answer.body["now"]) if answer.status in {200, 202} else None


def advance_to(wire: Wire, to: str) -> None:
    """Move the site's clock on until it is there."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while advance(wire, to) != to:
        if time.monotonic() > deadline:
            raise RuntimeError(f"the clock did not come to {to} in {_PATIENCE_SECONDS} s")
