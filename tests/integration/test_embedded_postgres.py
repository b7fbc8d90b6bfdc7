"""What the next start of PostgreSQL finds, and mends or refuses."""

from __future__ import annotations

import os
import signal
import socket
from typing import TYPE_CHECKING

import asyncpg
import pytest

from ledger.embedded import Embedded, EmbeddedError
from ledger.embedded.process import Running, started_at
from tests.integration.embedded_trial import gone, parent, reported, sql

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Embedded]:
    embedded = Embedded(tmp_path / "root")
    yield embedded
    embedded.delete()


def _kill(servers: Embedded) -> None:
    pid = servers.postgres_pid
    assert pid is not None
    server = Running(pid, started_at(pid) or "")
    os.kill(pid, 9)
    assert gone([server])


def test_pid_and_lock_files_that_name_another_process_are_mended(servers: Embedded, tmp_path: Path) -> None:
    servers.start_postgres()
    sql(servers.superuser_url("ledger"), "CREATE TABLE kept AS SELECT 7 AS i")
    _kill(servers)
    # Their process ids have since gone to this process.
    (tmp_path / "root" / "run" / "postgres.pid").write_text(f"{os.getpid()}\n")
    lock = tmp_path / "root" / "data" / "postgres" / "postmaster.pid"
    lock.write_text("\n".join([str(os.getpid()), *lock.read_text().splitlines()[1:]]) + "\n")
    servers.start_postgres()
    assert servers.postgres_pid != os.getpid()
    assert sql(servers.superuser_url("ledger"), "SELECT i FROM kept") == 7


def test_a_session_of_a_killed_postmaster_is_waited_for(servers: Embedded, tmp_path: Path) -> None:
    servers.start_postgres()
    url = servers.superuser_url("ledger")
    client = parent(
        tmp_path / "client",
        "import asyncio, asyncpg\n"
        "async def main():\n"
        f"    c = await asyncpg.connect({url!r})\n"
        "    print(await c.fetchval('SELECT pg_backend_pid()'), flush=True)\n"
        # Computes for a while and looks up only now and then, so it notices the postmaster's end late.
        "    await c.fetchval('SELECT count(*) FROM generate_series(1, 4000000) a')\n"
        "asyncio.run(main())",
    )
    with client:
        assert len(reported(client)) == 1
        _kill(servers)
        servers.start_postgres()
        assert sql(url, "SELECT 1") == 1
        client.kill()
    Embedded(tmp_path / "client").delete()


def test_a_server_whose_record_was_lost_is_stopped_and_its_passwords_are_renewed(
    servers: Embedded, tmp_path: Path
) -> None:
    servers.start_postgres()
    sql(servers.superuser_url("ledger"), "CREATE TABLE kept AS SELECT 7 AS i")
    pid, before = servers.postgres_pid, servers.superuser_url("ledger")
    assert pid is not None
    orphan = Running(pid, started_at(pid) or "")
    for name in ("postgres.pid", "postgres.json"):
        (tmp_path / "root" / "run" / name).unlink()
    servers.start_postgres()
    assert not orphan.alive()
    assert servers.superuser_url("ledger") != before
    assert sql(servers.superuser_url("ledger"), "SELECT i FROM kept") == 7
    assert sql(servers.login_url("ledger"), "SELECT 1") == 1


def test_a_suspended_server_without_its_pid_file_is_ended_in_order(servers: Embedded, tmp_path: Path) -> None:
    servers.start_postgres()
    pid = servers.postgres_pid
    assert pid is not None
    suspended = Running(pid, started_at(pid) or "")
    os.kill(pid, signal.SIGSTOP)
    (tmp_path / "root" / "run" / "postgres.pid").unlink()
    servers.start_postgres()
    assert not suspended.alive()
    assert "database system was shut down at" in (tmp_path / "root" / "log" / "postgres.log").read_text()
    assert sql(servers.superuser_url("ledger"), "SELECT 1") == 1


def test_a_first_start_that_was_cut_short_is_begun_anew(servers: Embedded, tmp_path: Path) -> None:
    half = tmp_path / "root" / "data" / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    (tmp_path / "root" / "run" / "postgres.json").write_text('{"port": 1')
    servers.start_postgres()
    assert sql(servers.login_url("vault"), "SELECT 1") == 1
    assert not half.exists()


def test_it_moves_when_its_port_is_taken(servers: Embedded) -> None:
    servers.start_postgres()
    port = servers.postgres_port
    servers.stop_postgres()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        servers.start_postgres()
        assert servers.postgres_port != port
        assert sql(servers.superuser_url("ledger"), "SELECT 1") == 1


def test_it_says_what_is_wrong_with_its_data_directory(servers: Embedded, tmp_path: Path) -> None:
    data = tmp_path / "root" / "data" / "postgres"
    data.mkdir()
    (data / "holiday.txt").write_text("not a database")
    with pytest.raises(EmbeddedError, match="is not a PostgreSQL data directory: move it away") as refused:
        servers.start_postgres()
    assert refused.value.exit_code == 3
    (data / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(EmbeddedError, match=r"was made by PostgreSQL 9\.6, and this is 18"):
        servers.start_postgres()
    assert (data / "holiday.txt").read_text() == "not a database"


def test_a_start_that_fails_shows_the_end_of_the_log_and_leaves_no_pid_file(tmp_path: Path) -> None:
    servers = Embedded(tmp_path / "root", postgres_settings={"shared_buffers": "plenty"})
    try:
        with pytest.raises(EmbeddedError, match=r'(?s)ended while it was starting.*"shared_buffers".*plenty'):
            servers.start_postgres()
        assert servers.postgres_pid is None
        assert not (tmp_path / "root" / "run" / "postgres.pid").exists()
    finally:
        servers.delete()


def test_settings_are_taken_and_quoted(tmp_path: Path) -> None:
    servers = Embedded(
        tmp_path / "root", postgres_settings={"max_wal_size": "3GB", "application_name": "it's"}
    )
    try:
        servers.start_postgres()
        url = servers.superuser_url("postgres")
        assert sql(url, "SHOW max_wal_size") == "3GB"
        assert sql(url, "SHOW application_name") == "it's"
        assert sql(url, "SHOW max_connections") == "200"
    finally:
        servers.delete()


def test_what_clients_send_never_reaches_the_log(servers: Embedded, tmp_path: Path) -> None:
    servers.start_postgres()
    url = servers.superuser_url("ledger")
    sql(url, "CREATE TABLE person (mail text UNIQUE)")
    sql(url, "INSERT INTO person VALUES ('ada@example.com')")
    with pytest.raises(asyncpg.UniqueViolationError, match="person_mail_key"):
        sql(url, "INSERT INTO person VALUES ('ada@example.com')")
    with pytest.raises(asyncpg.InvalidTextRepresentationError, match="ada@example"):
        sql(url, "SELECT 'ada@example.com'::uuid")
    servers.stop_postgres()
    log = (tmp_path / "root" / "log" / "postgres.log").read_text()
    assert "ready to accept connections" in log
    assert "ada@example" not in log
