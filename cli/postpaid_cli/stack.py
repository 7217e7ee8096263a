"""The local stack: an engine with the template deployed, a test site on it and its first keys.

Used by `postpaid local`, by the demo and by the tests alike.
"""

import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from postpaid_cli import engine as engines
from postpaid_cli.aws import LocalAws
from postpaid_cli.build import build
from postpaid_cli.checkout import STATE_FOLDER, require_checkout
from postpaid_cli.deploy import deploy
from postpaid_cli.engine import Engine
from postpaid_cli.errors import LocalError
from postpaid_cli.provision import provision_local

type Progress = Callable[[str], None]

STATE_FILE = STATE_FOLDER / "local.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStack:
    """A deployed stack: where it answers, and the keys it was given."""

    engine: Engine
    outputs: dict[str, str]
    keys: dict[str, str]

    @property
    def base_url(self) -> str:
        """The API's URL; the path form needs neither DNS nor a Host header."""
        return f"{self.engine.endpoint}/_aws/execute-api/{self.outputs['ApiId']}"

    @property
    def aws(self) -> LocalAws:
        """Clients of the AWS beneath."""
        return LocalAws(self.engine.endpoint)

    def chargebee(self) -> dict[str, str]:
        """Return what Chargebee's SDKs are told: they join site and domain, so the host is split.

        Their `https` must be turned off: this stack is plain HTTP on loopback.
        """
        url = urlsplit(self.base_url)
        site, _, rest = url.netloc.partition(".")
        return {"site": site, "domain": f"{rest}{url.path}", "api_key": self.keys["admin_key"]}

    def chargeover(self) -> dict[str, str]:
        """Return what ChargeOver's libraries are told."""
        return {
            "endpoint": f"{self.base_url}/api/v3",
            "public_key": self.keys["public_key"],
            "private_key": self.keys["private_key"],
        }

    def connection(self) -> dict[str, Any]:
        """Return what `postpaid local up` prints: all that a client needs."""
        return {
            "base_url": self.base_url,
            "admin_key": self.keys["admin_key"],
            "usage_key": self.keys["usage_key"],
            "chargebee": self.chargebee(),
            "chargeover": self.chargeover(),
            "invoice_bucket": self.outputs["DocumentBucket"],
            "aws_endpoint": self.engine.endpoint,
        }


def bring_up(
    folder: Path,
    *,
    port: int | None = None,
    clock: str | None = None,
    build_first: bool = True,
    usage_url_test_hosts: str = "",
    lifetime_seconds: int = engines.LIFETIME_SECONDS,
    progress: Progress = lambda _: None,
) -> LocalStack:
    """Build, start, deploy and provision; on a failure nothing is left running.

    *clock* is the instant the test site's clock starts at; without it the clock is the real one.
    *usage_url_test_hosts* are `host:port`, with commas between them.
    """
    require_checkout()
    if build_first:
        progress("Building")
        build()
    progress("Starting the local engine")
    engine = engines.start(folder, port=port, lifetime_seconds=lifetime_seconds)
    try:
        progress("Deploying")
        outputs = deploy(engine, usage_url_test_hosts)
        progress("Making a test site and its keys")
        keys = provision_local(outputs, engine.endpoint, clock)
    except BaseException:
        engines.stop(engine)
        raise
    return LocalStack(engine=engine, outputs=outputs, keys=keys)


def new_folder() -> Path:
    """Make a folder for one engine, in the checkout: /tmp may be small, and held in memory."""
    STATE_FOLDER.mkdir(mode=0o700, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="engine-", dir=STATE_FOLDER))


def save(stack: LocalStack) -> None:
    """Remember the stack for later commands; the file holds keys, so only its owner reads it."""
    STATE_FOLDER.mkdir(mode=0o700, exist_ok=True)
    state = {
        "pid": stack.engine.pid,
        "port": stack.engine.port,
        "folder": str(stack.engine.folder),
        "outputs": stack.outputs,
        "keys": stack.keys,
    }
    STATE_FILE.unlink(missing_ok=True)
    STATE_FILE.touch(mode=0o600)
    STATE_FILE.write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")


def load() -> LocalStack | None:
    """Return the stack that runs; None where none was started, or where it has ended since."""
    try:
        state = json.loads(STATE_FILE.read_text(encoding="utf-8"))
        stack = LocalStack(
            engine=Engine(pid=state["pid"], port=state["port"], folder=Path(state["folder"])),
            outputs=state["outputs"],
            keys=state["keys"],
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError) as error:
        raise LocalError(f"{STATE_FILE} is damaged: remove it.") from error
    if engines.is_running(stack.engine):
        return stack
    forget(stack)
    return None


def forget(stack: LocalStack) -> None:
    """Stop the stack, where it runs, and drop what was remembered of it."""
    engines.stop(stack.engine)
    with suppress(FileNotFoundError):
        STATE_FILE.unlink()
