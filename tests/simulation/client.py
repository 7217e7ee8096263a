"""A client of the service: asks, keeps books of the answers, and repeats what had none."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from postpaid.application.ports import Unavailable
from postpaid.domain.errors import Conflict
from tests.simulation.ledger import Fact, Ledger
from tests.simulation.plant import Plant
from tests.support.faults import Killed
from tests.support.functions import Answer

# No fault lasts longer: a killed process, its successor killed at the same place, and one more.
_ATTEMPTS_MAX = 4
_NOT_NOW = 503
_FAILED = 500


@dataclass
class Ask:
    """A request about a usage, which can be sent as often as one likes."""

    send: Callable[[], Answer | None]
    quantity: Decimal | None
    subscription_id: str


@dataclass
class Client:
    """Sends requests with one key."""

    plant: Plant
    key: str
    ledger: Ledger = field(default_factory=Ledger)
    unanswered: list[Ask] = field(default_factory=list)
    answered: list[Ask] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _requests: int = 0

    # --- usage

    def record(self, day: str, quantity: str, subscription_id: str = "sub", **more: object) -> None:
        """Record a usage, under an idempotency key of its own."""
        self._requests += 1
        headers = {"Idempotency-Key": f"request-{self._requests}"}
        body = {"line_id": "minutes", "usage_date": day, "quantity": quantity, **more}
        path = f"/v1/subscriptions/{subscription_id}/usages"
        self._ask("POST", path, body, headers, Decimal(quantity), subscription_id)

    def correct(
        self, usage_id: str, version: int, quantity: str, subscription_id: str = "sub"
    ) -> None:
        """Correct a usage over a version."""
        path = f"/v1/subscriptions/{subscription_id}/usages/{usage_id}"
        headers = {"If-Match": f'"{version}"'}
        body = {"quantity": quantity}
        self._ask("PUT", path, body, headers, Decimal(quantity), subscription_id)

    def delete(self, usage_id: str, subscription_id: str = "sub") -> None:
        """Delete a usage."""
        path = f"/v1/subscriptions/{subscription_id}/usages/{usage_id}"
        self._ask("DELETE", path, None, {}, None, subscription_id)

    def repeat(self) -> None:
        """Ask again for what there was no answer to, until there is."""
        asks, self.unanswered = self.unanswered, []
        for ask in asks:
            self._send(ask, _ATTEMPTS_MAX)
        assert not self.unanswered, "no fault lasts so long"

    def replay(self) -> None:
        """Ask again for all that was answered, but for deletions: they name no version."""
        for ask in self.answered:
            if ask.quantity is not None:
                answer = ask.send()
                assert answer is not None
                assert answer.status < _FAILED

    def _ask(
        self,
        method: str,
        path: str,
        body: object,
        headers: Mapping[str, str],
        quantity: Decimal | None,
        subscription_id: str,
    ) -> None:
        def send() -> Answer | None:
            return self.plant.request(method, path, body, key=self.key, headers=headers)

        self._send(Ask(send, quantity, subscription_id), 1)

    def _send(self, ask: Ask, times: int) -> None:
        for _ in range(times):
            answer = ask.send()
            if answer is not None and self._definite(answer, ask):
                self.answered.append(ask)
                return
        self.unanswered.append(ask)
        self.ledger.no_answer(ask.quantity)

    def _definite(self, answer: Answer, ask: Ask) -> bool:
        if answer.status == _NOT_NOW:
            return False
        if answer.status >= _FAILED:
            self.failures.append(f"{answer.status}: {self.plant.log.getvalue()[-600:]}")
            return False
        if answer.status >= 400:
            self.ledger.no(ask.quantity)
            return True
        shown = answer.json
        self.ledger.ok(
            Fact(
                subscription_id=ask.subscription_id,
                place=f"{shown['usage_date']}#{shown['line_id']}",
                version=shown["version"],
                quantity=Decimal(shown["quantity"]),
                deleted=shown["deleted"],
                billing=shown["billing"],
                external_id=shown["external_id"],
            )
        )
        return True

    # --- everything else

    def new_site(self, site_id: str) -> None:
        """Create a site as the operator does; what is there when it is repeated is this one."""
        for _ in range(_ATTEMPTS_MAX):
            try:
                self.plant.functions.new_site(site_id)
            except (Unavailable, Killed):
                continue
            except Conflict:
                pass  # the first try made it
            return

    def insist(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        refused: int | None = None,
    ) -> Answer:
        """Ask until there is an answer, which must be a yes; or, once, the status *refused*."""
        answer = None
        for _ in range(_ATTEMPTS_MAX):
            answer = self.plant.request(method, path, body, key=self.key, headers=headers)
            if answer is not None and answer.status not in {_NOT_NOW, _FAILED}:
                break
            if answer is not None and answer.status == _FAILED:
                self.failures.append(f"500: {self.plant.log.getvalue()[-600:]}")
        assert answer is not None, f"{method} {path} is killed for ever"
        good = answer.status < 300 or answer.status == refused
        assert good, f"{method} {path} answered {answer.status}: {answer.text}"
        return answer
