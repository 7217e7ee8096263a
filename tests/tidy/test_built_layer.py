"""What ships can be imported from what ships alone.

The emulator cannot tell: its functions also see the packages of its own environment.
"""

import importlib.util
import os
import subprocess
from pathlib import Path

import pytest

from postpaid_cli.build import build
from postpaid_cli.checkout import BUILD, ROOT, VENV_BIN
from tests.support.template import Resource, Template

TEMPLATE = Template.load()
LAYER = BUILD / "CommonLayer" / "python"

# The flags of a .pyc: bit 0 says that it holds its source's hash, bit 1 that Python checks it.
UNCHECKED_HASH = 0b01


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    build()


def _run_clean(
    code: str, *path: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run *code* where *path* and the standard library are all there is to import."""
    set_path = f"import sys; sys.path[:0] = {[str(folder) for folder in path]!r}\n"
    # Neither -E nor -I, for the environment is part of the question; -P and -S drop the rest.
    return subprocess.run(
        [VENV_BIN / "python3.13", "-P", "-S", "-W", "error", "-c", set_path + code],
        env={"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1", **(environment or {})},
        cwd=path[0],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_layer_holds_all_that_it_names() -> None:
    names = "postpaid, boto3, pydantic, aws_lambda_powertools, tzdata"

    result = _run_clean(f"import {names}\nprint(postpaid.__file__)", LAYER)

    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == str(LAYER / "postpaid" / "__init__.py")


def test_zones_come_from_the_layer_and_not_from_the_image() -> None:
    code = "import zoneinfo; print(zoneinfo.TZPATH); zoneinfo.ZoneInfo('Europe/Vienna')"

    result = _run_clean(code, LAYER, environment={"PYTHONTZPATH": ""})

    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "()"


@pytest.mark.parametrize("function", TEMPLATE.functions(), ids=lambda function: function.name)
def test_a_handler_imports_from_what_ships(function: Resource) -> None:
    module = function.properties["Handler"].rpartition(".")[0]
    environment = {
        name: value if isinstance(value, str) else "x"
        for name, value in TEMPLATE.environment(function).items()
    }
    environment |= {"AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}

    # In Lambda's order: the function's own folder, then the layers.
    result = _run_clean(
        f"import {module}; print({module}.handler)",
        BUILD / function.name,
        LAYER,
        environment=environment,
    )

    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "name", ["CommonLayer", *(function.name for function in TEMPLATE.functions())]
)
def test_every_module_ships_with_its_bytecode(name: str) -> None:
    sources = list((BUILD / name).rglob("*.py"))
    compiled = [Path(importlib.util.cache_from_source(source)) for source in sources]

    assert sources
    missing = [path for path in compiled if not path.is_file()]
    assert not missing
    flags = {int.from_bytes(path.read_bytes()[4:8], "little") for path in compiled}
    assert flags == {UNCHECKED_HASH}


def test_the_requirements_that_ship_are_those_of_the_lock() -> None:
    result = subprocess.run(
        [VENV_BIN / "python", ROOT / "tools" / "export_requirements.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout
