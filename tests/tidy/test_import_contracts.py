"""Imports point one way; the contracts themselves stand in pyproject.toml."""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from postpaid_cli.checkout import ROOT, VENV_BIN

PURE_ROOMS = ("domain", "application")

# (place, what a file there imports), at least one for each contract.
VIOLATIONS = [
    ("layers/common/postpaid/domain", "boto3"),
    ("layers/common/postpaid/application", "pydantic"),
    ("layers/common/postpaid/domain", "postpaid.application"),
    ("layers/common/postpaid/application", "postpaid.store"),
    ("layers/common/postpaid/store", "postpaid.api"),
    ("layers/common/postpaid/runtime", "postpaid.store"),
    ("layers/common/postpaid/api", "boto3"),
    ("functions/record_usage", "botocore"),
    ("layers/common/postpaid/store", "postpaid_cli"),
]


def _lint(root: Path) -> subprocess.CompletedProcess[str]:
    path = [root, root / "layers" / "common", root / "cli"]
    return subprocess.run(
        [VENV_BIN / "lint-imports", "--no-cache", "--config", root / "pyproject.toml"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_contracts_hold() -> None:
    result = _lint(ROOT)

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What is said of a copy of the tree in which every violation was planted."""
    copy = tmp_path_factory.mktemp("broken")
    for folder in ("functions", "layers/common/postpaid", "cli/postpaid_cli"):
        ignored = shutil.ignore_patterns("__pycache__", "fonts")
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", copy)
    for number, (place, module) in enumerate(VIOLATIONS):
        text = f'"""Planted."""\n\nimport {module}\n'
        (copy / place / f"planted_{number}.py").write_text(text, encoding="utf-8")

    result = _lint(copy)

    assert result.returncode == 1, result.stdout + result.stderr
    assert " KEPT" not in result.stdout
    return result.stdout


@pytest.mark.parametrize("number", range(len(VIOLATIONS)), ids=map(" imports ".join, VIOLATIONS))
def test_a_planted_violation_is_found(broken: str, number: int) -> None:
    place, module = VIOLATIONS[number]
    importer = place.removeprefix("layers/common/").replace("/", ".") + f".planted_{number}"

    assert f"{importer} -> {module}" in broken


def _imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name} has a relative import"
            yield node.module or ""


@pytest.mark.parametrize("room", PURE_ROOMS)
def test_a_pure_room_imports_the_standard_library_only(room: str) -> None:
    # The contract lists the libraries we know; this refuses the ones we do not know yet.
    foreign = {
        f"{file.name}: {module}"
        for file in (ROOT / "layers/common/postpaid" / room).rglob("*.py")
        for module in _imports(file)
        if module.split(".")[0] not in sys.stdlib_module_names | {"postpaid"}
    }

    assert not foreign
