"""Both embedded servers, from a first start to a clean end."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from ledger.embedded import Embedded
from ledger.embedded.process import Running, started_at
from tests.integration.embedded_trial import consume, gone, produce, sql

if TYPE_CHECKING:
    from pathlib import Path


def _processes(servers: Embedded) -> list[Running]:
    pids = [servers.kafka_pid, servers.postgres_pid]
    return [Running(pid, started_at(pid) or "") for pid in pids if pid is not None]


def test_they_start_serve_stop_and_keep_what_they_were_given(tmp_path: Path) -> None:
    root = tmp_path / ".ledger"
    with Embedded(root) as servers:
        first = _processes(servers)
        addresses = (servers.kafka_bootstrap, servers.superuser_url("ledger"), servers.login_url("vault"))
        produce(servers.kafka_bootstrap, "kept", b"one")
        sql(servers.superuser_url("ledger"), "CREATE TABLE kept AS SELECT 1 AS i")
        assert sql(servers.login_url("vault"), "SELECT current_user::text") == "ledger"
        assert [int((root / "run" / f"{name}.pid").read_text()) for name in ("kafka", "postgres")] == [
            server.pid for server in first
        ]
        # A terminal's Ctrl-C goes to the processes of its session: the servers are not among them.
        assert all(os.getsid(server.pid) != os.getsid(0) for server in first)
    assert len(first) == 2
    assert gone(first)
    assert not list((root / "run").glob("*.pid"))
    assert "shut down" in (root / "log" / "postgres.log").read_text().splitlines()[-1]
    assert (root / "data" / "kafka" / ".kafka_cleanshutdown").exists()

    with Embedded(root) as servers:
        assert (
            servers.kafka_bootstrap,
            servers.superuser_url("ledger"),
            servers.login_url("vault"),
        ) == addresses
        assert sql(servers.superuser_url("ledger"), "SELECT i FROM kept") == 1
        produce(servers.kafka_bootstrap, "kept", b"two")
        assert consume(servers.kafka_bootstrap, "kept", 2) == [b"one", b"two"]
        for server in _processes(servers):
            os.kill(server.pid, 9)
            assert gone([server])
        assert (servers.kafka_pid, servers.postgres_pid) == (None, None)
        servers.start()
        assert sql(servers.superuser_url("ledger"), "SELECT i FROM kept") == 1
        assert consume(servers.kafka_bootstrap, "kept", 2) == [b"one", b"two"]
        last = _processes(servers)
    assert gone(last)
    servers.delete()


def test_two_stand_side_by_side_and_one_is_deleted_without_the_other(tmp_path: Path) -> None:
    left, right = Embedded(tmp_path / "left"), Embedded(tmp_path / "right")
    try:
        for servers, value in ((left, b"left"), (right, b"right")):
            servers.start()
            produce(servers.kafka_bootstrap, "side", value)
        assert consume(left.kafka_bootstrap, "side", 1) == [b"left"]
        data = (tmp_path / "left" / "data").resolve()
        assert (data / "postgres" / "PG_VERSION").exists()
        left.delete()
        assert not data.exists()
        assert not (tmp_path / "left" / "data").is_symlink()
        assert consume(right.kafka_bootstrap, "side", 1) == [b"right"]
        assert sql(right.superuser_url("vault"), "SELECT current_database()::text") == "vault"
    finally:
        left.delete()
        right.delete()


def test_a_server_that_runs_is_used_and_left_to_who_started_it(tmp_path: Path) -> None:
    owner, guest = Embedded(tmp_path / "shared"), Embedded(tmp_path / "shared")
    try:
        owner.start_postgres()
        guest.start_postgres()
        assert guest.postgres_pid == owner.postgres_pid
        guest.stop_started()
        assert sql(owner.superuser_url("ledger"), "SELECT 1") == 1
        guest.stop_postgres()  # asked by name, it stops whoever started it
        assert owner.postgres_pid is None
    finally:
        owner.delete()


def test_secrets_are_for_their_owner_alone(tmp_path: Path) -> None:
    servers = Embedded(tmp_path / "private")
    try:
        servers.start_postgres()
        run = tmp_path / "private" / "run"
        assert stat.S_IMODE(run.stat().st_mode) == 0o700
        assert stat.S_IMODE((run / "postgres.json").stat().st_mode) == 0o600
        passwords = [
            servers.superuser_url("x").split(":")[2].split("@")[0],
            servers.login_url("x").split(":")[2].split("@")[0],
        ]
        assert passwords[0] != passwords[1]
        data = tmp_path / "private" / "data"
        for place in ((tmp_path / "private" / "log").iterdir(), data.glob("*"), data.glob("postgres/*")):
            for path in place:
                text = path.read_bytes() if path.is_file() else b""
                assert not any(password.encode() in text for password in passwords), path
    finally:
        servers.delete()
