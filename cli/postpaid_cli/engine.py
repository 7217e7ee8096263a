"""Starts and stops MiniStack, the local AWS, as a process of its own on 127.0.0.1.

It deploys nothing; see deploy.py. The process outlives its starter, but not its lifetime.
"""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from postpaid_cli.checkout import ENGINE_PYTHON
from postpaid_cli.errors import LocalError

HOST = "127.0.0.1"
REGION = "us-east-1"
LIFETIME_SECONDS = 12 * 60 * 60

_PROGRAM = Path(__file__).with_name("engine_process.py")
_READY_SECONDS = 20.0
_STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A running emulator: its process, its port, and the folder that ends with it."""

    pid: int
    port: int
    folder: Path

    @property
    def endpoint(self) -> str:
        """The URL that every AWS client of this engine is pointed at."""
        return f"http://{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """What the emulator printed."""
        return self.folder / "engine.log"


def start(
    folder: Path, *, port: int | None = None, lifetime_seconds: int = LIFETIME_SECONDS
) -> Engine:
    """Start an engine that keeps all it writes in *folder*; return when it answers.

    Without a *port* it takes a free one. The folder must be the engine's alone: stopping removes
    it.
    """
    port = _free_port() if port is None else _require_free(port)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    command = [str(ENGINE_PYTHON), "-I", str(_PROGRAM), str(lifetime_seconds), str(folder)]
    with (folder / "engine.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(folder, port),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Its own session: Ctrl-C in the starting terminal does not reach it, and its
            # workers, which share its process group, can be ended with it.
            start_new_session=True,
        )
    engine = Engine(pid=process.pid, port=port, folder=folder)
    try:
        _wait_until_ready(engine, process)
    except BaseException:
        process.kill()
        process.wait()
        _remove(folder)
        raise
    # It outlives us, and stop() may run in another process. Without this line Python warns that
    # we lose a child that still runs.
    process.returncode = 0
    return engine


def stop(engine: Engine) -> None:
    """End the engine and its workers, and remove its folder; do nothing where it has ended."""
    if is_running(engine):
        os.kill(engine.pid, signal.SIGTERM)
        _wait_until_ended(engine)
        # The group is ours by construction. What is left of it is a stuck server or idle workers.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(engine.pid, signal.SIGKILL)
        _wait_until_ended(engine)
    _remove(engine.folder)


def is_running(engine: Engine) -> bool:
    """Tell whether the process is there and is this engine: process ids are used again."""
    with suppress(ChildProcessError):
        os.waitpid(engine.pid, os.WNOHANG)  # collects it where it was our child and has ended
    return str(engine.folder) in _command_line(engine.pid)


def tail(engine: Engine, lines: int = 40) -> str:
    """Return the end of what the emulator printed, for an error message."""
    try:
        text = engine.log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def _environment(folder: Path, port: int) -> dict[str, str]:
    """Return everything the emulator sees, made by hand.

    Each local Lambda inherits all of it, so a variable more here is one that the template could
    forget without our noticing. HOME is the folder, so that no AWS profile of the user is found.
    """
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "TZ": "UTC",
        "LANG": "C.UTF-8",
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "AUTH": "true",  # check the functions' own roles
        "AWS_DEFAULT_REGION": REGION,
        "IOT_MTLS_ENABLED": "0",  # this listener would ignore BIND_HOST
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": "unix:///nonexistent",
    }


def _wait_until_ready(engine: Engine, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise LocalError(f"The local engine ended at once:\n{tail(engine)}")
        if _answers(engine):
            return
        time.sleep(0.02)
    raise LocalError(f"The local engine gave no answer in {_READY_SECONDS:.0f} s:\n{tail(engine)}")


def _answers(engine: Engine) -> bool:
    connection = http.client.HTTPConnection(HOST, engine.port, timeout=1)
    try:
        connection.request("GET", "/_ministack/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _require_free(port: int) -> int:
    with socket.socket() as probe:
        # As the server does; without it, a port that was in use a minute ago looks taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise LocalError(f"Port {port} is in use; choose another with --port.") from error
    return port


def _command_line(pid: int) -> str:
    """Return what a process was started with; nothing where it has ended, collected or not."""
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
    listing = subprocess.run(
        ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    return listing.stdout


def _wait_until_ended(engine: Engine) -> None:
    deadline = time.monotonic() + _STOP_SECONDS
    while is_running(engine) and time.monotonic() < deadline:
        time.sleep(0.02)


def _remove(folder: Path) -> None:
    """Remove the folder, with patience for workers that are still writing their last."""
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)
