"""The local engine as a process: alone on its port and in its folder, and gone when stopped."""

import os
import socket
from pathlib import Path

import pytest

from postpaid_cli import engine as engines
from postpaid_cli.aws import LocalAws
from postpaid_cli.engine import Engine
from postpaid_cli.errors import LocalError

pytestmark = pytest.mark.engine


def test_an_engine_answers_and_leaves_nothing_behind(tmp_path: Path) -> None:
    engine = engines.start(tmp_path / "engine", lifetime_seconds=60)
    try:
        assert engines.is_running(engine)
        assert LocalAws(engine.endpoint).dynamodb().list_tables()["TableNames"] == []
    finally:
        engines.stop(engine)

    assert not engines.is_running(engine)
    assert not engine.folder.exists()
    with socket.socket() as probe:
        assert probe.connect_ex((engines.HOST, engine.port)) != 0


def test_an_engine_ends_by_itself_when_its_life_is_over(tmp_path: Path) -> None:
    engine = engines.start(tmp_path / "engine", lifetime_seconds=1)
    try:
        pid, status = os.waitpid(engine.pid, 0)
    finally:
        engines.stop(engine)

    assert (pid, os.waitstatus_to_exitcode(status)) == (engine.pid, 0)


def test_a_port_in_use_is_refused_in_one_sentence(tmp_path: Path, engine: Engine) -> None:
    with pytest.raises(LocalError, match=f"Port {engine.port} is in use"):
        engines.start(tmp_path / "engine", port=engine.port)


def test_another_process_is_not_taken_for_the_engine(tmp_path: Path) -> None:
    stranger = Engine(pid=os.getpid(), port=1, folder=tmp_path / "engine")

    engines.stop(stranger)

    assert not engines.is_running(stranger)


def test_the_engine_listens_on_loopback_only(engine: Engine) -> None:
    tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]
    if not tables[0].exists():
        pytest.skip("this system does not list its sockets in /proc")
    port = f"{engine.port:04X}"

    listening = {
        row.split()[1].rsplit(":", 1)[0]
        for table in tables
        if table.exists()
        for row in table.read_text(encoding="ascii").splitlines()[1:]
        if row.split()[1].endswith(f":{port}") and row.split()[3] == "0A"
    }

    assert listening == {"0100007F"}
