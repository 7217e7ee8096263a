"""`postpaid demo`: the founding example, from a price to a PDF, over HTTP on a local stack."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from postpaid_cli import engine as engines
from postpaid_cli.checkout import ROOT
from postpaid_cli.errors import LocalError
from postpaid_cli.operate import Target, run_sweep
from postpaid_cli.stack import LocalStack, bring_up, new_folder

OUTPUT = ROOT / "demo-output"
MINUTES_IN_ALL = 361
MINUTES_ON_THE_15TH = 22
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
    """Bill a month of VoIP calls: $10 and $0.05 a minute, 361 minutes, 28.05 in all."""
    console = Console(highlight=False)
    started = time.monotonic()
    with console.status("Starting") as spinner:
        stack = bring_up(
            new_folder(),
            build_first=not no_build,
            progress=lambda step: spinner.update(f"{step} …"),
        )
    try:
        console.print(f"The stack is up after {time.monotonic() - started:.0f} s.")
        _run(stack, console)
    finally:
        engines.stop(stack.engine)
    console.print(f"Done in {time.monotonic() - started:.0f} s; the stack is stopped.")


def daily_minutes(first: date, days: int) -> dict[date, int]:
    """Spread 361 minutes over a month: 22 on the 15th, the rest as evenly as whole numbers go."""
    rest, others = MINUTES_IN_ALL - MINUTES_ON_THE_15TH, days - 1
    minutes: dict[date, int] = {}
    position = 0
    for offset in range(days):
        day = first + timedelta(days=offset)
        if day.day == 15:  # noqa: PLR2004 - the day of the founding example
            minutes[day] = MINUTES_ON_THE_15TH
        else:
            minutes[day] = rest * (position + 1) // others - rest * position // others
            position += 1
    return minutes


def _run(stack: LocalStack, console: Console) -> None:
    admin = Client(stack.base_url, stack.keys["admin_key"])
    first = (datetime.now(UTC).date().replace(day=1) - timedelta(days=1)).replace(day=1)
    days = ((first + timedelta(days=31)).replace(day=1) - first).days
    _catalogue(admin, first)
    _record(Client(stack.base_url, stack.keys["usage_key"]), first, days, console)
    invoice = _close(admin, stack, console)
    _show(invoice, console)
    _save(admin, invoice, console)


def _catalogue(admin: Client, first: date) -> None:
    admin.call(
        "PATCH",
        "/v1/site",
        {"seller": {"name": "Northwind Telecom Ltd", "address": ["1 Harbour Road", "Boston MA"]}},
    )
    admin.call(
        "POST",
        "/v1/items",
        {"id": "voip", "name": "VoIP calls", "type": "plan", "metered": True, "unit": "minute"},
    )
    admin.call(
        "POST",
        "/v1/item-prices",
        {
            "id": "voip-usd",
            "item_id": "voip",
            "currency": "USD",
            "pricing_model": "per_unit",
            "unit_amount": "0.05",
            "base_fee": "10.00",
        },
    )
    admin.call(
        "POST",
        "/v1/customers",
        {"id": "blue-harbor", "name": "Blue Harbor Café", "address": ["7 Quay Street", "Salem MA"]},
    )
    admin.call(
        "POST",
        "/v1/subscriptions",
        {
            "id": "blue-harbor-voip",
            "customer_id": "blue-harbor",
            "timezone": "America/New_York",
            "start": first.isoformat(),
            "lines": [{"item_price_id": "voip-usd"}],
            # Until everything is recorded, only a request may close the month that is over.
            "closing": {"mode": "manual"},
        },
    )


def _record(client: Client, first: date, days: int, console: Console) -> None:
    path = "/v1/subscriptions/blue-harbor-voip/usages"
    minutes = {day: count for day, count in daily_minutes(first, days).items() if count}
    for day, count in minutes.items():
        usage = {"item_price_id": "voip-usd", "usage_date": str(day), "quantity": str(count)}
        client.call("POST", path, usage)
    again = {
        "item_price_id": "voip-usd",
        "usage_date": str(first.replace(day=15)),
        "quantity": str(MINUTES_ON_THE_15TH),
    }
    answer = client.call("POST", path, again)
    if not answer["replayed"]:
        raise LocalError("The same usage was recorded twice.")
    console.print(
        f"Recorded {len(minutes)} usages, {sum(minutes.values())} minutes; "
        f"the 15th was sent twice and counts once (replayed: {answer['replayed']})."
    )


def _close(admin: Client, stack: LocalStack, console: Console) -> dict[str, Any]:
    admin.call(
        "PATCH",
        "/v1/subscriptions/blue-harbor-voip",
        {"closing": {"mode": "auto", "after_hours": 0}},
    )
    target = Target(stack.aws.dynamodb(), stack.aws.functions(), stack.outputs)

    def issued() -> dict[str, Any] | None:
        run_sweep(target)
        path = "/v1/subscriptions/blue-harbor-voip/invoices"
        heads = admin.call("GET", path)["data"]
        done = [head for head in heads if head["status"] == "issued"]
        return done[0] if done else None

    head = _wait_for("the invoice", issued)
    console.print("The dispatcher closed the month.\n")
    return admin.call("GET", f"/v1/invoices/{head['id']}")


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
    console.print(f"\nPDF: {_shown(path)}")


def _show(invoice: dict[str, Any], console: Console) -> None:
    table = Table(title=f"{invoice['number']}  ·  {invoice['customer']['name']}")
    table.add_column("Line")
    for name in ("Quantity", "Unit price", "Amount"):
        table.add_column(name, justify="right")
    for line in invoice["lines"]:
        kind = "base fee" if line["kind"] == "base_fee" else line["unit"]
        quantity = "" if line["quantity"] is None else f"{line['quantity']} {line['unit']}"
        table.add_row(
            f"{line['description']} ({kind})", quantity, line["unit_amount"] or "", line["amount"]
        )
    table.add_section()
    table.add_row("Total", "", "", f"{invoice['total']} {invoice['currency']}", style="bold")
    console.print(table)


def _wait_for(what: str, look: Callable[[], dict[str, Any] | None]) -> dict[str, Any]:
    until = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < until:
        found = look()
        if found is not None:
            return found
        time.sleep(0.3)
    raise LocalError(f"{what} did not come within {_WAIT_SECONDS} seconds.")


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
