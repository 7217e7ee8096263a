"""What sweeps make of a store after the clients are done and nothing fails any more.

The same processes as ever run one after another, each to its end; there is no other repair.
"""

from spec.closers import Close, CloseSupplement, Done, Reconcile, Service, Sweep
from spec.items import Head, Invoice, Key, Status
from spec.processes import Actor
from spec.reads import Read
from spec.rules import Rules
from spec.stores import Store
from spec.writers import Again

# A healthy process needs some ten requests; one that needs so many will never end.
REQUESTS_MAX = 200


class Stuck(Exception):
    """Sweeps do not come to an end: I-34 does not hold."""


class Healer:
    """Runs the sweeps of one configuration."""

    def __init__(self, keys: tuple[Key, ...], rules: Rules, *, gathers: bool) -> None:
        self._keys = keys
        self._rules = rules
        self._gathers = gathers
        self.steps: list[tuple[Store, Store]] = []

    def heal(self, store: Store) -> Store:
        """Return the store after the sweeps; `steps` are those that were taken.

        Raises `Stuck` if a second reconciliation in a row still finds something.
        """
        self.steps = []
        assert not store.landing, "what is decided becomes visible first"
        store = self._close_all(store)
        if self._rules.reconciles:
            store = self._reconcile_all(store)
        # What waits for the next invoice goes out with it.
        for _ in range(2):
            waits = any(each.billed_in is None for each in store.appended())
            if waits and store.terms()[-1].status is Status.OPEN:
                store = self._close(store, store.terms()[-1].start)
        for invoice in list(store.each(Invoice)):
            if invoice.head is Head.PENDING and invoice.bill.k:
                store, _ = self._run(store, CloseSupplement(invoice.bill))
        return store

    def _close_all(self, store: Store) -> Store:
        """Close every term that has ended, and end those that hold usage."""
        newest = max((key.date for key in self._keys), default=0)
        for _ in range(len(self._keys) + 4):
            for term in store.terms():
                ended = term.status in {Status.GRACE, Status.CLOSING}
                used = any(store.usage(key) for key in self._keys if key.date >= term.start)
                if ended or (term.status is Status.OPEN and used and term.start <= newest):
                    store = self._close(store, term.start)
        return store

    def _close(self, store: Store, start: int) -> Store:
        store, _ = self._run(store, Sweep(start))
        close = Close(start, self._keys, asked_for=True, gathers=self._gathers)
        store, _ = self._run(store, close)
        return store

    def _reconcile_all(self, store: Store) -> Store:
        for term in store.terms():
            if term.status is not Status.FROZEN:
                continue
            job = Reconcile(term.start, self._keys, onto_next=self._gathers)
            for again in (False, True):
                store, done = self._run(store, job)
                if done.appended and again:
                    raise Stuck(f"reconciling term {term.start} finds the same again and again")
        return store

    def _run(self, store: Store, job: Service) -> tuple[Store, Done]:
        """Run a process to its end."""
        sweep = Actor("the sweep", job)
        steps = sweep.steps(self._rules, 1, Again())
        answer: object = None
        for _ in range(REQUESTS_MAX):
            try:
                request = steps.send(answer)
            except StopIteration as end:
                if isinstance(end.value, Done):
                    return store, end.value
                steps, answer = sweep.steps(self._rules, 1, end.value), None
                continue
            if isinstance(request, Read):
                answers = list(request.answers(store))
                if not answers:
                    return store, Done()  # what it is for is not there
                answer = answers[0]
            else:
                effect = request.effect(store)
                if effect.stored:
                    store = self._step(store, store.having(*effect.stored))
                answer = effect.answer
        raise Stuck(f"{job} does not come to an end")

    def _step(self, before: Store, after: Store) -> Store:
        self.steps.append((before, after))
        return after
