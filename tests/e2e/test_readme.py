"""What the README shows runs as it stands there."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from postpaid_cli.checkout import ROOT
from postpaid_cli.provision import provision_local
from postpaid_cli.stack import LocalStack

pytestmark = pytest.mark.stack


@pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("jq")), reason="needs curl and jq, as readers do"
)
def test_the_lines_for_those_who_come_from_chargeover_record_a_usage(
    stack: LocalStack, tmp_path: Path
) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [lines] = re.findall(r"```bash\n(CO=.*?)```", readme, re.DOTALL)
    keys = provision_local(stack.outputs, stack.engine.endpoint, None, site_id="readme-over")
    connection = replace(stack, keys=keys).connection()
    (tmp_path / "stack.json").write_text(json.dumps(connection), encoding="utf-8")

    done = subprocess.run(
        ["bash", "-euc", lines],  # noqa: S607 - as readers do
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.replace("}{", "}\n{").splitlines()]
    assert [each["code"] for each in told] == [201, 201, 201]
    assert isinstance(told[-1]["response"]["id"], int)


def test_the_lines_for_those_who_come_from_chargebee_print_their_invoice(
    stack: LocalStack, tmp_path: Path
) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [lines] = re.findall(r"```python\n(import json.*?)```", readme, re.DOTALL)
    # A site of its own, for it starts afresh and travels.
    keys = provision_local(stack.outputs, stack.engine.endpoint, None, site_id="readme")
    connection = replace(stack, keys=keys).connection()
    (tmp_path / "stack.json").write_text(json.dumps(connection), encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-c", lines],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"INV-\d{6} \[1000, 1805\] 2805\n", done.stdout)
