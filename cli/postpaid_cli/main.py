"""The `postpaid` command."""

import signal
import sys

import click

from postpaid_cli.demo import demo
from postpaid_cli.local import local
from postpaid_cli.offline import rate, terms
from postpaid_cli.operate import keys, sites, sweep


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="postpaid-cli", prog_name="postpaid")
def cli() -> None:
    """Metered billing in your own AWS account."""
    # By default SIGTERM ends Python on the spot, and would leave an engine that we started behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


for command in (local, sites, keys, sweep, rate, terms, demo):
    cli.add_command(command)
