"""What a control-plane function keeps between requests, and the desk that it makes for each."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from postpaid.api.desk import Desk
from postpaid.application.advance_clock import Hands
from postpaid.application.due_terms import Due
from postpaid.application.edit_subscription import Office
from postpaid.application.find_numbered import LineName
from postpaid.application.ports import Unavailable
from postpaid.application.work_due import Worker, work_invoice, work_term
from postpaid.assembly.recorder import Recorder, Tables
from postpaid.domain.api_key import ApiKey
from postpaid.domain.subscription import Subscription
from postpaid.outbound import documents, queue
from postpaid.runtime import clock
from postpaid.runtime.cache import Cache
from postpaid.runtime.ids import new_id, new_key_parts, new_run, seeded_ids
from postpaid.runtime.log import log, log_failure
from postpaid.runtime.settings import Settings
from postpaid.runtime.waiting import wait_for
from postpaid.store import dynamo, keys
from postpaid.store.api_keys import StoredApiKeys
from postpaid.store.books import SiteStores
from postpaid.store.due import StoredDue, due_invoice, due_term
from postpaid.store.replies import StoredReplies
from postpaid.store.site_secrets import StoredSiteSecrets
from postpaid.store.sites import clock_name
from postpaid.store.tables import Table
from postpaid.store.usage import StoredUsageIds

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# The gateway gives up after 30 seconds; one more piece of work must fit.
ADVANCE_SECONDS = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """The connections of one process; *blocks* are integer ids that it has reserved.

    *test_hosts* are what usage URLs may name against the rules.
    """

    usages: Table
    billing: Table
    api_keys: StoredApiKeys
    site_secrets: StoredSiteSecrets
    s3: "S3Client"
    bucket: str
    close_queue: queue.Queue
    render_queue: queue.Queue | None
    pull_queue: queue.Queue | None
    test_hosts: frozenset[str] = frozenset()
    blocks: dict[str, list[int]] = field(default_factory=dict)
    kept_subscriptions: Cache[Subscription] = field(default_factory=Cache[Subscription])
    kept_lines: Cache[LineName] = field(default_factory=Cache[LineName])

    @classmethod
    def connect(cls, settings: Settings, *, asks: bool = True) -> "Control":
        """Return the connections of a process, made once when it is loaded.

        A door that *asks* has documents of usages made, and usage URLs asked; another may not.
        """
        client, sqs = dynamo.connect(), queue.connect()
        billing = dynamo.DynamoTable(client, settings.billing_table)
        return cls(
            usages=dynamo.DynamoTable(client, settings.usage_table),
            billing=billing,
            api_keys=StoredApiKeys(billing, Cache[ApiKey]()),
            site_secrets=StoredSiteSecrets(billing, Cache[str]()),
            s3=documents.connect(),
            bucket=settings.document_bucket,
            close_queue=queue.Queue(sqs, settings.close_queue_url),
            render_queue=queue.Queue(sqs, settings.render_queue_url) if asks else None,
            pull_queue=queue.Queue(sqs, settings.pull_queue_url) if asks else None,
            test_hosts=settings.usage_url_test_hosts,
        )

    def desk(self, key: ApiKey) -> Desk:
        """Return what a request of this key works with; its site is read."""
        stores = SiteStores.of(self.usages, self.billing, key.scope)
        now = clock.site_now(stores.site)
        store = documents.StoredDocuments(self.s3, self.bucket, stores.scope)
        books, ids = stores.books(store, now), stores.ids(self.blocks)
        return Desk(
            scope=stores.scope,
            site=stores.site,
            now=now,
            items=stores.items,
            families=stores.families,
            prices=stores.prices,
            customers=stores.customers,
            subscriptions=stores.subscriptions,
            terms=stores.terms,
            ledger=stores.ledger,
            invoices=stores.invoices,
            numbers=stores.numbers,
            numbered=stores.numbered,
            lists=stores.lists(now),
            activation=stores.closing(now),
            all_sites=stores.all_sites,
            travels=stores.travels,
            ring=StoredApiKeys(self.billing),
            site_secrets=StoredSiteSecrets(self.billing),
            ids=ids,
            books=books,
            office=Office(scope=stores.scope, books=books, items=stores.items, ids=ids, now=now),
            credits=stores.credits,
            payments=stores.payments,
            documents=store,
            usage_ids=StoredUsageIds(stores.scope),
            records=Recorder(self._tables(), stores.scope, now),
            replies_in=lambda scope: StoredReplies(self.billing, scope),
            wait_for=wait_for,
            real_now=clock.real_now,
            place_of=lambda created_at, identifier: keys.listing_place(identifier, created_at),
            test_hosts=self.test_hosts,
            new_id=new_id,
            seeded_ids=seeded_ids,
            new_run=new_run,
            new_key_parts=new_key_parts,
            hasten=lambda invoice_ids: self._hasten(stores, invoice_ids),
            ask_for_statement=partial(self._ask_for_statement, stores),
            request_pull=partial(self._pull, stores),
            hands=self._hands(stores, store),
        )

    def _tables(self) -> Tables:
        """Return what usage is recorded with, as in the function that does nothing else."""
        return Tables(
            usages=self.usages,
            billing=self.billing,
            kept_subscriptions=self.kept_subscriptions,
            kept_lines=self.kept_lines,
            close_queue=lambda: self.close_queue,
        )

    def _hasten(self, stores: SiteStores, invoice_ids: Sequence[str]) -> None:
        found = [keys.entity(stores.scope, "invoice", invoice_id) for invoice_id in invoice_ids]
        try:
            self.close_queue.send(queue.due_message([Due(*each) for each in found]))
        except Unavailable:
            log("warning", "hasten_failed")  # only speed is lost: the sweep finds what is due

    def _ask_for_statement(self, stores: SiteStores, invoice_id: str, digest: str) -> None:
        assert self.render_queue is not None, "this door makes no documents of usages"
        self.render_queue.send(queue.statement_message(stores.scope, invoice_id, digest))

    def _pull(self, stores: SiteStores, subscription_id: str, start: datetime) -> None:
        assert self.pull_queue is not None, "this door has no usage URLs asked"
        due = Due(*keys.term(stores.scope, subscription_id, start))
        self.pull_queue.send(queue.pull_message(due))

    def _hands(self, stores: SiteStores, store: documents.StoredDocuments) -> Hands:
        """Return how a test site's clock is moved: by the work that the sweeps' workers do."""
        site = stores.site
        began = clock.monotonic()

        def set_clock(instant: datetime) -> None:
            offset = int((instant - clock.real_now()).total_seconds())
            stores.all_sites.move_clock(site.scope, offset)

        def work(due: Due, now: datetime) -> None:
            worker = Worker(
                scope=site.scope,
                books=stores.books(store, now),
                ids=stores.ids(self.blocks),
                new_run=new_run,
                request_render=lambda _: None,  # the stream asks for it
                now=now,
                asked=stores.terms,
                request_pull=partial(self._pull, stores),
                real_now=clock.real_now(),
            )
            term = due_term(due)
            if term is not None:
                work_term(*term, worker=worker)
            else:
                work_invoice(due_invoice(due), worker=worker)

        return Hands(
            due=StoredDue(self.billing, clock_name(site)),
            set_clock=set_clock,
            work=work,
            is_late=lambda: clock.monotonic() - began > ADVANCE_SECONDS,
            report=lambda error: log_failure("travel_failed", error, site=site.scope.site),
        )
