"""The `postpaid` command."""

import click

from postpaid_cli.demo import demo
from postpaid_cli.local import local
from postpaid_cli.operate import keys, sites, sweep


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="postpaid-cli", prog_name="postpaid")
def cli() -> None:
    """Metered billing in your own AWS account."""


for command in (local, sites, keys, sweep, demo):
    cli.add_command(command)
