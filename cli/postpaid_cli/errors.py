"""What the command line can fail with."""

import click


class LocalError(click.ClickException):
    """A failure that is told in one message, without a traceback."""
