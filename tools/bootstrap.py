"""Make the two environments of this checkout: `.venv` to work in, `.engine` for the emulator.

Runs on any Python from 3.11 with pip, on the standard library alone; safe to run again, and quick
then. It does not build or deploy anything.
"""

import fcntl
import hashlib
import os
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
VENV = ROOT / ".venv"
ENGINE = ROOT / ".engine"
ENGINE_REQUIREMENTS = ROOT / "tools" / "engine.txt"
LOCK_FILES = (
    ROOT / "uv.lock",
    ROOT / "pyproject.toml",
    ROOT / "layers" / "common" / "pyproject.toml",
    ROOT / "cli" / "pyproject.toml",
)

UV_VERSION = "0.13.8"
PYTHON_MINOR = (ROOT / ".python-version").read_text(encoding="utf-8").strip()

# Prints the interpreter that is really behind a name: outside any venv, and able to download.
_WHO_ARE_YOU = """
import os, ssl, sys, zlib
name = "python%d.%d" % sys.version_info[:2]
real = os.path.join(sys.base_prefix, "bin", name)
print("%d.%d" % sys.version_info[:2], real if os.path.exists(real) else sys.executable)
"""


class SetUpError(Exception):
    """What stops the set-up, in one sentence."""


def main() -> int:
    """Set up what is missing; return a process exit status."""
    started = time.monotonic()
    TOOLS.mkdir(exist_ok=True)
    try:
        # Two set-ups of one checkout at once would build one environment on top of the other.
        with (TOOLS / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            made = set_up()
    except SetUpError as failure:
        print(f"bootstrap: {failure}", file=sys.stderr)
        return 1
    if made:
        seconds = time.monotonic() - started
        print(f"bootstrap: {' and '.join(made)} ready in {seconds:.0f} s", file=sys.stderr)
    return 0


def set_up() -> list[str]:
    """Make each environment whose inputs changed; return the names of those made."""
    python = python_of_stamp(VENV) or find_python() or python_by_uv()
    wanted = {
        VENV: digest(python, *LOCK_FILES),
        ENGINE: digest(python, ENGINE_REQUIREMENTS),
    }
    stale = [
        folder
        for folder, stamp in wanted.items()
        if read_stamp(folder) != (stamp, python) or not (folder / "bin" / "python").exists()
    ]
    for folder in stale:
        say(f"making {folder.name} with Python {PYTHON_MINOR}")
        (folder / "stamp").unlink(missing_ok=True)
        make_venv(python) if folder == VENV else make_engine(python)
        (folder / "stamp").write_text(f"{wanted[folder]}\n{python}\n", encoding="utf-8")
    return [folder.name for folder in stale]


# --- stamps ----------------------------------------------------------------------------------


def digest(python: str, *files: Path) -> str:
    """Name the inputs of an environment; the checkout's own place counts, as scripts hold it."""
    parts = [str(ROOT), python, UV_VERSION, PYTHON_MINOR]
    parts += [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def read_stamp(folder: Path) -> tuple[str, str] | None:
    """Return the digest and interpreter an environment was finished with."""
    try:
        stamp, python = (folder / "stamp").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return None
    return stamp, python


def python_of_stamp(folder: Path) -> str | None:
    """Return the interpreter used last time, if it still works: the quick way the second time."""
    stamp = read_stamp(folder)
    return real_python(stamp[1]) if stamp else None


# --- Python ----------------------------------------------------------------------------------


def find_python() -> str | None:
    """Find an interpreter of the wanted minor on this machine, without downloading one."""
    for candidate in candidates():
        if found := real_python(candidate):
            return found
    return None


def candidates() -> Iterator[str]:
    """Yield what may be such an interpreter: PATH first, then where pyenv keeps its versions."""
    name = f"python{PYTHON_MINOR}"
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        for found in (Path(folder) / name, Path(folder) / "python3"):
            if found.is_file() and os.access(found, os.X_OK):
                yield str(found)
    # A pyenv shim on PATH refuses to start unless its version is the selected one.
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for found in sorted(pyenv.glob(f"versions/{PYTHON_MINOR}*/bin/{name}"), reverse=True):
        yield str(found)


def real_python(candidate: str) -> str | None:
    """Ask a candidate who it is; None if it does not start or has another minor version."""
    try:
        answer = subprocess.run(
            [candidate, "-I", "-c", _WHO_ARE_YOU],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version, _, path = answer.stdout.strip().partition(" ")
    return path if answer.returncode == 0 and version == PYTHON_MINOR else None


def python_by_uv() -> str:
    """Let uv find an interpreter where we did not look, or download one."""
    uv = uv_command()
    say(f"no Python {PYTHON_MINOR} on this machine; asking uv to download one")
    subprocess.run([uv, "python", "install", PYTHON_MINOR], env=uv_environment(), check=False)
    found = subprocess.run(
        [uv, "python", "find", "--no-project", PYTHON_MINOR],
        capture_output=True,
        text=True,
        env=uv_environment(),
        check=False,
    ).stdout.strip()
    python = real_python(found) if found else None
    if python is None:
        raise SetUpError(
            f"Python {PYTHON_MINOR} is needed and neither on PATH, nor in pyenv, nor could uv "
            "download it: install it and run this again."
        )
    return python


# --- uv and the environments -----------------------------------------------------------------


def uv_command() -> str:
    """Return a uv of exactly the pinned version, from PATH or from `.tools`, where pip puts it."""
    own = TOOLS / "bin" / "uv"
    for candidate in (str(own), shutil.which("uv")):
        if candidate and uv_version(candidate) == UV_VERSION:
            return candidate
    say(f"getting uv {UV_VERSION}")
    # --target needs neither ensurepip nor a writable system Python, which some hosts lack.
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*command, "--upgrade", "--target", str(TOOLS), f"uv=={UV_VERSION}"], pip_environment())
    if uv_version(str(own)) != UV_VERSION:
        raise SetUpError(f"pip installed uv {UV_VERSION}, but {own} does not run.")
    return str(own)


def pip_environment() -> dict[str, str]:
    """Return our environment, with pip told that being root is meant."""
    return {"PIP_ROOT_USER_ACTION": "ignore", **os.environ}


def uv_version(command: str) -> str | None:
    """Return the version a uv binary says it has."""
    try:
        answer = subprocess.run(
            [command, "--version"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = answer.stdout.split()
    return words[1] if answer.returncode == 0 and len(words) > 1 else None


def uv_environment() -> dict[str, str]:
    """Return our environment without what would send uv to another project or virtualenv."""
    kept = {k: v for k, v in os.environ.items() if k not in {"VIRTUAL_ENV", "UV_PYTHON"}}
    # uv brings certificates of its own; where the machine has some, they are the ones to trust, as
    # behind a company's proxy.
    system = ssl.get_default_verify_paths()
    if system.cafile or (system.capath and any(Path(system.capath).iterdir())):
        kept.setdefault("UV_SYSTEM_CERTS", "true")
    return kept | {"UV_PROJECT_ENVIRONMENT": str(VENV)}


def make_venv(python: str) -> None:
    """Install the locked workspace, all packages and groups, into `.venv`."""
    options = ["--frozen", "--all-packages", "--all-groups", "--python", python, "--quiet"]
    run([uv_command(), "sync", *options], uv_environment())


def make_engine(python: str) -> None:
    """Install the emulator alone: what its environment holds, every local Lambda can import."""
    uv = uv_command()
    run([uv, "venv", "--quiet", "--clear", "--python", python, str(ENGINE)], uv_environment())
    target = ["--python", str(ENGINE / "bin" / "python")]
    run([uv, "pip", "sync", "--quiet", *target, str(ENGINE_REQUIREMENTS)], uv_environment())


def run(command: list[str], env: dict[str, str]) -> None:
    """Run a step in the checkout; its own error output explains a failure."""
    if subprocess.run(command, cwd=ROOT, env=env, check=False).returncode != 0:
        raise SetUpError(f"`{' '.join(command)}` failed; its message stands above.")


def say(message: str) -> None:
    """Tell the terminal what takes the time."""
    print(f"bootstrap: {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
