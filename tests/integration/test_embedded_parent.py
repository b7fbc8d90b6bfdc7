"""Whatever ends the process that started them, the servers do not stay behind, unless they were asked to."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from ledger.embedded import Embedded
from ledger.embedded.process import Running, started_at
from tests.integration.embedded_trial import eventually, gone, parent, reported, sql

if TYPE_CHECKING:
    from pathlib import Path

_SERVE = "print(servers.kafka_pid, servers.postgres_pid, flush=True); time.sleep(600)"
_SERVE_POSTGRES = "print(servers.postgres_pid, flush=True); time.sleep(600)"


def _running(pids: list[int]) -> list[Running]:
    servers = [Running(pid, started_at(pid) or "") for pid in pids]
    assert all(server.alive() for server in servers)
    return servers


def test_none_is_orphaned_by_kill_9(tmp_path: Path) -> None:
    process = parent(tmp_path / "root", f"servers.start(); {_SERVE}")
    with process:
        servers = _running(reported(process))
        process.kill()
        assert gone(servers)
    # They ended in order, so the next start has nothing to recover.
    again = Embedded(tmp_path / "root")
    try:
        assert "shut down" in (tmp_path / "root" / "log" / "postgres.log").read_text().splitlines()[-1]
        assert (tmp_path / "root" / "data" / "kafka" / ".kafka_cleanshutdown").exists()
    finally:
        again.delete()


@pytest.mark.parametrize(
    "ending",
    [
        "servers.start_postgres(); print(servers.postgres_pid, flush=True)",
        "servers.start_postgres(); print(servers.postgres_pid, flush=True); raise SystemExit(3)",
        "servers.start_postgres(); print(servers.postgres_pid, flush=True); os.abort()",
        # The thread that started it ends long before the process does.
        (
            "import threading; t = threading.Thread(target=servers.start_postgres); t.start(); t.join(); "
            "print(servers.postgres_pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
        ),
        # A descendant inherits every descriptor and lives on.
        (
            "servers.start_postgres(); child = os.fork()\n"
            "if child == 0: os.close(1); time.sleep(20); os._exit(0)\n"
            "print(servers.postgres_pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
        ),
    ],
    ids=["end", "exit", "abort", "thread", "descendant"],
)
def test_however_the_parent_ends(tmp_path: Path, ending: str) -> None:
    process = parent(tmp_path / "root", ending)
    with process:
        [pid] = reported(process)
        assert eventually(lambda: started_at(pid) is None)
    Embedded(tmp_path / "root").delete()


def test_the_server_outlives_ctrl_c_until_its_parent_has_drained(tmp_path: Path) -> None:
    drain = (
        "servers.start_postgres(); print(servers.postgres_pid, flush=True)\n"
        "try: time.sleep(600)\n"
        "except KeyboardInterrupt: pass\n"
        "print(servers.postgres_pid, flush=True); servers.stop()"
    )
    process = parent(tmp_path / "root", drain)
    with process:
        servers = _running(reported(process))
        os.killpg(process.pid, signal.SIGINT)
        assert reported(process) == [server.pid for server in servers]
        assert process.wait() == 0
    assert gone(servers)
    Embedded(tmp_path / "root").delete()


def test_the_end_of_its_supervisor_ends_the_server(tmp_path: Path) -> None:
    process = parent(tmp_path / "root", f"servers.start_postgres(); {_SERVE_POSTGRES}")
    with process:
        servers = _running(reported(process))
        os.kill(os.getsid(servers[0].pid), signal.SIGTERM)
        assert gone(servers)
        process.kill()
    Embedded(tmp_path / "root").delete()


def test_detached_it_stays_until_it_is_stopped(tmp_path: Path) -> None:
    root = tmp_path / "root"
    process = parent(
        root, "servers.start(detached=True); print(servers.kafka_pid, servers.postgres_pid, flush=True)"
    )
    with process:
        servers = _running(reported(process))
        assert process.wait() == 0
    other = Embedded(root)
    try:
        assert all(server.alive() for server in servers)
        assert [other.kafka_pid, other.postgres_pid] == [server.pid for server in servers]
        assert sql(other.superuser_url("ledger"), "SELECT 1") == 1
        other.stop_kafka()
        assert [server.alive() for server in servers] == [False, True]
        other.stop_postgres()
        assert gone(servers)
    finally:
        other.delete()
