"""What a cold start loads: a module more is milliseconds more on every one of them."""

import os
import subprocess
import sys

from postpaid.domain.instants import instant_text
from postpaid.store.subscriptions import item_from_subscription
from tests.support.samples import OCTOBER, SCOPE, a_line, a_subscription
from tests.support.template import ROOT, Resource, Template

TEMPLATE = Template.load()

# What the recording path has no use for, each with all that it would bring along.
TOO_MUCH_FOR_RECORDING = {
    "aws_lambda_powertools",
    "babel",
    "boto3",
    "fractions",
    "jinja2",
    "postpaid.api.native.models",
    "postpaid.api.native.routes",
    "postpaid.domain.bounds",
    "postpaid.domain.catalog",
    "postpaid.domain.charge",
    "postpaid.domain.money",
    "postpaid.domain.pricing",
    "postpaid.domain.rating",
    "postpaid.outbound",
    "pydantic",
    "s3transfer",
    "typst",
}
FOR_RENDERING_ONLY = {
    "babel",
    "typst",
    "postpaid.outbound.pages",
    "postpaid.outbound.typesetting",
    "postpaid.outbound.usage_typesetting",
}
FOR_ASKING_ONLY = {"postpaid.application.pull_usage", "postpaid.outbound.usage_url"}


def _modules_after_import(functions: list[Resource]) -> set[str]:
    variables = {"PATH": os.defpath, "AWS_DEFAULT_REGION": "us-east-1"}
    for function in functions:
        for name, value in TEMPLATE.environment(function).items():
            variables[name] = value if isinstance(value, str) else "x"
    modules = ", ".join(each.properties["Handler"].rpartition(".")[0] for each in functions)
    return _modules_after(f"import {modules}", variables)


def _modules_after(statements: str, variables: dict[str, str] | None = None) -> set[str]:
    result = subprocess.run(
        [sys.executable, "-c", f"{statements}\nimport sys; print(*sys.modules, sep='\\n')"],
        cwd=ROOT,
        env=(variables or {}) | {"AWS_EC2_METADATA_DISABLED": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return set(result.stdout.splitlines())


def test_recording_imports_no_model_library_no_resolver_and_no_rating() -> None:
    loaded = _modules_after_import([TEMPLATE.one("RecordUsageFunction")])

    assert "postpaid.application.record_usage" in loaded
    assert loaded & TOO_MUCH_FOR_RECORDING == set()


def test_nothing_but_the_renderer_imports_what_typesets() -> None:
    others = [each for each in TEMPLATE.functions() if each.name != "RenderInvoiceFunction"]

    loaded = _modules_after_import(others)

    assert len(others) == 8
    assert "postpaid.application.work_due" in loaded
    assert loaded & FOR_RENDERING_ONLY == set()


def test_nothing_but_the_puller_imports_what_reaches_the_outside() -> None:
    others = [each for each in TEMPLATE.functions() if each.name != "PullUsageFunction"]

    assert _modules_after_import(others) & FOR_ASKING_ONLY == set()
    assert _modules_after_import([TEMPLATE.one("PullUsageFunction")]) >= FOR_ASKING_ONLY


def test_recording_for_a_line_with_its_own_price_reads_no_price() -> None:
    priced = a_line(charge_text='{"pricing_model":"per_unit","unit_amount":"0.03"}')
    stored = item_from_subscription(SCOPE, a_subscription(lines=(priced,)))
    finding = (
        "from postpaid.domain.instants import instant_from_text\n"
        "from postpaid.store.subscriptions import subscription_from_item\n"
        f"subscription = subscription_from_item({stored!r})\n"
        f"at = instant_from_text({instant_text(OCTOBER.start)!r})\n"
        "line = subscription.metered_line(line_id='minutes', item_price_id=None, at=at)\n"
        "assert line.charge_text is not None\n"
    )

    assert _modules_after(finding) & TOO_MUCH_FOR_RECORDING == set()
    # That is no accident: who asks what it costs, loads all of it.
    asking = _modules_after(finding + "line.charge\n")
    assert {"postpaid.domain.charge", "postpaid.domain.pricing"} <= asking
