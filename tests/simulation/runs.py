"""One run: a scenario with faults, then recovery, then the audit."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from postpaid.domain.instants import instant_text
from postpaid.domain.invoice import InvoiceStatus
from postpaid.domain.term import TermStatus
from postpaid.store import keys
from postpaid.store.due import StoredDue
from tests.simulation.auditor import Auditor, Price
from tests.simulation.client import Client
from tests.simulation.holding import Broken
from tests.simulation.laws import Laws
from tests.simulation.network import Call, Fault
from tests.simulation.plant import BILLING, Plant, Restless
from tests.simulation.wire import Backend
from tests.support.samples import SCOPE


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What happens in a run. *begin* is done without faults, *play* is where they are.

    *subscriptions* are audited; *price* is what a quantity of their metered lines costs, in cents.
    *test_site* is for one whose time is its own, *by_operator* where other sites are made, too.
    """

    name: str
    at: datetime
    begin: Callable[[Client], None]
    play: Callable[[Client], None]
    price: Price
    subscriptions: tuple[str, ...] = ("sub",)
    then: datetime | None = None
    test_site: bool = False
    by_operator: bool = False


@dataclass(frozen=True, slots=True)
class Begun:
    """A scenario up to where it is played, and the key its client has."""

    scenario: Scenario
    backend: Backend
    key: str
    now: datetime
    books: Client


@dataclass
class Outcome:
    """What came of a run."""

    calls: list[Call]
    met: set[Fault]
    broken: list[str] = field(default_factory=list)
    steps: set[tuple[str, str, str]] = field(default_factory=set)


def begun(plant: Plant, scenario: Scenario) -> Begun:
    """Bring a scenario to where its faults may be."""
    plant.begin(Backend(), scenario.at)
    clock = scenario.at if scenario.test_site else None
    site = plant.functions.new_site(SCOPE.site, clock=clock)
    client = Client(plant, plant.functions.new_key(site))
    skip_to(plant, scenario.at)
    scenario.begin(client)
    client.repeat()
    assert not client.failures, client.failures
    if scenario.then is not None:
        skip_to(plant, scenario.then)
    return Begun(scenario, plant.backend, client.key, plant.clock.instant, client)


def run(plant: Plant, begun: Begun, *faults: Fault) -> Outcome:
    """Play a scenario with faults, recover, and audit; nothing is raised, all is reported."""
    laws = Laws(SCOPE, by_tenant=not begun.scenario.by_operator)
    backend = begun.backend.copy()
    plant.begin(backend, begun.now, faults)
    for name, table in backend.tables.items():
        table.watch = laws.watch(name)
    client = Client(plant, begun.key)
    client.ledger.facts += begun.books.ledger.facts
    client.ledger.refused |= begun.books.ledger.refused
    client._requests = 100
    calls = plant.network.calls
    outcome = Outcome(calls, plant.network.met)
    try:
        begun.scenario.play(client)
        outcome.calls = list(calls)
        recover(plant, client)
        audit(plant, client, begun.scenario)
        if plant.network.land_last():
            plant.audit()
            recover(plant, client)
            audit(plant, client, begun.scenario)
        _replay(plant, client)
    except Broken as broken:
        outcome.broken.append(str(broken))
    except Restless as restless:
        outcome.broken.append(str(restless))
    except AssertionError as error:
        outcome.broken.append(f"I-30: {error!r}")
    outcome.broken += laws.broken
    outcome.broken += [f"I-30: a request failed: {each}" for each in client.failures]
    outcome.steps = laws.steps
    return outcome


def recover(plant: Plant, client: Client) -> None:
    """Let faults end, clients repeat, sweeps and the audit run until all is at rest."""
    plant.network.heal()
    client.repeat()
    plant.stream()
    plant.come_to_rest()
    plant.audit()
    # What waits for the next invoice goes out with it.
    ends = [
        term.period.end
        for each in plant.world().stores.terms.page("sub", before=None, limit=1)
        for term in [each]
        if term.status is TermStatus.OPEN
    ]
    if ends and any_waiting(plant):
        skip_to(plant, ends[0] + timedelta(hours=2))
        plant.come_to_rest()
    plant.stream()
    plant.come_to_rest()


def any_waiting(plant: Plant) -> bool:
    """Tell whether a supplement waits for an invoice."""
    return bool(plant.world().stores.manifests.waiting("sub", 1))


def audit(plant: Plant, client: Client, scenario: Scenario) -> None:
    """Hold the service's books against the client's; raises `Broken`."""
    Auditor(plant.world(), client.ledger, scenario.price).audit([*scenario.subscriptions])


def _replay(plant: Plant, client: Client) -> None:
    """I-07, I-08 and I-43: what is sent or delivered again changes nothing, and nothing goes on."""
    before = plant.dump()
    client.replay()
    if plant.dump() != before:
        raise Broken("I-07: a request that came again changed something")
    plant.deliver("close", again=True)
    plant.deliver("pull", again=True)
    plant.deliver("render", again=True)
    if plant.dump() != before:
        raise Broken("I-08: a message that came again changed something")
    if threading.active_count() > plant.threads:
        raise Broken("I-43: something still runs when the handlers have returned")


def skip_to(plant: Plant, instant: datetime) -> None:
    """Move the clock on, past sweeps that would have found nothing."""
    plant.clock.instant = instant
    table = plant.backend.tables[BILLING]
    hours = [
        datetime.fromisoformat(str(item["dpk"]).split("#")[2] + ":00:00+00:00")
        for item in table.items()
        if str(item.get("dpk", "")).startswith(f"due#{keys.LIVE}#")
    ]
    earlier = instant.replace(minute=0, second=0) - timedelta(hours=3)
    StoredDue(table, keys.LIVE).remember(min([earlier, *hours]))


def pending(plant: Plant) -> list[str]:
    """Return the ids of invoices that are pending, the oldest first."""
    return [each.id for each in plant.world().invoices() if each.status is InvoiceStatus.PENDING]


def usage_id(day: str, line_id: str = "minutes") -> str:
    """Return the public id of a day's usage."""
    from tests.support.samples import at  # noqa: PLC0415

    return keys.usage_id(keys.usage_from_sk("sub", f"{instant_text(at(day))}#{line_id}"))


def minutes(quantity: Decimal) -> int:
    """Return what minutes cost at 0.05, in cents."""
    return int(quantity * 5)
