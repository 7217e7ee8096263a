"""A site with the real stores and use cases over tables in memory, and a clock that tests set.

What a process does beyond its own memory passes through its `Calls`, which can end or disturb it at
any one of these points. Several processes may share the same tables: see `World.another_process`.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from postpaid.application.books import Books
from postpaid.application.cancel_subscription import CancelSubscription, cancel_subscription
from postpaid.application.catalog import (
    ChangeItem,
    ChangeItemPrice,
    Created,
    CreateItem,
    CreateItemPrice,
    change_item,
    change_item_price,
    create_item,
    create_item_price,
)
from postpaid.application.change_closing import ChangeClosing, change_closing
from postpaid.application.change_lines import ChangeLines, LineChange, change_lines
from postpaid.application.close_invoice import close_invoice
from postpaid.application.correct_usage import CorrectUsage, correct_usage
from postpaid.application.customers import (
    ChangeCustomer,
    CreateCustomer,
    change_customer,
    create_customer,
)
from postpaid.application.delete_customer import delete_customer
from postpaid.application.delete_invoice import delete_invoice
from postpaid.application.delete_usage import delete_usage
from postpaid.application.due_terms import Due, dispatch_due
from postpaid.application.edit_subscription import NO_REQUEST, Edited, Office, Request
from postpaid.application.entries import Appended
from postpaid.application.item_families import (
    ChangeItemFamily,
    CreateItemFamily,
    change_item_family,
    create_item_family,
)
from postpaid.application.make_line import CreateLine
from postpaid.application.one_time_charges import AddCharge, add_charge, remove_charge
from postpaid.application.ports import Unavailable
from postpaid.application.pull_usage import Pulled, Puller, Unanswered, pull_usage
from postpaid.application.reconcile_term import Reconciled, reconcile_term
from postpaid.application.record_batch import record_batch
from postpaid.application.record_payment import RecordPayment, record_payment
from postpaid.application.record_usage import RecordedUsage, RecordUsage, record_usage
from postpaid.application.render_invoice import render_invoice
from postpaid.application.sites import ChangeSite, change_site
from postpaid.application.subscriptions import CreateSubscription, Shelf, create_subscription
from postpaid.application.sync_invoice import Synced, sync_invoice
from postpaid.application.void_invoice import void_invoice
from postpaid.application.work_due import Worker, work_invoice, work_late, work_pulled, work_term
from postpaid.domain.asking import Question
from postpaid.domain.calendar import Cadence
from postpaid.domain.catalog import Item, ItemFamily, ItemPrice, ItemType
from postpaid.domain.customer import Customer
from postpaid.domain.errors import BillingError
from postpaid.domain.invoice import Invoice, InvoiceStatus
from postpaid.domain.invoice_content import InvoiceContent, content_from_plain, stored_content
from postpaid.domain.invoice_document import InvoiceDocument
from postpaid.domain.one_time import OneTimeCharge
from postpaid.domain.payment import Payment
from postpaid.domain.series import Series
from postpaid.domain.site import ClosingPolicy, Scope, Site
from postpaid.domain.subscription import Subscription
from postpaid.domain.supplement import (
    Supplement,
    plain_supplement,
    supplement_from_plain,
)
from postpaid.domain.term import Term
from postpaid.domain.usage import Aggregation, Recording, UsageKey
from postpaid.domain.usage_statement import (
    UsageStatement,
    statement_from_plain,
    stored_statement,
)
from postpaid.domain.usage_url import UsageUrl
from postpaid.store import keys
from postpaid.store import tables as plain
from postpaid.store.books import SiteStores
from postpaid.store.due import StoredDue, due_invoice, due_scope, due_term
from postpaid.store.memory import MemoryTable
from postpaid.store.site_secrets import StoredSiteSecrets
from postpaid.store.sites import StoredSites
from postpaid.store.subscriptions import StoredSubscriptions
from postpaid.store.terms import StoredTerms
from postpaid.store.usage import StoredUsages, StoredUsagesOf
from tests.support.faults import Calls, Faulty
from tests.support.samples import PAYER, a_site, at


@dataclass(frozen=True, slots=True)
class MemoryDocuments:
    """The document bucket: bytes under their hash, in a dictionary."""

    objects: dict[str, bytes]
    calls: Calls

    def put_content(self, invoice_id: str, body: bytes) -> str:
        said = content_from_plain(json.loads(body))
        assert said.invoice_id == invoice_id
        assert stored_content(said) == body, "what is stored says the same"
        return self._put(body)

    def get_content(self, invoice: Invoice) -> InvoiceContent:
        assert invoice.content_hash is not None
        digest = invoice.content_hash
        body = self.calls.make("documents.get", lambda: self.objects[digest])
        return content_from_plain(json.loads(body))

    def put_supplement(self, supplement: Supplement) -> str:
        body = json.dumps(plain_supplement(supplement), sort_keys=True).encode()
        assert supplement_from_plain(json.loads(body)) == supplement
        return self._put(body)

    def get_supplement(self, appended: Appended) -> Supplement:
        body = self.calls.make("documents.get", lambda: self.objects[appended.content_hash])
        return supplement_from_plain(json.loads(body))

    def put_pdf(self, invoice_id: str, body: bytes) -> str:
        return self._put(body)

    def put_statement(self, invoice_id: str, body: bytes) -> str:
        said = statement_from_plain(json.loads(body))
        assert said.invoice_id == invoice_id
        assert stored_statement(said) == body, "what is stored says the same"
        return self._put(body)

    def get_statement(self, invoice_id: str, digest: str) -> UsageStatement:
        body = self.calls.make("documents.get", lambda: self.objects.get(digest))
        if body is None:
            raise Unavailable("there is no such statement")
        return statement_from_plain(json.loads(body))

    def has_statement_pdf(self, invoice_id: str, digest: str) -> bool:
        return self.calls.make("documents.head", lambda: f"usages-{digest}" in self.objects)

    def put_statement_pdf(self, invoice_id: str, digest: str, body: bytes) -> None:
        name = f"usages-{digest}"
        self.calls.make("documents.put", lambda: self.objects.setdefault(name, body))

    def _put(self, body: bytes) -> str:
        digest = hashlib.sha256(body).hexdigest()
        self.calls.make("documents.put", lambda: self.objects.setdefault(digest, body))
        return digest


class PlainTypesetter:
    """Makes documents that are the text of what they say."""

    def typeset(self, document: InvoiceDocument | UsageStatement) -> bytes:
        return repr(document).encode()


def record_command(
    quantity: str,
    on: str,
    *,
    item_price_id: str | None = "minutes",
    subscription_id: str = "sub",
    line_id: str | None = None,
    **more: Any,
) -> RecordUsage:
    """Return what a client asks to record."""
    return RecordUsage(
        subscription_id=subscription_id,
        line_id=line_id,
        item_price_id=item_price_id,
        usage_date=on,
        quantity=Decimal(quantity),
        **more,
    )


type Report = tuple[Due, tuple[str, ...], str | None, bool]


@dataclass
class Clock:
    """The present instant, set by the test."""

    now: datetime


@dataclass(frozen=True, slots=True)
class World:
    """One site as one process sees it."""

    clock: Clock
    usages: plain.Table = field(default_factory=MemoryTable)
    billing: plain.Table = field(default_factory=MemoryTable)
    objects: dict[str, bytes] = field(default_factory=dict)
    close_queue: list[Sequence[Due]] = field(default_factory=list)
    render_queue: list[str] = field(default_factory=list)
    pull_queue: list[Due] = field(default_factory=list)
    # What pullers report to workers, and which terms they ask them to reconcile.
    report_queue: list[Report] = field(default_factory=list)
    # What usage URLs answer; those that are not here do not.
    answers: dict[str, str] = field(default_factory=dict)
    calls: Calls = field(default_factory=Calls)
    blocks: dict[str, list[int]] = field(default_factory=dict)
    scope: Scope = field(default_factory=lambda: Scope("acme"))
    runs: Iterator[int] = field(default_factory=count)  # names for attempts to close

    @classmethod
    def at(cls, now: str, site: Site | None = None, **parts: Any) -> "World":
        """Return a world with a site and a customer, `globex`."""
        world = cls(Clock(at(now)), **parts)
        StoredSites(world.billing).add(site or a_site(created_at=world.now))
        world.customer()
        return world

    @classmethod
    def voip(cls, usage_shards: int = 1, **parts: Any) -> "World":
        """Return the fifth of October 2026: minutes at 0.05 and 10.00 a month, since the first."""
        world = cls.at("2026-10-05T12:00", **parts)
        world.price("minutes", "0.05", base_fee="10.00")
        world.subscription("minutes", start="2026-10-01", usage_shards=usage_shards)
        return world

    def another_process(self) -> "World":
        """Return a second process over the same tables, bucket, queues and clock."""
        return replace(self, calls=Calls(), blocks={})

    def copy(self) -> "World":
        """Return a world of its own in which everything is the same; its calls count from 0."""
        assert isinstance(self.usages, MemoryTable)
        assert isinstance(self.billing, MemoryTable)
        return World(
            clock=Clock(self.now),
            usages=self.usages.copy(),
            billing=self.billing.copy(),
            objects={**self.objects},
            close_queue=[*self.close_queue],
            render_queue=[*self.render_queue],
            pull_queue=[*self.pull_queue],
            report_queue=[*self.report_queue],
            answers={**self.answers},
            blocks={kind: [*block] for kind, block in self.blocks.items()},
            scope=self.scope,
            runs=count(1000),
        )

    # --- what there is

    @property
    def now(self) -> datetime:
        return self.clock.now

    @property
    def stores(self) -> SiteStores:
        return SiteStores.of(
            Faulty(self.usages, self.calls, "usages"),
            Faulty(self.billing, self.calls, "billing"),
            self.scope,
        )

    @property
    def documents(self) -> MemoryDocuments:
        return MemoryDocuments(self.objects, self.calls)

    @property
    def books(self) -> Books:
        return self.stores.books(self.documents, self.now)

    @property
    def office(self) -> Office:
        stores = self.stores
        return Office(
            scope=self.scope,
            books=self.books,
            items=stores.items,
            ids=stores.ids(self.blocks),
            now=self.now,
        )

    def term(self, start: str, subscription_id: str = "sub") -> Term:
        term = self.stores.terms.get(subscription_id, at(start))
        assert term is not None
        return term

    def subscription_of(self, subscription_id: str = "sub") -> Subscription:
        """Read a subscription as it is now."""
        found = self.stores.subscriptions.get(subscription_id)
        assert found is not None
        return found

    def ledger(self, subscription_id: str = "sub") -> StoredUsagesOf:
        """Return the usages of a subscription."""
        return self.stores.ledger.of(self.subscription_of(subscription_id))

    def terms(self, subscription_id: str = "sub") -> list[Term]:
        """Return the terms of a subscription, the oldest first."""
        return self.stores.terms.page(subscription_id, before=None, limit=1000)[::-1]

    def invoices(self) -> list[Invoice]:
        """Return all invoices, the oldest boundary first."""
        things, more = self.stores.lists(self.now).invoices(None, 100)
        assert more is None
        return sorted(things, key=lambda invoice: (invoice.period_end, invoice.id))

    def issued(self) -> list[Invoice]:
        """Return the issued invoices in the order of their numbers."""
        issued = [each for each in self.invoices() if each.status is InvoiceStatus.ISSUED]
        return sorted(issued, key=lambda invoice: invoice.serial or 0)

    def content(self, invoice: Invoice) -> InvoiceContent:
        return self.documents.get_content(invoice)

    def customer_of(self, customer_id: str = "globex") -> Customer:
        """Read a customer as it is now."""
        found = self.stores.customers.get(customer_id)
        assert found is not None
        return found

    # --- what is set up

    def change_site(self, **settings: Any) -> Site:
        """Change settings of the site."""
        command = ChangeSite(**settings)
        return change_site(self.scope.site, command, sites=self.stores.all_sites)

    def add_series(self, series_id: str, prefix: str) -> Site:
        """Add a series of invoice numbers, or give it another prefix."""
        return self.change_site(series=[Series(series_id, prefix)])

    def customer(
        self,
        customer_id: str = "globex",
        closing: ClosingPolicy | None = None,
        series: str | None = None,
        **more: Any,
    ) -> Customer:
        stores = self.stores
        return create_customer(
            CreateCustomer(id=customer_id, address=PAYER, closing=closing, series=series, **more),
            customers=stores.customers,
            sites=stores.sites,
            ids=stores.ids(self.blocks),
            now=self.now,
        ).thing

    def change_customer(self, customer_id: str = "globex", **changes: Any) -> Customer:
        """Change a customer."""
        stores = self.stores
        command = ChangeCustomer(id=customer_id, **changes)
        return change_customer(
            command, customers=stores.customers, sites=stores.sites, now=self.now
        )

    def delete_customer(self, customer_id: str = "globex") -> Customer:
        """Delete a customer."""
        stores = self.stores
        return delete_customer(
            customer_id,
            customers=stores.customers,
            subscriptions=stores.subscriptions,
            terms=stores.terms,
            now=self.now,
        )

    def item(
        self,
        item_id: str,
        *,
        metered: bool = True,
        recording: Recording = Recording.ONE_PER_DATE,
        aggregation: Aggregation = Aggregation.SUM,
        family_id: str | None = None,
        item_type: ItemType = ItemType.PLAN,
    ) -> Item:
        stores = self.stores
        command = CreateItem(
            id=item_id,
            name=item_id.capitalize(),
            type=item_type,
            metered=metered,
            unit="minute" if metered else None,
            recording=recording,
            aggregation=aggregation,
            family_id=family_id,
        )
        return create_item(
            command,
            items=stores.items,
            families=stores.families,
            ids=stores.ids(self.blocks),
            now=self.now,
        ).thing

    def family(self, family_id: str, **more: Any) -> ItemFamily:
        """Create an item family, called as it is."""
        stores = self.stores
        command = CreateItemFamily(id=family_id, name=family_id.capitalize(), **more)
        return create_item_family(
            command, families=stores.families, ids=stores.ids(self.blocks), now=self.now
        ).thing

    def change_family(self, family_id: str, **fields: Any) -> ItemFamily:
        """Change an item family."""
        command = ChangeItemFamily(id=family_id, fields=fields)
        return change_item_family(command, families=self.stores.families, now=self.now)

    def change_item(self, item_id: str, **fields: Any) -> Item:
        """Change an item."""
        stores = self.stores
        command = ChangeItem(id=item_id, fields=fields)
        return change_item(command, items=stores.items, families=stores.families, now=self.now)

    def price(
        self,
        price_id: str,
        unit_amount: str,
        *,
        currency: str = "USD",
        **more: Any,
    ) -> ItemPrice:
        """Create an item price by the unit and, if none is named, an item of its own for it."""
        pricing = {"pricing_model": "per_unit", "unit_amount": unit_amount}
        return self.priced(price_id, pricing, currency=currency, **more)

    def priced(
        self,
        price_id: str,
        pricing: Mapping[str, Any],
        *,
        item_id: str | None = None,
        base_fee: str | None = None,
        setup_fee: str | None = None,
        currency: str = "USD",
        cadence: Cadence | None = None,
        **item: Any,
    ) -> ItemPrice:
        """Create an item price of any model and, if none is named, an item of its own for it."""
        stores = self.stores
        command = CreateItemPrice(
            id=price_id,
            item_id=item_id or self.item(f"item-{price_id}", **item).id,
            name=None,
            currency=currency,
            pricing=pricing,
            base_fee=base_fee,
            setup_fee=setup_fee,
            cadence=cadence,
        )
        return create_item_price(
            command,
            items=stores.items,
            prices=stores.prices,
            ids=stores.ids(self.blocks),
            now=self.now,
        ).thing

    def reprice(self, price_id: str, **fields: Any) -> ItemPrice:
        """Make a new version of an item price."""
        stores = self.stores
        command = ChangeItemPrice(id=price_id, fields=fields)
        return change_item_price(command, items=stores.items, prices=stores.prices, now=self.now)

    def subscription(
        self,
        *price_ids: str,
        subscription_id: str = "sub",
        start: str | None = None,
        timezone: str | None = None,
        closing: ClosingPolicy | None = None,
        customer_id: str = "globex",
        own: Mapping[str, Mapping[str, Any]] | None = None,
        urls: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Subscription:
        """Create a subscription with a line for each item price; *own* are prices of lines.

        *urls* are the usage URLs of lines.
        """
        lines = [
            CreateLine(
                item_price_id=each,
                id=None,
                quantity=None,
                pricing=(own or {}).get(each),
                usage_url=UsageUrl(urls[each]) if urls and each in urls else None,
            )
            for each in price_ids
        ]
        return self.subscribe(
            CreateSubscription(
                id=subscription_id,
                customer_id=customer_id,
                timezone=timezone,
                start=start,
                lines=lines,
                closing=closing,
                **more,
            )
        )

    def change_lines(
        self, *changes: LineChange, effective: object = None, request: Request = NO_REQUEST
    ) -> Edited:
        """Change lines of the one subscription."""
        command = ChangeLines(subscription_id="sub", changes=changes, effective=effective)
        return change_lines(command, office=self.office, request=request)

    def cancel(self, at_: object, *, credit_unused: bool = False) -> Edited:
        """Cancel the one subscription."""
        command = CancelSubscription(subscription_id="sub", at=at_, credit_unused=credit_unused)
        return cancel_subscription(command, office=self.office)

    def change_closing(self, command: ChangeClosing) -> Subscription:
        """Change how a subscription closes, and what else is changed that way."""
        stores = self.stores
        return change_closing(
            command,
            scope=self.scope,
            subscriptions=stores.subscriptions,
            terms=stores.terms,
            invoices=stores.invoices,
            customers=stores.customers,
            sites=stores.sites,
            now=self.now,
        )

    def subscribe(self, command: CreateSubscription) -> Subscription:
        stores = self.stores
        return create_subscription(
            command,
            scope=self.scope,
            shelf=Shelf(
                items=stores.items,
                prices=stores.prices,
                customers=stores.customers,
                sites=stores.sites,
            ),
            subscriptions=stores.subscriptions,
            activation=stores.closing(self.now),
            ids=stores.ids(self.blocks),
            now=self.now,
        ).thing

    # --- what happens

    def record(
        self,
        quantity: str,
        on: str,
        *,
        item_price_id: str | None = "minutes",
        subscription_id: str = "sub",
        **more: Any,
    ) -> RecordedUsage:
        """Record a usage as the function does, without a kept subscription."""
        command = record_command(
            quantity, on, item_price_id=item_price_id, subscription_id=subscription_id, **more
        )
        usages = Faulty(self.usages, self.calls, "usages")
        billing = Faulty(self.billing, self.calls, "billing")
        return record_usage(
            command,
            subscriptions=StoredSubscriptions(billing, self.scope),
            ledger=StoredUsages(usages, self.scope),
            terms=StoredTerms(billing, self.scope),
            now=self.now,
        )

    def record_batch(
        self, *commands: RecordUsage | BillingError, whole: bool = False
    ) -> list[RecordedUsage | BillingError | Unavailable]:
        """Record a batch as the function does, without kept subscriptions."""
        usages = Faulty(self.usages, self.calls, "usages")
        billing = Faulty(self.billing, self.calls, "billing")
        return record_batch(
            commands,
            subscriptions=StoredSubscriptions(billing, self.scope),
            ledger=StoredUsages(usages, self.scope),
            terms=StoredTerms(billing, self.scope),
            now=self.now,
            whole=whole,
        )

    def delete(self, key: UsageKey, **more: Any) -> RecordedUsage:
        usages = Faulty(self.usages, self.calls, "usages")
        billing = Faulty(self.billing, self.calls, "billing")
        return delete_usage(
            key,
            subscriptions=StoredSubscriptions(billing, self.scope),
            ledger=StoredUsages(usages, self.scope),
            terms=StoredTerms(billing, self.scope),
            **{"now": self.now} | more,
        )

    def correct(self, key: UsageKey, version: int, quantity: str) -> RecordedUsage:
        """Correct a usage as the function does, without a kept subscription."""
        usages = Faulty(self.usages, self.calls, "usages")
        billing = Faulty(self.billing, self.calls, "billing")
        return correct_usage(
            CorrectUsage(key=key, version=version, quantity=Decimal(quantity)),
            subscriptions=StoredSubscriptions(billing, self.scope),
            ledger=StoredUsages(usages, self.scope),
            terms=StoredTerms(billing, self.scope),
            now=self.now,
        )

    def close(
        self, invoice: Invoice, *, accept_bounds: bool = False, without_usage_urls: bool = False
    ) -> Invoice:
        """Close an invoice on request."""
        return close_invoice(
            invoice.id,
            books=self.books,
            run=self._new_run(),
            now=self.now,
            accept_bounds=accept_bounds,
            without_usage_urls=without_usage_urls,
        )

    def sync(self, invoice: Invoice) -> Synced:
        """Bring a pending invoice up to its usage."""
        return sync_invoice(
            invoice.id, books=self.books, request_pull=self._request_pull, now=self.now
        )

    def void(self, invoice: Invoice, reason: str | None = None) -> Invoice:
        """Void an invoice on request."""
        return void_invoice(invoice.id, reason, books=self.books, now=self.now)

    def throw_away(self, invoice: Invoice, reason: str | None = None) -> Invoice:
        """Delete a pending invoice on request."""
        return delete_invoice(
            invoice.id, reason, books=self.books, run=self._new_run(), now=self.now
        )

    def pay(
        self, invoice: Invoice, amount: object, payment_id: str = "pay", **more: Any
    ) -> Created[Payment]:
        """Record a payment of an invoice."""
        command = RecordPayment(invoice_id=invoice.id, id=payment_id, amount=amount, **more)
        stores = self.stores
        return record_payment(
            command,
            invoices=stores.invoices,
            payments=stores.payments,
            site=stores.site,
            now=self.now,
        )

    def add_charge(
        self, invoice: Invoice, item_price_id: str, charge_id: str = "chg", **more: Any
    ) -> Created[OneTimeCharge]:
        """Put a one-time charge on an invoice."""
        command = AddCharge(
            invoice_id=invoice.id, id=charge_id, item_price_id=item_price_id, **more
        )
        return add_charge(command, office=self.office)

    def remove_charge(self, invoice: Invoice, charge_id: str = "chg") -> OneTimeCharge:
        """Take a one-time charge off an invoice."""
        return remove_charge(invoice.id, charge_id, books=self.books, now=self.now)

    def reconcile(self, start: str = "2026-10-01") -> Reconciled | None:
        """Bring what is billed of a term of the one subscription up to its usage."""
        return reconcile_term(
            "sub",
            at(start),
            scope=self.scope,
            books=self.books,
            ids=self.stores.ids(self.blocks),
            now=self.now,
        )

    def dispatch(self, look_back: timedelta | None = None) -> int:
        """Send what is due to the close queue."""
        index = StoredDue(Faulty(self.billing, self.calls, "billing"), keys.LIVE)
        return dispatch_due(index, self._send, now=self.now, look_back=look_back)

    def work(self) -> None:
        """Work through the close queue once; a message that failed stays for another time."""
        for message in list(self.close_queue):
            # Every part is tried, as the worker does.
            results = [self.visit(due) for due in message]
            if all(results):
                self.close_queue.remove(message)

    def visit(self, due: Due) -> bool:
        """Do what is due, as the worker does."""
        assert due_scope(due) == self.scope
        try:
            term = due_term(due)
            if term is not None:
                work_term(*term, worker=self.worker)
            else:
                work_invoice(due_invoice(due), worker=self.worker)
        except Unavailable:
            return False
        return True

    @property
    def worker(self) -> Worker:
        stores = self.stores
        return Worker(
            scope=self.scope,
            books=stores.books(self.documents, self.now),
            ids=stores.ids(self.blocks),
            new_run=self._new_run,
            request_render=self._request_render,
            now=self.now,
            asked=stores.terms,
            request_pull=self._request_pull,
            real_now=self.now,
        )

    def pull(self) -> None:
        """Work through the pull queue and the reports once; what failed stays for another time."""
        for due in list(self.pull_queue):
            try:
                self.pull_term(due)
            except Unavailable:
                continue
            self.pull_queue.remove(due)
        for report in list(self.report_queue):
            try:
                self.hear(report)
            except Unavailable:
                continue
            self.report_queue.remove(report)

    def pull_term(self, due: Due, answers: Mapping[str, str] | None = None) -> Pulled | None:
        """Ask the usage URLs of a term, as the puller does, and report."""
        found = due_term(due)
        assert found is not None
        pulled = pull_usage(
            *found, puller=self.puller(self.answers if answers is None else answers)
        )
        if pulled is not None:
            late = any(each.term_start is not None for each in pulled.recorded)
            report = (due, pulled.answered, pulled.failure, late)
            self.calls.make("close_queue.report", lambda: self.report_queue.append(report))
        return pulled

    def hear(self, report: Report) -> None:
        """Work on what a puller reported, as the worker does."""
        due, answered, failure, late = report
        found = due_term(due)
        assert found is not None
        work_pulled(*found, answered, failure, worker=self.worker)
        if late:
            work_late(*found, worker=self.worker)

    def puller(self, answers: Mapping[str, str]) -> Puller:
        """Return what asks; the outside gives *answers* by URL, and none where there is none."""
        stores = self.stores

        def ask(url: UsageUrl, question: Question) -> Decimal:
            if url.text not in answers:
                raise Unanswered("did not answer")
            return Decimal(answers[url.text])

        return Puller(
            subscriptions=stores.subscriptions,
            customers=stores.customers,
            sites=stores.sites,
            secrets=StoredSiteSecrets(Faulty(self.billing, self.calls, "billing")),
            terms=stores.terms,
            invoices=stores.invoices,
            ledger=stores.ledger,
            ask=ask,
            is_late=lambda: False,
            now=self.now,
        )

    def render(self) -> None:
        """Work through the render queue once; a message that failed stays for another time."""
        for invoice_id in list(self.render_queue):
            try:
                render_invoice(
                    invoice_id,
                    invoices=self.stores.invoices,
                    documents=self.documents,
                    typesetter=PlainTypesetter(),
                )
            except Unavailable:
                continue
            self.render_queue.remove(invoice_id)

    def sweep(self, look_back: timedelta | None = None) -> int:
        """Dispatch, work and render once; return how much was due."""
        found = self.dispatch(look_back)
        self.work()
        self.pull()
        self.render()
        return found

    def skip_to(self, text: str) -> None:
        """Move the clock on, past sweeps that would have found nothing."""
        self.clock.now = at(text)
        assert isinstance(self.billing, MemoryTable)
        hours = [
            at(str(item["dpk"]).split("#")[2] + ":00")
            for item in self.billing.items()
            if "dpk" in item
        ]
        three_hours_ago = self.now.replace(minute=0, second=0) - timedelta(hours=3)
        StoredDue(self.billing, keys.LIVE).remember(min([three_hours_ago, *hours]))

    def come_to_rest(self, rounds_max: int = 8) -> None:
        """Sweep every six minutes, a run's hold on its term being five, until two find nothing."""
        quiet = 0
        for _ in range(rounds_max):
            idle = self.sweep() == 0 and not any(
                (self.close_queue, self.render_queue, self.pull_queue, self.report_queue)
            )
            quiet = quiet + 1 if idle else 0
            if quiet == 2:
                return
            self.clock.now += timedelta(minutes=6)
        raise AssertionError("the site does not come to rest")

    def _new_run(self) -> str:
        return f"run-{next(self.runs)}"

    def _send(self, due: Sequence[Due]) -> None:
        self.calls.make("close_queue.send", lambda: self.close_queue.append(list(due)))

    def _request_pull(self, subscription_id: str, start: datetime) -> None:
        due = Due(*keys.term(self.scope, subscription_id, start))
        self.calls.make("pull_queue.send", lambda: self.pull_queue.append(due))

    def _request_render(self, invoice: Invoice) -> None:
        self.calls.make("render_queue.send", lambda: self.render_queue.append(invoice.id))
