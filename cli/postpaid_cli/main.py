"""The `postpaid` command."""

import click

from postpaid_cli.local import local


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="postpaid-cli", prog_name="postpaid")
def cli() -> None:
    """Metered billing in your own AWS account."""


cli.add_command(local)
