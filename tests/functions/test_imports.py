"""What a cold start loads: a module more is milliseconds more on every one of them."""

import os
import subprocess
import sys

import pytest

from tests.support.template import ROOT, Resource, Template

TEMPLATE = Template.load()

# What the recording path has no use for, each with all that it would bring along.
TOO_MUCH_FOR_RECORDING = {
    "aws_lambda_powertools",
    "babel",
    "boto3",
    "jinja2",
    "postpaid.api.native.models",
    "postpaid.api.native.routes",
    "postpaid.domain.catalog",
    "postpaid.domain.pricing",
    "postpaid.domain.rating",
    "postpaid.outbound",
    "pydantic",
    "s3transfer",
    "typst",
}
FOR_RENDERING_ONLY = {"babel", "typst", "postpaid.outbound.typesetting"}


def _modules_after_import(function: Resource) -> set[str]:
    module = function.properties["Handler"].rpartition(".")[0]
    variables = {
        name: value if isinstance(value, str) else "x"
        for name, value in TEMPLATE.environment(function).items()
    }
    result = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print(*sys.modules, sep='\\n')"],
        cwd=ROOT,
        env=variables
        | {
            "PATH": os.defpath,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return set(result.stdout.splitlines())


def test_recording_imports_no_model_library_no_resolver_and_no_rating() -> None:
    loaded = _modules_after_import(TEMPLATE.one("RecordUsageFunction"))

    assert "postpaid.application.record_usage" in loaded
    assert loaded & TOO_MUCH_FOR_RECORDING == set()


@pytest.mark.parametrize("function", TEMPLATE.functions(), ids=lambda function: function.name)
def test_only_the_renderer_imports_what_typesets(function: Resource) -> None:
    loaded = _modules_after_import(function)

    expected = FOR_RENDERING_ONLY if function.name == "RenderInvoiceFunction" else set()
    assert loaded & FOR_RENDERING_ONLY == expected
