"""The auditor: holds the service's books, at rest, against those that a client kept.

Amounts are reckoned anew here, by the one formula that the scenarios' prices have.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from postpaid.application.render_invoice import document_of
from postpaid.domain.instants import instant_text
from postpaid.domain.invoice import Invoice, InvoiceStatus, LineKind, RenderState
from postpaid.domain.invoice_content import InvoiceContent
from postpaid.domain.site import LatePolicy
from postpaid.domain.supplement import Billed, Supplement, fold
from postpaid.domain.term import Term, TermStatus
from postpaid.domain.usage import Usage
from postpaid.store import keys
from postpaid.store.memory import MemoryTable
from postpaid.store.tables import Item, Key
from postpaid.store.usage_register import count_in, identity_in
from tests.simulation.charges import audit_charges
from tests.simulation.holding import Broken, hold
from tests.simulation.ledger import Fact, Ledger
from tests.support.integers import astray
from tests.support.world import PlainTypesetter, World

# What a quantity costs, in cents, by the number of the item price.
type Price = Callable[[Decimal], int]

_OUT = {InvoiceStatus.ISSUED, InvoiceStatus.VOIDED}


@dataclass(frozen=True, slots=True)
class Whole:
    """A frozen term with all that was billed for it; *gone* are manifests with deleted invoices."""

    term: Term
    invoice: Invoice
    first: InvoiceContent
    later: list[Supplement]
    billed: Mapping[str, Billed]
    gone: frozenset[int]


@dataclass
class Auditor:
    """Looks at one world. *price* is that of each metered line."""

    world: World
    ledger: Ledger
    price: Price

    def __post_init__(self) -> None:
        assert isinstance(self.world.billing, MemoryTable)
        self._known: dict[tuple[str, int], Whole] = {}
        self.invoices = {invoice.id: invoice for invoice in self.world.invoices()}
        self.contents = {
            each.id: self.world.content(each)
            for each in self.invoices.values()
            if each.content_hash is not None
        }

    def audit(self, subscription_ids: list[str]) -> None:
        """Check every invariant that can be seen from outside; raises `Broken`."""
        self.numbers()
        self.documents()
        for each in subscription_ids:
            self.terms(each)
            for term in self.world.terms(each):
                if term.status is TermStatus.FROZEN:
                    self.frozen(term)
        self.supplements(subscription_ids)
        self.facts()
        self.register()
        self.counts(subscription_ids)
        self.refusals()
        self.credit()
        audit_charges(self.world, self.ledger.charges, self.invoices, self.contents)
        hold(not (lost := astray(self.world.billing)), "I-64", ", ".join(lost))

    # --- invoices

    def numbers(self) -> None:
        """I-10 and I-15: one invoice of a kind, numbers 1 to n, dates in their order."""
        kinds = Counter(
            (each.subscription_id, each.term_start, each.period_end, each.k)
            for each in self.invoices.values()
        )
        hold(max(kinds.values(), default=0) <= 1, "I-10", "two invoices of a term and number")
        series: dict[str, list[Invoice]] = defaultdict(list)
        for each in self.invoices.values():
            hold((each.status in _OUT) == (each.serial is not None), "I-15", f"{each.id}")
            if each.serial is not None:
                series[getattr(each, "series", None) or "main"].append(each)
        for name, numbered in series.items():
            numbered.sort(key=lambda each: each.serial or 0)
            serials = [each.serial for each in numbered]
            hold(serials == list(range(1, len(serials) + 1)), "I-15", f"{name}: {serials}")
            dates = [str(each.issued_on) for each in numbered]
            hold(dates == sorted(dates), "I-15", f"dates go back: {dates}")

    def documents(self) -> None:
        """I-31: each invoice that is out has its document, as it is by now: voided ones are marked.

        I-16: its head has what its lines come to, and what it took from the customer's credit.
        """
        for each in self.invoices.values():
            if each.status in _OUT:
                said = self.contents[each.id]
                made = each.render is RenderState.DONE and each.pdf_hash in self.world.objects
                hold(made, "I-31", f"no document of {each.id}")
                assert each.pdf_hash is not None
                page = PlainTypesetter().typeset(document_of(each, said))
                same = self.world.objects[each.pdf_hash] == page
                hold(same, "I-31", f"the document of {each.id} is not of what it is by now")
                head, lines = each.total, said.total
                hold(head == lines, "I-16", f"{head} in the head, {lines} in the lines")
                taken = 0 if each.credit_applied is None else each.credit_applied.minor
                drawn = said.credit_applied.minor
                hold(taken == drawn, "I-16", f"a credit of {taken} in the head, {drawn} drawn")

    def credit(self) -> None:
        """I-16: a balance is what invoices granted less what they drew."""
        for customer in {each.customer_id for each in self.invoices.values()}:
            owed = sum(
                self.contents[each.id].credit_granted.minor
                - self.contents[each.id].credit_applied.minor
                for each in self.invoices.values()
                if each.customer_id == customer
                and each.content_hash is not None
                and each.status not in {InvoiceStatus.VOIDED, InvoiceStatus.DELETED}
            )
            balance = self.world.stores.credits.balance(customer, "USD").amount.minor
            hold(balance == owed, "I-16", f"a credit of {balance} where {owed} are owed")

    # --- terms

    def terms(self, subscription_id: str) -> None:
        """I-11, I-12 and I-30: terms tile the time, one at most is open, the others are done."""
        subscription = self.world.subscription_of(subscription_id)
        terms = self.world.terms(subscription_id)
        hold(terms[0].period.start == subscription.start, "I-12", "the first term begins late")
        for earlier, later in pairwise(terms):
            fits = earlier.period.end == later.period.start and later.n == earlier.n + 1
            hold(fits, "I-12", f"a gap or an overlap behind {earlier.period.end}")
            hold(earlier.status is not TermStatus.OPEN, "I-11", "two open terms")
            hold(not earlier.last, "I-12", "a term after the last")
        newest = terms[-1]
        ended = subscription.end is not None and subscription.end <= newest.period.end
        for term in terms:
            if term.status in {TermStatus.OPEN, TermStatus.FROZEN}:
                continue
            assert term.invoice_id is not None
            waits = term.due_at is None or term.due_at > self.world.now
            hold(waits, "I-30", f"the term of {term.period.start} is {term.status.value}")
        if newest.status is not TermStatus.OPEN:
            hold(ended and newest.last, "I-11", "no open term, and the subscription goes on")

    def frozen(self, term: Term) -> None:
        """I-05, I-06, I-09, I-16, I-34: the manifests of a term add up to its usage."""
        whole = self._whole(term)
        subscription = self.world.subscription_of(term.subscription_id)
        usages = self._usages(term)
        places = {keys.usage_sk(usage.key): usage for usage in usages}
        hold(len(places) == len(usages), "I-09", "two records of one identity")
        for place, billed in whole.billed.items():
            hold(place in places, "I-09", f"{place} is billed and not recorded")
            hold(billed.version <= places[place].version, "I-05", f"{place}: a later version")
        if subscription.late is not LatePolicy.STORE_ONLY:
            for place, usage in places.items():
                wanted = Decimal(0) if usage.deleted else usage.quantity
                billed = whole.billed.get(place, Billed(0, Decimal(0)))
                same = billed.quantity == wanted
                law = "I-01" if billed.quantity < wanted else "I-09"
                hold(same, law, f"{place}: {billed.quantity} billed, {wanted} used")
            self._amounts(whole, usages)

    def _amounts(self, whole: Whole, usages: list[Usage]) -> None:
        lines = [line for line in whole.first.lines if line.kind is LineKind.USAGE]
        lines = [] if 0 in whole.gone else lines
        lines += [line for each in whole.later if each.k not in whole.gone for line in each.lines]
        charged: dict[str, int] = defaultdict(int)
        used: dict[str, Decimal] = defaultdict(Decimal)
        for line in lines:
            charged[line.line_id] += line.amount.minor
        owed_of = _slots(whole)
        for usage in usages:
            quantity = Decimal(0) if usage.deleted else usage.quantity
            used[usage.key.line_id] += owed_of(keys.usage_sk(usage.key), quantity)
        for line_id in charged.keys() | used.keys():
            owed = self.price(used[line_id])
            hold(charged[line_id] == owed, "I-16", f"{charged[line_id]} charged, {owed} owed")

    def supplements(self, subscription_ids: list[str]) -> None:
        """I-10: each later manifest is on the invoice that it names, and on no other."""
        told = Counter(
            (content.subscription_id, start, k)
            for invoice_id, content in self.contents.items()
            for start, k in content.supplements
        )
        hold(max(told.values(), default=0) <= 1, "I-10", "a supplement on two invoices")
        for each in subscription_ids:
            last = self.world.terms(each)[-1]
            for term in self.world.terms(each):
                for appended in self.world.stores.manifests.of_term(term):
                    key = (each, appended.start, appended.k)
                    if appended.billed_in is None:
                        hold(key not in told, "I-10", f"{key} is billed by none, and told")
                        hopeless = appended.amount.minor and last.status is TermStatus.FROZEN
                        hold(not hopeless, "I-01", f"{key} waits for ever")
                        continue
                    found = self.contents.get(appended.billed_in)
                    named = found and (appended.start, appended.k) in found.supplements
                    hold(bool(named), "I-01", f"{key} is not on the invoice that it names")

    # --- what clients were told

    def facts(self) -> None:
        """I-01, I-03 and I-04: what was acknowledged is there, and where it was promised."""
        for fact in self.ledger.facts:
            usage = self._stored(fact.subscription_id, fact.place)
            hold(usage is not None, "I-01", f"{fact} is not stored")
            assert usage is not None
            hold(usage.version >= fact.version, "I-01", f"{fact} is undone: {usage}")
            if usage.version == fact.version:
                same = usage.deleted == fact.deleted and usage.quantity == fact.quantity
                hold(same, "I-01", f"{fact} became {usage}")
            if fact.billing == "on_time":
                self._on_time(fact, usage)

    def _on_time(self, fact: Fact, usage: Usage) -> None:
        term = self._term_of(usage)
        if term is None or term.status is not TermStatus.FROZEN:
            return
        first = {place: version for place, version, _ in self._whole(term).first.manifest}
        if fact.place in first:
            seen = first[fact.place] >= fact.version
        else:
            # A tombstone is not mentioned: it took the place of this version before the query.
            seen = fact.deleted or usage.deleted or self._was_deleted(fact)
        hold(seen, "I-04", f"{fact} is not in the first manifest of its term: {first}")

    def _was_deleted(self, fact: Fact) -> bool:
        return any(
            each.deleted
            and each.version > fact.version
            and (each.subscription_id, each.place) == (fact.subscription_id, fact.place)
            for each in self.ledger.facts
        )

    def register(self) -> None:
        """I-60 and I-61: an external id names the usage that has it, or had it, and no other."""
        entries = {
            Key(str(item["pk"]), str(item["sk"])): identity_in(item)
            for item in self._beside("#~external#")
        }
        for key in entries.values():
            there = self.world.ledger(key.subscription_id).get(key)
            hold(there is not None, "I-61", f"an external id names {key}, and that is not there")
        for item in self._items():
            if "x" in item:
                named = entries.get(keys.external_id(self.world.scope, str(item["x"])))
                hold(named is not None, "I-61", f"'{item['x']}' is not in the register")
                assert named is not None
                shards = self.world.subscription_of(named.subscription_id).usage_shards
                place = keys.usage_key(self.world.scope, named, shards)
                hold(place == (item["pk"], item["sk"]), "I-60", f"'{item['x']}' is {place}, too")
        for fact in self.ledger.facts:
            if fact.external_id is not None:
                named = entries.get(keys.external_id(self.world.scope, fact.external_id))
                told = keys.usage_from_sk(fact.subscription_id, fact.place)
                hold(named == told, "I-60", f"{fact} is {named} by now")

    def counts(self, subscription_ids: list[str]) -> None:
        """I-62: under a maximum, which is there from the beginning, all are counted, no more."""
        for each in subscription_ids:
            subscription = self.world.subscription_of(each)
            item = self.world.usages.get(keys.usage_count(self.world.scope, each))
            counted = 0 if item is None else count_in(item)
            if subscription.usage_records_max is None:
                hold(item is None, "I-62", f"a count of {counted} without a maximum")
                continue
            slots = keys.usage_slots(subscription.usage_shards)
            shards = {keys.usage_pk(self.world.scope, each, slot) for slot in slots}
            stored = sum(item["pk"] in shards for item in self._items())
            hold(counted == stored, "I-62", f"{counted} counted of {stored}")
            most = subscription.usage_records_max
            hold(counted <= most, "I-62", f"{counted} where {most} may be")

    def refusals(self) -> None:
        """I-02 and I-63: what was refused is neither stored nor billed, nor was there already."""
        told = {fact.quantity for fact in self.ledger.facts} | self.ledger.unknown
        refused = self.ledger.refused - told
        for fact in self.ledger.facts:
            if fact.version == 1 and fact.quantity in self.ledger.refused:
                usage = self._stored(fact.subscription_id, fact.place)
                otherwise = usage is None or usage.version > 1
                hold(otherwise, "I-63", f"a repeat of {fact} was refused")
        for item in self._items():
            stored = Decimal(str(item["q"]))
            hold(stored not in refused, "I-02", f"{stored} was refused, and is stored")
        for content in self.contents.values():
            for place, _, quantity in content.manifest:
                billed = Decimal(quantity)
                hold(billed not in refused, "I-02", f"{place}: {billed} was refused, and billed")

    # --- reading

    def _items(self) -> list[Item]:
        """Return the stored usages of all subscriptions."""
        assert isinstance(self.world.usages, MemoryTable)
        return [item for item in self.world.usages.items() if "q" in item]

    def _beside(self, part: str) -> list[Item]:
        """Return what is stored beside usages under keys with this part."""
        assert isinstance(self.world.usages, MemoryTable)
        return [item for item in self.world.usages.items() if part in str(item["pk"])]

    def _whole(self, term: Term) -> Whole:
        key = (term.subscription_id, term.n)
        if key not in self._known:
            self._known[key] = self._read(term)
        return self._known[key]

    def _read(self, term: Term) -> Whole:
        assert term.invoice_id is not None
        invoice = self.invoices[term.invoice_id]
        first = self.contents[invoice.id]
        log = self.world.stores.manifests.of_term(term)
        indices = [each.k for each in log]
        hold(indices == list(range(1, term.manifests)), "I-06", f"{indices} of {term.manifests}")
        hold(term.manifest_hash == invoice.content_hash, "I-14", "another first manifest")
        later = [self.world.documents.get_supplement(each) for each in log]
        try:
            billed = fold(first, later)
        except AssertionError as error:
            raise Broken(f"I-05: {error}") from error
        own = [(each.k, self.invoices.get(each.billed_in or "")) for each in log]
        gone = {k for k, each in [(0, invoice), *own] if each and each.k == k and _is_deleted(each)}
        return Whole(term, invoice, first, later, billed, frozenset(gone))

    def _usages(self, term: Term) -> list[Usage]:
        return [*self.world.ledger(term.subscription_id).in_period(term.usage_period)]

    def _stored(self, subscription_id: str, place: str) -> Usage | None:
        return self.world.ledger(subscription_id).get(keys.usage_from_sk(subscription_id, place))

    def _term_of(self, usage: Usage) -> Term | None:
        for term in self.world.terms(usage.key.subscription_id):
            period = term.period if term.status is TermStatus.OPEN else term.usage_period
            if period.start <= usage.key.at < period.end:
                return term
        return None


def _is_deleted(invoice: Invoice) -> bool:
    return invoice.status is InvoiceStatus.DELETED


def _slots(whole: Whole) -> Callable[[str, Decimal], Decimal]:
    """Return how much is owed of a usage, by place and quantity, unit by unit.

    What a deleted invoice took up is free, what it took down stays charged. For prices by the unit.
    """
    free: dict[str, set[int]] = defaultdict(set)
    kept: dict[str, set[int]] = defaultdict(set)
    now: dict[str, int] = defaultdict(int)
    changes = [{place: quantity for place, _, quantity in whole.first.manifest}]
    changes += [
        {each.place: str(each.now.quantity) for each in one.differences} for one in whole.later
    ]
    for k, changed in enumerate(changes):
        for place, quantity in changed.items():
            was, now[place] = now[place], int(Decimal(quantity))
            if k in whole.gone:
                free[place] |= {*range(was, now[place])} - kept[place]
                kept[place] |= {*range(now[place], was)}

    def owed(place: str, quantity: Decimal) -> Decimal:
        if place not in free and place not in kept:
            return quantity
        return Decimal(len(({*range(int(quantity))} | kept[place]) - free[place]))

    return owed


def place_of(day: str, line_id: str = "minutes") -> str:
    """Return the place of a day's usage."""
    from tests.support.samples import at  # noqa: PLC0415

    return f"{instant_text(at(day))}#{line_id}"
