"""A client of the service: asks, keeps books of the answers, and repeats what had none."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from postpaid.application.customers import CreateCustomer, create_customer
from postpaid.application.find_invoice import find_invoice_by_number
from postpaid.application.find_numbered import find_line
from postpaid.application.ports import Unavailable
from postpaid.application.replay import Reply, RequestKey, Turn, answered_once
from postpaid.domain.errors import Conflict
from postpaid.runtime.ids import seeded_ids
from postpaid.store.books import SiteStores
from tests.simulation.ledger import Charged, Fact, Ledger
from tests.simulation.plant import Plant
from tests.support.faults import Killed
from tests.support.functions import Answer
from tests.support.samples import PAYER, SCOPE

# No fault lasts longer: a killed process, its successor killed at the same place, and one more.
_ATTEMPTS_MAX = 4
_NOT_NOW = 503
_FAILED = 500


@dataclass
class Ask:
    """A request about usages, which can be sent as often as one likes.

    *quantities* are those that it names, None for a deletion; a *batch* has a result for each.
    One about a one-time *charge* names nothing here.
    """

    send: Callable[[], Answer | None]
    quantities: tuple[Decimal | None, ...]
    subscription_id: str
    batch: bool = False
    charge: "ChargeAsk | None" = None


@dataclass(frozen=True, slots=True)
class ChargeAsk:
    """What a request about a one-time charge names: an id, if it has one, and what it puts on.

    Without a *quantity* it takes the charge off.
    """

    id: str | None
    quantity: Decimal | None


@dataclass
class Client:
    """Sends requests with one key."""

    plant: Plant
    key: str
    ledger: Ledger = field(default_factory=Ledger)
    unanswered: list[Ask] = field(default_factory=list)
    acknowledged: list[Ask] = field(default_factory=list)
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

    def record_batch(self, *usages: tuple[str, str], subscription_id: str = "sub") -> None:
        """Record several usages, each a day and a quantity, by one request under a key."""
        self._requests += 1
        headers = {"Idempotency-Key": f"request-{self._requests}"}
        named = {"subscription_id": subscription_id, "line_id": "minutes"}
        body = {"usages": [{**named, "usage_date": day, "quantity": q} for day, q in usages]}

        def send() -> Answer | None:
            return self.plant.request("POST", "/v1/usages", body, key=self.key, headers=headers)

        quantities = tuple(Decimal(quantity) for _, quantity in usages)
        self._send(Ask(send, quantities, subscription_id, batch=True), 1)

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

    # --- one-time charges

    def charge(self, invoice_id: str, charge_id: str | None, quantity: str) -> None:
        """Put so many of the price `setup` on an invoice; without an id under a key of its own."""
        self._requests += 1
        path = f"/v1/invoices/{invoice_id}/charges"
        body = {"item_price_id": "setup", "quantity": quantity}
        headers = {"Idempotency-Key": f"request-{self._requests}"}
        if charge_id is not None:
            body, headers = {**body, "id": charge_id}, {}
        self._charge("POST", path, body, headers, ChargeAsk(charge_id, Decimal(quantity)))

    def take_off(self, invoice_id: str, charge_id: str) -> None:
        """Take a one-time charge off an invoice."""
        path = f"/v1/invoices/{invoice_id}/charges/{charge_id}"
        self._charge("DELETE", path, None, {}, ChargeAsk(charge_id, None))

    def _charge(
        self, method: str, path: str, body: object, headers: Mapping[str, str], named: ChargeAsk
    ) -> None:
        def send() -> Answer | None:
            return self.plant.request(method, path, body, key=self.key, headers=headers)

        self._send(Ask(send, (), "", charge=named), 1)

    def _note_charge(self, answer: Answer, ask: Ask, named: ChargeAsk) -> None:
        books = self.ledger.charges
        if answer.status >= 400:
            books.no(named.id, named.quantity)
            return
        self.acknowledged.append(ask)
        shown = answer.json
        if named.quantity is None:
            assert shown["removed_at"] is not None
            books.taken_off(shown["id"])
        else:
            books.ok(Charged(shown["invoice_id"], shown["id"], Decimal(shown["quantity"])))

    # --- again

    def repeat(self) -> None:
        """Ask again for what there was no answer to, until there is."""
        asks, self.unanswered = self.unanswered, []
        for ask in asks:
            self._send(ask, _ATTEMPTS_MAX)
        assert not self.unanswered, "no fault lasts so long"

    def replay(self) -> None:
        """Ask again for all that was acknowledged, but for deletions: they name no version.

        What was refused may be taken by now: what was in its way may be deleted.
        """
        for ask in self.acknowledged:
            if ask.charge is not None:
                self._replay_charge(ask, ask.charge)
            named = [quantity for quantity in ask.quantities if quantity is not None]
            if named and not any(self._is_forgotten(quantity) for quantity in named):
                answer = ask.send()
                assert answer is not None
                assert answer.status < _FAILED

    def _replay_charge(self, ask: Ask, named: ChargeAsk) -> None:
        """Ask again for a charge: what was taken off does not come back, the rest is still told."""
        answer = ask.send()
        assert answer is not None
        books = self.ledger.charges
        off = {each.quantity for each in books.on if each.id in books.off}
        wanted = 409 if named.quantity in off else 200
        assert answer.status == wanted, f"I-63: {named} again was answered {answer.status}"

    def _is_forgotten(self, quantity: Decimal) -> bool:
        """Tell whether another request's usage was deleted in the same place, later.

        A tombstone knows the last request only; one before that would add its usage anew.
        """
        own = next(fact for fact in self.ledger.facts if fact.quantity == quantity)
        return any(
            # Deleted, added by the other one and deleted again: a correction has fewer versions.
            fact.deleted and fact.version > own.version + 2
            for fact in self.ledger.facts
            if (fact.subscription_id, fact.place) == (own.subscription_id, own.place)
            if fact.quantity != quantity
        )

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

        self._send(Ask(send, (quantity,), subscription_id), 1)

    def _send(self, ask: Ask, times: int) -> None:
        for _ in range(times):
            answer = ask.send()
            if answer is not None and self._definite(answer, ask):
                return
        self.unanswered.append(ask)
        if ask.charge is not None:
            self.ledger.charges.no_answer(ask.charge.id, ask.charge.quantity)
        for quantity in ask.quantities:
            if not (ask.batch and self._is_noted(quantity)):
                self.ledger.no_answer(quantity)

    def _definite(self, answer: Answer, ask: Ask) -> bool:
        if answer.status == _NOT_NOW:
            return False
        if answer.status >= _FAILED:
            self.failures.append(f"{answer.status}: {self.plant.log.getvalue()[-600:]}")
            return False
        if ask.charge is not None:
            self._note_charge(answer, ask, ask.charge)
            return True
        if ask.batch:
            return self._definite_batch(answer.json["results"], ask)
        if answer.status >= 400:
            self.ledger.no(ask.quantities[0])
            return True
        self.acknowledged.append(ask)
        self._note(answer.json, ask)
        return True

    def _definite_batch(self, results: list[Any], ask: Ask) -> bool:
        """Note what is new of a batch's results; whether there is one for each of its usages."""
        assert len(results) == len(ask.quantities)
        for quantity, result in zip(ask.quantities, results, strict=True):
            if result["status"] != _NOT_NOW and not self._is_noted(quantity):
                if "usage" in result:
                    self._note(result["usage"], ask)
                else:
                    self.ledger.no(quantity)
        if all("usage" in result for result in results):
            self.acknowledged.append(ask)
        return all(result["status"] != _NOT_NOW for result in results)

    def _is_noted(self, quantity: Decimal | None) -> bool:
        known = {fact.quantity for fact in self.ledger.facts}
        return quantity in known or quantity in self.ledger.refused

    def _note(self, shown: Mapping[str, Any], ask: Ask) -> None:
        self.ledger.ok(
            Fact(
                subscription_id=ask.subscription_id,
                place=f"{shown['usage_date']}#{shown['line_id']}",
                version=shown["version"],
                quantity=Decimal(shown["quantity"]),
                deleted=shown["deleted"],
                billing=shown["billing"],
                external_id=shown.get("external_id"),
            )
        )

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

    def make_customer(self, key: str, *, fails: int = 0) -> None:
        """Make a customer whose id nobody chose, under a key; *fails* times it says "not now".

        Asked again until there is an answer, and once more: one thing is made, and the answers are
        alike.
        """
        names = iter(range(100))
        left = [fails]

        def ask() -> str:
            functions = self.plant.functions
            stores = SiteStores.of(functions.usages, functions.billing, SCOPE)

            def act(turn: Turn) -> Reply:
                customer_id = seeded_ids(turn.seed)("cus")
                command = CreateCustomer(id=customer_id, address=PAYER, closing=None)
                made = create_customer(
                    command,
                    customers=stores.customers,
                    sites=stores.sites,
                    ids=stores.ids({}),
                    now=self.plant.clock.instant,
                ).thing
                left[0] -= 1
                return Reply(200 if left[0] < 0 else _NOT_NOW, made.id)

            return answered_once(
                RequestKey("POST", "/customers", key),
                "content",
                act,
                scope=SCOPE,
                replies=stores.replies,
                run=f"{key}-{next(names)}",
                now=self.plant.clock.instant,
            ).reply.body

        told: list[str] = []
        for _ in range(_ATTEMPTS_MAX + fails):
            try:
                told.append(ask())
            except (Unavailable, Killed, Conflict):
                self.plant.skip(seconds=61)  # a claim is held for a minute
        assert len(told) > 1, "no fault lasts so long"
        assert len(set(told)) == 1, "I-07: a request that came again made another thing"

    def find_invoice(self, number: str) -> str:
        """Return the id of the invoice that has a number; asked until there is an answer."""
        for _ in range(_ATTEMPTS_MAX):
            functions = self.plant.functions
            try:
                stores = SiteStores.of(functions.usages, functions.billing, SCOPE)
                found = find_invoice_by_number(
                    number, site=stores.site, numbers=stores.numbers, invoices=stores.invoices
                )
            except (Unavailable, Killed):
                continue
            assert found is not None, f"nobody has {number}"
            return found.id
        raise AssertionError("no fault lasts so long")

    def find_line(self, integer: int) -> tuple[str, str] | None:
        """Return the subscription and line that an integer means; asked until there is an answer.

        None if it means none.
        """
        for _ in range(_ATTEMPTS_MAX):
            functions = self.plant.functions
            try:
                stores = SiteStores.of(functions.usages, functions.billing, SCOPE)
                found = find_line(
                    integer, numbered=stores.numbered, subscriptions=stores.subscriptions
                )
            except (Unavailable, Killed):
                continue
            return None if found is None else (found.subscription.id, found.line_id)
        raise AssertionError("no fault lasts so long")

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
