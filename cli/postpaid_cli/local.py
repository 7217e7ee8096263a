"""`postpaid local`: the whole stack on this machine, in the background."""

import json
import time

import click
from rich.console import Console

from postpaid_cli.errors import LocalError
from postpaid_cli.stack import bring_up, forget, load, new_folder, save

DEFAULT_PORT = 4566


@click.group()
def local() -> None:
    """Run the whole stack on this machine, on loopback only."""


@local.command()
@click.option("--port", type=click.IntRange(1024, 65535), default=DEFAULT_PORT, show_default=True)
@click.option("--clock", metavar="INSTANT", help="Start the test site's clock here; it ticks on.")
@click.option(
    "--usage-url-test-hosts",
    metavar="HOST:PORT,…",
    default="",
    help="Let usage URLs name these, over plain http too.",
)
@click.option("--no-build", is_flag=True, help="Deploy what was built last.")
def up(port: int, clock: str | None, usage_url_test_hosts: str, *, no_build: bool) -> None:
    """Start the stack and print one line of JSON: where it answers, and its keys."""
    if running := load():
        raise LocalError(
            f"A stack already runs at {running.base_url}; `postpaid local down` stops it."
        )
    console = Console(stderr=True)
    started = time.monotonic()
    with console.status("Starting") as spinner:
        stack = bring_up(
            new_folder(),
            port=port,
            clock=clock,
            build_first=not no_build,
            usage_url_test_hosts=usage_url_test_hosts,
            progress=lambda step: spinner.update(f"{step} …"),
        )
    save(stack)
    console.print(f"Ready in {time.monotonic() - started:.0f} s; `postpaid local down` stops it.")
    click.echo(json.dumps(stack.connection()))


@local.command()
def down() -> None:
    """Stop the stack and drop all it held."""
    stack = load()
    if stack is None:
        Console(stderr=True).print("No local stack is running.")
        return
    forget(stack)
    Console(stderr=True).print("Stopped.")


@local.command()
def status() -> None:
    """Print the line of the stack that runs; exit 1 where none does."""
    stack = load()
    if stack is None:
        raise LocalError("No local stack is running; `postpaid local up` starts one.")
    click.echo(json.dumps(stack.connection()))
