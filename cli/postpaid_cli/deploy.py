"""Deploys the built template onto a local engine, by `sam deploy` as one would to AWS."""

import subprocess

from postpaid_cli.aws import ROOT_KEY, LocalAws
from postpaid_cli.checkout import (
    PACKED_TEMPLATE,
    ROOT,
    VENV_BIN,
    host_architecture,
    tool_environment,
)
from postpaid_cli.engine import REGION, Engine, tail
from postpaid_cli.errors import LocalError
from postpaid_cli.pack import pack

STACK_NAME = "postpaid"


def deploy(engine: Engine, usage_url_test_hosts: str = "") -> dict[str, str]:
    """Create or update the stack on *engine*; return its outputs by name."""
    pack()
    done = subprocess.run(
        _command(usage_url_test_hosts),
        cwd=ROOT,
        env=_environment(engine),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise LocalError(f"sam deploy failed:\n{done.stdout}\n{tail(engine)}")
    outputs = _outputs(engine)
    _admit_plain_http(engine, outputs["DocumentBucket"])
    return outputs


def _command(usage_url_test_hosts: str) -> list[str]:
    parameters = {
        "Architecture": host_architecture(),
        # A function that prints nothing is 50 ms slower on the emulator than one with a line.
        "LogLevel": "info",
        "DeletionProtection": "false",
    }
    if usage_url_test_hosts:  # SAM takes no empty value
        parameters["UsageUrlTestHosts"] = usage_url_test_hosts
    overrides = [f"{name}={value}" for name, value in parameters.items()]
    return [
        *(str(VENV_BIN / "sam"), "deploy"),
        *("--template-file", str(PACKED_TEMPLATE)),
        *("--stack-name", STACK_NAME),
        *("--region", REGION),
        *("--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"),
        "--resolve-s3",
        "--no-confirm-changeset",
        "--no-fail-on-empty-changeset",
        "--no-progressbar",
        *("--parameter-overrides", *overrides),
    ]


def _environment(engine: Engine) -> dict[str, str]:
    """Return SAM's environment, in which no other AWS than the engine can be reached.

    Every AWS variable and profile of the user is left out, so that a mistake here can never
    become a deployment to an account.
    """
    kept = {k: v for k, v in tool_environment().items() if not k.startswith("AWS_")}
    return kept | {
        "AWS_ENDPOINT_URL": engine.endpoint,
        "AWS_ACCESS_KEY_ID": ROOT_KEY,
        "AWS_SECRET_ACCESS_KEY": ROOT_KEY,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _admit_plain_http(engine: Engine, bucket: str) -> None:
    """Drop the bucket policy, which refuses all but TLS: on loopback the engine speaks HTTP.

    Done here rather than by a template parameter, so that no deployment to AWS can lack it.
    """
    LocalAws(engine.endpoint).s3().delete_bucket_policy(Bucket=bucket)


def _outputs(engine: Engine) -> dict[str, str]:
    stacks = LocalAws(engine.endpoint).cloudformation().describe_stacks(StackName=STACK_NAME)
    outputs = stacks["Stacks"][0].get("Outputs", [])
    return {output["OutputKey"]: output["OutputValue"] for output in outputs}
