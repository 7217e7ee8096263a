"""Builds what is deployed: `sam build`, then bytecode.

Run as `python -m postpaid_cli.build [architecture]`; the default is this machine's own. Does
nothing when the sources, the template and the pins are those of the last build.
"""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from postpaid_cli.checkout import (
    BUILD,
    ROOT,
    TEMPLATE,
    VENV_BIN,
    host_architecture,
    require_checkout,
    tool_environment,
)
from postpaid_cli.errors import LocalError

_SOURCES = (ROOT / "functions", ROOT / "layers")
# What the functions have clients of.
SERVICES = frozenset({"dynamodb", "s3", "sqs"})
_STAMP = BUILD / ".stamp"


def build(architecture: str | None = None) -> bool:
    """Build the layer and the functions for *architecture*; return whether anything was done."""
    require_checkout()
    architecture = architecture or host_architecture()
    stamp = _digest(architecture)
    if _STAMP.is_file() and _STAMP.read_text(encoding="utf-8") == stamp:
        return False
    _STAMP.unlink(missing_ok=True)
    overrides = ["--parameter-overrides", f"Architecture={architecture}"]
    _run([str(VENV_BIN / "sam"), "build", "--cached", "--parallel", *overrides])
    _prune_models(BUILD)
    # Lambda's file system is read-only, so without bytecode every cold start compiles all it
    # imports: more than half of its time. Unchecked, as a zip does not keep the sources' dates.
    compiler = ["-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"]
    _run([str(VENV_BIN / "python3.13"), *compiler, *map(str, _built_folders())])
    _STAMP.write_text(stamp, encoding="utf-8")
    return True


def _prune_models(built: Path) -> None:
    """Leave out botocore's models of the services that no function calls: half of the layer.

    Every cold start unpacks the layer and lists this folder.
    """
    for data in built.glob("*/python/botocore/data"):
        for model in data.iterdir():
            if model.is_dir() and model.name not in SERVICES:
                shutil.rmtree(model)


def _built_folders() -> list[Path]:
    """Return the folders that become zips, not what SAM keeps beside them."""
    return sorted(path for path in BUILD.iterdir() if path.is_dir())


def _digest(architecture: str) -> str:
    """Name everything a build is made of."""
    digest = hashlib.sha256(architecture.encode())
    for file in (TEMPLATE, Path(__file__).resolve(), *_source_files()):
        digest.update(f"\n{file.relative_to(ROOT)}\n".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _source_files() -> Iterator[Path]:
    for folder in _SOURCES:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def _run(command: list[str]) -> None:
    """Run a step in the checkout; keep its output back unless it fails."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=tool_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        click.echo(done.stdout, err=True)
        raise LocalError(f"`{Path(command[0]).name} {command[1]}` failed; its output stands above.")


if __name__ == "__main__":
    try:
        build(sys.argv[1] if len(sys.argv) > 1 else None)
    except LocalError as error:
        error.show()
        sys.exit(error.exit_code)
