"""Where things lie in a checkout; the local stack needs one, for it builds what it deploys."""

import os
import platform
from pathlib import Path

from postpaid_cli.errors import LocalError

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"
BUILD = ROOT / ".aws-sam" / "build"
BUILT_TEMPLATE = BUILD / "template.yaml"
PACKED = ROOT / ".aws-sam" / "packed"
PACKED_TEMPLATE = PACKED / "template.yaml"
VENV_BIN = ROOT / ".venv" / "bin"
ENGINE_PYTHON = ROOT / ".engine" / "bin" / "python"
STATE_FOLDER = ROOT / ".postpaid"

# What Lambda and SAM call the processor of this machine.
_ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
_LEFT_OUT = {"VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE"}


def require_checkout() -> None:
    """Refuse in one sentence where the package is installed without its checkout or tools."""
    if not TEMPLATE.is_file():
        raise LocalError("The local stack needs a checkout of Postpaid; this is an installed copy.")
    if not ENGINE_PYTHON.exists() or not (VENV_BIN / "sam").exists():
        raise LocalError("The tools are not installed yet: run `make setup`.")


def host_architecture() -> str:
    """Return this machine's processor, which the emulator's functions run on."""
    machine = platform.machine().lower()
    if machine not in _ARCHITECTURES:
        raise LocalError(f"The local stack runs on x86_64 and arm64, not on {machine}.")
    return _ARCHITECTURES[machine]


def tool_environment() -> dict[str, str]:
    """Return the environment SAM runs in: our own tools first, and no telemetry.

    SAM's builder refuses a `python3.13` that is a pyenv shim, and wants pip beside the real one;
    `.venv/bin` has both. What an activated virtualenv or a PYTHONPATH would add is left out, and so
    is a wish not to write bytecode: without it every `sam` starts by compiling for five seconds.
    """
    kept = {name: value for name, value in os.environ.items() if name not in _LEFT_OUT}
    return kept | {
        "PATH": os.pathsep.join([str(VENV_BIN), kept.get("PATH", os.defpath)]),
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_POLL_DELAY": "1",
    }
