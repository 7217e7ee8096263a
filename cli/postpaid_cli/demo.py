"""`postpaid demo`: the founding example, from a price to a PDF, over HTTP on a local stack.

A month passes on the clock of a test site, so that terms end and invoices close exactly as they
would in real time: nobody asks for it.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.table import Table

from postpaid.domain.instants import instant_text
from postpaid_cli import engine as engines
from postpaid_cli.checkout import ROOT
from postpaid_cli.errors import LocalError
from postpaid_cli.stack import LocalStack, bring_up, new_folder

ZONE = "America/New_York"
OPENING = time(9)  # when the service goes on sale, on the first of the month
OUTPUT = ROOT / "demo-output"
_WAIT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Client:
    """The native API, as any HTTP client sees it."""

    base_url: str
    key: str

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send one request and return its JSON; raises `LocalError` for a refusal."""
        request = urllib.request.Request(  # noqa: S310 - the stack's own URL on loopback
            f"{self.base_url}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.key}",
                "Content-Type": "application/json",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return dict(json.loads(answer.read()))
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            raise LocalError(f"{method} {path} answered {error.code}: {text}") from error


@click.command()
@click.option("--no-build", is_flag=True, help="Deploy what was built last.")
def demo(*, no_build: bool) -> None:
    """Bill a month: 750 gigabytes in three tiers, and 361 minutes of VoIP calls, 28.05 in all."""
    console = Console(highlight=False)
    started = monotonic()
    month = Month.before(datetime.now(ZoneInfo(ZONE)).date())
    with console.status("Starting") as spinner:
        stack = bring_up(
            new_folder(),
            clock=instant_text(datetime.combine(month.first, OPENING, ZoneInfo(ZONE))),
            build_first=not no_build,
            progress=lambda step: spinner.update(f"{step} …"),
        )
    try:
        console.print(f"The stack is up after {monotonic() - started:.0f} s.")
        run_demo(stack, month, console)
    finally:
        engines.stop(stack.engine)
    console.print(f"Done in {monotonic() - started:.0f} s; the stack is stopped.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A service at a price, and a customer who used it for a month."""

    item: dict[str, Any]
    price: dict[str, Any]
    customer: dict[str, Any]
    used: int
    on_the_15th: int

    @property
    def subscription(self) -> str:
        """The id of the customer's subscription to the service."""
        return f"{self.customer['id']}-{self.item['id']}"


VOIP = Example(
    item={"id": "voip", "name": "VoIP calls", "metered": True, "unit": "minute"},
    price={"id": "voip-usd", "pricing_model": "per_unit", "unit_amount": "0.05", "base_fee": "10"},
    customer={"id": "blue-harbor", "name": "Blue Harbor Café", "address": ["7 Quay Street"]},
    used=361,
    on_the_15th=22,
)
TRANSFER = Example(
    item={"id": "transfer", "name": "Data transfer", "metered": True, "unit": "gigabyte"},
    price={
        "id": "transfer-usd",
        "pricing_model": "tiered",
        "tiers": [
            {"up_to": "100", "unit_amount": "0.10"},
            {"up_to": "500", "unit_amount": "0.08"},
            {"up_to": None, "unit_amount": "0.05"},
        ],
    },
    customer={"id": "north-pier", "name": "North Pier Hosting", "address": ["2 Pier Road"]},
    used=750,
    on_the_15th=30,
)


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month."""

    first: date

    @classmethod
    def before(cls, day: date) -> "Month":
        """Return the month before that of a day."""
        return cls((day.replace(day=1) - timedelta(days=1)).replace(day=1))

    @property
    def end(self) -> date:
        """The first of the next month."""
        return (self.first + timedelta(days=31)).replace(day=1)

    @property
    def days(self) -> list[date]:
        """Its days, in order."""
        return [self.first + timedelta(days=n) for n in range((self.end - self.first).days)]


def daily_usage(month: Month, example: Example) -> dict[date, int]:
    """Spread a month's usage: the example's own figure on the 15th, the rest evenly."""
    rest, others = example.used - example.on_the_15th, len(month.days) - 1
    usage: dict[date, int] = {}
    position = 0
    for day in month.days:
        if _is_the_15th(day):
            usage[day] = example.on_the_15th
        else:
            usage[day] = rest * (position + 1) // others - rest * position // others
            position += 1
    return usage


def _is_the_15th(day: date) -> bool:
    return day.day == 15  # noqa: PLR2004 - the day of the founding example


def run_demo(stack: LocalStack, month: Month, console: Console) -> None:
    """Let a month pass on a stack whose test site's clock stands at its first day, and show it."""
    admin = Client(stack.base_url, stack.keys["admin_key"])
    recorder = Client(stack.base_url, stack.keys["usage_key"])
    seller = {"name": "Northwind Telecom Ltd", "address": ["1 Harbour Road", "Boston MA"]}
    admin.call("PATCH", "/v1/site", {"seller": seller, "timezone": ZONE})
    for example in (TRANSFER, VOIP):
        _subscribe(admin, example, month.first)
    console.print(
        f"It is {_spelled(month.first)}, {OPENING:%H:%M} in New York, on the clock of a test site: "
        "two customers subscribe.",
        soft_wrap=True,
    )
    with console.status("") as spinner:
        _live_through(month, admin, recorder, lambda day: spinner.update(f"{_spelled(day)} …"))
    for example in (TRANSFER, VOIP):
        used = daily_usage(month, example).values()
        count = sum(map(bool, used))
        unit = example.item["unit"]
        console.print(
            f"{example.item['name']}: {count} usages, {sum(used)} {unit}s; the 15th was sent twice "
            "and counts once.",
            soft_wrap=True,
        )
    invoices = [_issued(admin, example) for example in (TRANSFER, VOIP)]
    console.print(
        f"It is {_spelled(month.end + timedelta(days=1))}: {month.first:%B} has ended, and both "
        "invoices closed by themselves.",
        soft_wrap=True,
    )
    for invoice in invoices:
        _show(invoice, console)
        _save(admin, invoice, console)


def _spelled(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _subscribe(admin: Client, example: Example, first: date) -> None:
    admin.call("POST", "/v1/items", example.item)
    price = {"item_id": example.item["id"], "currency": "USD", **example.price}
    admin.call("POST", "/v1/item-prices", price)
    admin.call("POST", "/v1/customers", example.customer)
    subscription = {
        "id": example.subscription,
        "customer_id": example.customer["id"],
        "timezone": ZONE,
        "start": first.isoformat(),
        "lines": [{"item_price_id": example.price["id"]}],
    }
    admin.call("POST", "/v1/subscriptions", subscription)


def _live_through(
    month: Month, admin: Client, recorder: Client, told: Callable[[date], None]
) -> None:
    """Record each day's usage on that day, and go on until the day after the month's end."""
    usage = {example.subscription: daily_usage(month, example) for example in (TRANSFER, VOIP)}
    for day in month.days:
        told(day)
        for example in (TRANSFER, VOIP):
            count = usage[example.subscription][day]
            if count:
                _record(recorder, example, day, count)
        _advance(admin, day + timedelta(days=1))
    told(month.end)
    _advance(admin, month.end + timedelta(days=1))


def _record(client: Client, example: Example, day: date, count: int) -> None:
    path = f"/v1/subscriptions/{example.subscription}/usages"
    usage = {
        "item_price_id": example.price["id"],
        "usage_date": day.isoformat(),
        "quantity": str(count),
    }
    client.call("POST", path, usage)
    if _is_the_15th(day) and not client.call("POST", path, usage)["replayed"]:
        raise LocalError("The same usage was recorded twice.")


def _advance(admin: Client, to: date) -> None:
    """Move the site's clock to a midnight, in as many requests as that takes."""
    while not admin.call("POST", "/v1/test-clock/advance", {"to": to.isoformat()})["done"]:
        pass


def _issued(admin: Client, example: Example) -> dict[str, Any]:
    """Return the month's invoice, which is issued by now."""
    [head] = admin.call("GET", f"/v1/subscriptions/{example.subscription}/invoices")["data"]
    if head["status"] != "issued":
        raise LocalError(f"The invoice of {example.subscription} is {head['status']}.")
    return admin.call("GET", f"/v1/invoices/{head['id']}")


def _show(invoice: dict[str, Any], console: Console) -> None:
    issued_on = _spelled(date.fromisoformat(invoice["issued_on"]))
    title = f"{invoice['number']}  ·  {invoice['customer']['name']}  ·  {issued_on}"
    table = Table(title=f"\n{title}")
    table.add_column("Line")
    for name in ("Quantity", "Unit price", "Amount"):
        table.add_column(name, justify="right")
    for line in invoice["lines"]:
        for row in _rows(line):
            table.add_row(*row)
    table.add_section()
    table.add_row("Total", "", "", f"{invoice['total']} {invoice['currency']}", style="bold")
    console.print(table)


def _rows(line: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    kind = "base fee" if line["kind"] == "base_fee" else line["unit"]
    name = f"{line['description']} ({kind})"
    quantity = "" if line["quantity"] is None else f"{line['quantity']} {line['unit']}"
    yield name, quantity, _price(line["unit_amount"]), line["amount"]
    if len(line["components"]) > 1:
        for part in line["components"]:
            tier = f"  tier {part['tier']}"
            amount = f"({_price(part['amount'])})"
            yield tier, part["quantity"] or "", _price(part["unit_amount"]), amount


def _price(exact: str | None) -> str:
    """Spell an exact amount with two places at least, as prices are."""
    if exact is None:
        return ""
    places = max(2, len(exact.partition(".")[2]))
    return f"{Decimal(exact):.{places}f}"


def _save(admin: Client, invoice: dict[str, Any], console: Console) -> None:
    def link() -> dict[str, Any] | None:
        head = admin.call("GET", f"/v1/invoices/{invoice['id']}")
        if head["document"] != "done":
            return None
        return admin.call("GET", f"/v1/invoices/{invoice['id']}/pdf")

    url = _wait_for("the PDF", link)["url"]
    OUTPUT.mkdir(exist_ok=True)
    path = OUTPUT / f"{invoice['number']}.pdf"
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - on loopback
        path.write_bytes(answer.read())
    console.print(f"PDF: {_shown(path)}")


def _wait_for(what: str, look: Callable[[], dict[str, Any] | None]) -> dict[str, Any]:
    until = monotonic() + _WAIT_SECONDS
    while monotonic() < until:
        found = look()
        if found is not None:
            return found
        sleep(0.3)
    raise LocalError(f"{what} did not come within {_WAIT_SECONDS} seconds.")


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
