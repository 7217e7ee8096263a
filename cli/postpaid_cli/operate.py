"""What an operator does with AWS rights: sites, keys, and a sweep out of turn."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import click
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Column, Table

from postpaid.application.api_keys import create_key, revoke_key, site_secret
from postpaid.application.ports import Unavailable
from postpaid.application.sites import CreateSite, create_site
from postpaid.domain.api_key import KeyPair, KeyScope
from postpaid.domain.errors import BillingError
from postpaid.domain.instants import instant_text, parse_instant
from postpaid.domain.site import Address, Site
from postpaid.runtime.clock import real_now, site_now
from postpaid.runtime.ids import new_key_parts
from postpaid.store.api_keys import StoredApiKeys
from postpaid.store.dynamo import DynamoTable
from postpaid.store.site_secrets import StoredSiteSecrets
from postpaid.store.sites import StoredSites
from postpaid_cli.errors import LocalError
from postpaid_cli.stack import load

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient

DEFAULT_STACK = "postpaid"


@dataclass(frozen=True, slots=True)
class Target:
    """The stack a command works on."""

    dynamodb: "DynamoDBClient"
    functions: "LambdaClient"
    outputs: dict[str, str]

    @property
    def billing(self) -> DynamoTable:
        """The billing table."""
        return DynamoTable(self.dynamodb, self.outputs["BillingTable"])

    def site(self, site_id: str) -> Site:
        """Read a site; raises `LocalError` if there is none."""
        site = StoredSites(self.billing).get(site_id)
        if site is None:
            raise LocalError(f"There is no site '{site_id}' on this stack.")
        return site


def on_stack(command: Any) -> Any:
    """Add the options that name a stack."""
    command = click.option(
        "--local", is_flag=True, help="The stack that `postpaid local up` started."
    )(command)
    return click.option(
        "--stack-name", default=DEFAULT_STACK, show_default=True, help="The CloudFormation stack."
    )(command)


@contextmanager
def _told() -> Iterator[None]:
    """Tell refusals and AWS failures in one line."""
    try:
        yield
    except BillingError as error:
        raise LocalError(f"{error.field}: {error.message}" if error.field else error.message) from (
            error
        )
    except (ClientError, BotoCoreError, Unavailable) as error:
        raise LocalError(f"AWS: {error}") from error


def _target(stack_name: str, *, local: bool) -> Target:
    if local:
        stack = load()
        if stack is None:
            raise LocalError("No local stack is running; `postpaid local up` starts one.")
        return Target(stack.aws.dynamodb(), stack.aws.functions(), stack.outputs)
    session = boto3.Session()
    found = session.client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"][0]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}
    return Target(session.client("dynamodb"), session.client("lambda"), outputs)


@click.group()
def sites() -> None:
    """Create tenants."""


@sites.command("create")
@click.argument("site_id")
@click.option("--name", required=True, help="The seller's name on invoices.")
@click.option("--timezone", default="UTC", show_default=True, help="Default IANA time zone.")
@click.option("--currency", default="USD", show_default=True, help="Default ISO 4217 currency.")
@click.option("--test", is_flag=True, help="A test site; its clock may be moved.")
@click.option("--clock", metavar="INSTANT", help="Start the test site's clock here.")
@on_stack
def create_site_command(
    site_id: str,
    name: str,
    timezone: str,
    currency: str,
    clock: str | None,
    stack_name: str,
    *,
    test: bool,
    local: bool,
) -> None:
    """Create a site; `postpaid keys create` then makes its first key."""
    with _told():
        command = CreateSite(
            id=site_id,
            test=test,
            timezone=timezone,
            currency=currency,
            seller=Address(name=name),
            clock=None if clock is None else parse_instant(clock, "clock"),
        )
        billing = _target(stack_name, local=local).billing
        site = create_site(command, sites=StoredSites(billing), now=real_now())
    click.echo(json.dumps({"site": site.scope.site, "test": site.test}))


@click.group()
def keys() -> None:
    """Create, list and revoke API keys."""


@keys.command("create")
@click.option("--site", "site_id", required=True)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice([scope.value for scope in KeyScope]),
    help="What the key may do; give it several times for several.",
)
@click.option("--label", default="unnamed", show_default=True, help="What you know it by.")
@on_stack
def create_key_command(
    site_id: str, scopes: Sequence[str], label: str, stack_name: str, *, local: bool
) -> None:
    """Create a key and print it; it is never shown again."""
    with _told():
        target = _target(stack_name, local=local)
        site = target.site(site_id)
        secrets = StoredSiteSecrets(target.billing)
        secret = site_secret(site, secrets=secrets, new_secret=new_key_parts()[1])
        key, text = create_key(
            site,
            scopes,
            label,
            parts=new_key_parts(),
            ring=StoredApiKeys(target.billing),
            now=site_now(site),
        )
    pair = KeyPair.of(key, secret)
    shown = {"public_key": pair.public, "private_key": pair.private}
    click.echo(json.dumps({"id": key.id, "key": text, "chargeover": shown}))


@keys.command("revoke")
@click.argument("key_id")
@click.option("--site", "site_id", required=True)
@on_stack
def revoke_key_command(key_id: str, site_id: str, stack_name: str, *, local: bool) -> None:
    """Revoke a key by its id; it is refused everywhere within a minute."""
    with _told():
        target = _target(stack_name, local=local)
        ring = StoredApiKeys(target.billing)
        site = target.site(site_id)
        key = revoke_key(site, key_id, ring=ring, now=site_now(site))
    assert key.revoked_at is not None
    click.echo(json.dumps({"id": key.id, "revoked_at": instant_text(key.revoked_at)}))


@keys.command("list")
@click.option("--site", "site_id", required=True)
@on_stack
def list_keys_command(site_id: str, stack_name: str, *, local: bool) -> None:
    """List a site's keys, without their secrets."""
    with _told():
        target = _target(stack_name, local=local)
        found = StoredApiKeys(target.billing).of_site(target.site(site_id).scope.site)
    # Whatever gives way on a narrow terminal or in a pipe: an id that is cut revokes nothing.
    table = Table(_whole("id", 16), "label", "scopes", _whole("created", 10), _whole("revoked", 10))
    for key in sorted(found, key=lambda key: key.created_at):
        table.add_row(
            key.id,
            key.label,
            ", ".join(sorted(scope.value for scope in key.scopes)),
            key.created_at.date().isoformat(),
            "" if key.revoked_at is None else key.revoked_at.date().isoformat(),
        )
    Console().print(table)


def _whole(name: str, width: int) -> Column:
    return Column(name, no_wrap=True, min_width=width)


@click.command()
@click.option("--look-back-hours", type=click.IntRange(0, 24 * 400), default=0, show_default=True)
@on_stack
def sweep(look_back_hours: int, stack_name: str, *, local: bool) -> None:
    """Run the dispatcher now, as its schedule does, and print how much was due."""
    with _told():
        click.echo(json.dumps(run_sweep(_target(stack_name, local=local), look_back_hours)))


def run_sweep(target: Target, look_back_hours: int = 0) -> dict[str, int]:
    """Invoke the dispatcher; return its answer, the number of things that were due."""
    answer = target.functions.invoke(
        FunctionName=target.outputs["DispatcherFunction"],
        Payload=json.dumps({"look_back_hours": look_back_hours}).encode(),
    )
    body = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise LocalError(f"The dispatcher failed: {body}")
    return {"due": int(body["due"])}
