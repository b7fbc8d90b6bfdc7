"""The embedded PostgreSQL server on 127.0.0.1 and on a Unix socket."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from ledger.embedded import postgres_programs, process
from ledger.embedded.errors import EmbeddedError
from ledger.embedded.place import write_private
from ledger.embedded.server import Server

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ledger.embedded.place import Place

MAJOR = "18"
DATABASES = ("ledger", "vault")
_START_SECONDS = 60.0
_OLD_BACKENDS_SECONDS = 15.0
_ENV = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}
# No process has this id (Linux stops at 2^22, macOS at 99999), so PostgreSQL takes a lock file with it for stale.
_NO_PROCESS = 2**31 - 1

# Durability is left as it is. Statements, their parameters and the details of errors may hold personal data, so the
# log keeps only what the server says about itself: at `log`, errors of clients are left out, FATAL and PANIC are in.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "cluster_name": "accountability-ledger",
    "unix_socket_permissions": "0700",
}


class Postgres(Server):
    """One server with its data in `place.data / "postgres"`, superuser `postgres` and login role `ledger`."""

    name = "postgres"
    title = "PostgreSQL"
    stop_signal = signal.SIGINT  # fast shutdown: ends sessions, then a checkpoint
    stop_seconds = 60.0

    def __init__(self, place: Place, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(place)
        self._settings = {**_SETTINGS, **(settings or {})}
        self._data = place.data / "postgres"
        self.socket_directory = place.data / "socket"

    @property
    def port(self) -> int:
        """Known after the first start."""
        return int(self._recorded("port"))

    def url(self, role: str, database: str) -> str:
        """A libpq URL with the password of `role` (`postgres` or `ledger`)."""
        return f"postgresql://{role}:{self._recorded(f'password_{role}')}@127.0.0.1:{self.port}/{database}"

    def launch(self, *, detached: bool) -> None:
        """Initialise where there is no data, start, and wait until connections are accepted.

        Raises EmbeddedError when the programs or the data cannot be used or the server does not become ready.
        """
        programs = postgres_programs.find(self._place.data)
        self._prepare(programs)
        self._mend()
        port = process.free_port(self.state().get("port"))
        settings = {
            **self._settings,
            "port": str(port),
            "unix_socket_directories": str(self.socket_directory),
        }
        # A file rather than arguments, so that ALTER SYSTEM can still change them.
        configuration = self._data / "ledger.conf"
        configuration.write_text(
            "".join(f"{name} = {_quoted(value)}\n" for name, value in settings.items()), "utf-8"
        )
        configuration.chmod(0o600)
        programs.give(configuration)
        account = programs.account
        command = self._command(
            argv=[str(programs.directory / "postgres"), "-D", str(self._data)],
            env=_ENV,
            cwd=self._data,
            user=None if account is None else account.user,
            group=None if account is None else account.group,
        )
        deadline = time.monotonic() + _OLD_BACKENDS_SECONDS
        while True:
            said_before = self.log.stat().st_size if self.log.exists() else 0
            try:
                self._start_and_wait(
                    command,
                    {"port": port},
                    ready=lambda _: self._ready(),
                    seconds=_START_SECONDS,
                    detached=detached,
                )
            except EmbeddedError:
                # After a kill -9 of the postmaster its backends finish what they do; until then it refuses to start.
                blocked = "pre-existing shared memory block" in self._logged_since(said_before)
                if not blocked or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return

    def _prepare(self, programs: postgres_programs.Programs) -> None:
        """Make the data directory, the roles and databases; give both roles passwords that are on record."""
        state = self.state()
        known = "password_postgres" in state and "password_ledger" in state
        if not known:
            state |= {f"password_{role}": secrets.token_urlsafe(24) for role in ("postgres", "ledger")}
            self._place.write(self.name, state)
        self.socket_directory.mkdir(mode=0o700, exist_ok=True)
        programs.give(self.socket_directory)
        version = self._data / "PG_VERSION"
        if not version.exists():
            if self._data.exists() and any(self._data.iterdir()):
                raise EmbeddedError(
                    f"{self._data} holds something, but is not a PostgreSQL data directory: move it away."
                )
            self._initialise(programs, state["password_postgres"], state["password_ledger"])
        elif (found := version.read_text(encoding="ascii").strip()) != MAJOR:
            raise EmbeddedError(
                f"{self._data} was made by PostgreSQL {found}, and this is {MAJOR}: "
                "move it away to begin anew, or upgrade it with pg_upgrade."
            )
        elif not known:  # the record was lost, the data was not
            passwords = [
                f"ALTER ROLE {role} PASSWORD '{state[f'password_{role}']}';"
                for role in ("postgres", "ledger")
            ]
            self._mend()
            self._single_user(programs, self._data, passwords)

    def _initialise(
        self, programs: postgres_programs.Programs, superuser_password: str, login_password: str
    ) -> None:
        fresh = self._data.with_name(f"{self._data.name}.new")  # moved into place whole, when all is in it
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        programs.give(fresh)
        password_file = self._place.data / "postgres.password"
        write_private(password_file, superuser_password + "\n")
        programs.give(password_file)
        try:
            self._run(
                programs,
                [
                    *(str(programs.directory / "initdb"), "--pgdata", str(fresh), "--username=postgres"),
                    *("--auth=scram-sha-256", f"--pwfile={password_file}", "--no-instructions"),
                    # Sorts by code point, the same on every machine.
                    *(
                        "--encoding=UTF8",
                        "--locale=C",
                        "--locale-provider=builtin",
                        "--builtin-locale=C.UTF-8",
                    ),
                ],
            )
        finally:
            password_file.unlink()
        with (fresh / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write("\ninclude_if_exists = 'ledger.conf'\n")
        self._single_user(
            programs,
            fresh,
            [
                f"CREATE ROLE ledger LOGIN NOSUPERUSER NOINHERIT NOCREATEDB NOCREATEROLE PASSWORD '{login_password}';",
                *(
                    statement
                    for database in DATABASES
                    for statement in (
                        f"CREATE DATABASE {database};",
                        f"REVOKE ALL ON DATABASE {database} FROM PUBLIC;",
                        f"GRANT CONNECT ON DATABASE {database} TO ledger;",
                    )
                ),
            ],
        )
        if self._data.exists():
            self._data.rmdir()
        fresh.rename(self._data)

    def _single_user(self, programs: postgres_programs.Programs, data: Path, statements: list[str]) -> None:
        """Run statements before any client can connect; passwords pass through a pipe, never a command line."""
        arguments = [
            "--single",
            "-D",
            str(data),
            "-c",
            "exit_on_error=on",
            "-c",
            "log_min_error_statement=panic",
        ]
        text = "".join(f"{statement}\n" for statement in statements)
        self._run(programs, [str(programs.directory / "postgres"), *arguments, "postgres"], text)

    def _run(self, programs: postgres_programs.Programs, argv: list[str], text: str = "") -> None:
        account = programs.account
        try:
            with self.log.open("ab") as log:
                subprocess.run(
                    argv,
                    input=text.encode(),
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    check=True,
                    env=_ENV,
                    cwd="/",
                    user=None if account is None else account.user,
                    group=None if account is None else account.group,
                    extra_groups=None if account is None else [],
                    start_new_session=True,
                )
        except (OSError, subprocess.CalledProcessError) as error:
            reason = error.strerror if isinstance(error, OSError) else f"exit code {error.returncode}"
            raise self._failed(f"PostgreSQL's data directory could not be prepared ({reason}).") from error

    def _mend(self) -> None:
        """Deal with a lock file that the last run left in the data directory, while no server of ours is recorded.

        PostgreSQL takes one for stale only if no process has its id. The id may have gone to another process since,
        or to a postmaster of this very directory whose record was lost. The file itself stays: its last line names
        the shared memory by which PostgreSQL knows whether backends of the dead postmaster still write.
        """
        lock = self._data / "postmaster.pid"
        try:
            lines = lock.read_text(encoding="utf-8").splitlines(keepends=True)
            pid = int(lines[0])
        except (OSError, ValueError, IndexError):
            return
        started = process.started_at(pid)
        if started is None:
            return
        words = process.command_line(pid)
        if "postgres" in words and str(self._data) in words:
            process.end(process.Running(pid, started), self.stop_signal, self.stop_seconds)
        else:
            lock.write_text(f"{_NO_PROCESS}\n" + "".join(lines[1:]), encoding="utf-8")
        for left in self.socket_directory.glob(".s.PGSQL.*"):
            left.unlink(missing_ok=True)

    def _ready(self) -> bool:
        """The eighth line of the lock file says `ready` once connections are accepted; its first is the server's id."""
        try:
            lines = (self._data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready" and int(lines[0]) == self.state().get("pid")


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
