"""What both embedded servers share: pid file, recorded ports, start, reuse, stop."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, ClassVar

from ledger.embedded import process
from ledger.embedded.errors import EmbeddedError, with_log_tail

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from ledger.embedded.place import Place

_LOG_BYTES = 10 * 1024 * 1024  # beyond this a start begins a new log and keeps one old one


class Server:
    """A server of one `Place`. `run/<name>.pid` says which process is to be used; `run/<name>.json` which was last
    started, with its ports. A server that was asked to stop has no pid file any more, but its end is awaited by the next start.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    stop_signal: ClassVar[signal.Signals]
    stop_seconds: ClassVar[float]

    def __init__(self, place: Place) -> None:
        self._place = place
        self.pid_file = place.run / f"{self.name}.pid"
        self.log = place.log / f"{self.name}.log"

    def state(self) -> dict[str, Any]:
        """What is recorded: `pid`, `started`, ports, passwords; empty before the first start."""
        return self._place.read(self.name)

    def running(self) -> process.Running | None:
        """The process to use, if it lives; a pid file that a crash left behind names none."""
        last = self._last_started()
        try:
            named = int(self.pid_file.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None
        return last if last is not None and last.pid == named and last.alive() else None

    def settle(self) -> bool:
        """Mend what the last run left behind, under the lock. True when its server runs and can be used."""
        if self.running() is not None:
            return True
        self.pid_file.unlink(missing_ok=True)
        last = self._last_started()
        if last is not None:
            self._end(last)
        return False

    def stop(self) -> bool:
        """Stop the server that the pid file names, whoever started it. False when it had to be killed."""
        with self._place.locked(self.name):
            running = self.running()
            self.pid_file.unlink(missing_ok=True)
            if running is None:
                self.settle()
                return True
            return self._end(running)

    def _end(self, running: process.Running) -> bool:
        try:
            return process.end(running, self.stop_signal, self.stop_seconds)
        except PermissionError as error:
            raise EmbeddedError(
                f"{self.title} (process {running.pid}) belongs to another user: stop it as that user."
            ) from error

    def _last_started(self) -> process.Running | None:
        state = self.state()
        pid, started = state.get("pid"), state.get("started")
        return process.Running(pid, started) if isinstance(pid, int) and isinstance(started, str) else None

    def _recorded(self, key: str) -> Any:
        value = self.state().get(key)
        if value is None:
            raise EmbeddedError(f"{self.title} was never started in {self._place.root}: start it first.")
        return value

    def _command(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        cwd: Path,
        user: int | None = None,
        group: int | None = None,
    ) -> process.Command:
        return process.Command(
            self.title,
            argv,
            env,
            cwd,
            self.log,
            self.pid_file,
            self.stop_signal,
            self.stop_seconds,
            user,
            group,
        )

    def _start_and_wait(
        self,
        command: process.Command,
        record: Mapping[str, Any],
        *,
        ready: Callable[[str], bool],
        seconds: float,
        detached: bool,
    ) -> None:
        """Spawn, record, wait until `ready(what it has logged since)`; no pid file is left when that fails."""
        said_before = self.log.stat().st_size if self.log.exists() else 0
        if said_before > _LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
            said_before = 0
        running = process.spawn(command, detached=detached)
        self._place.write(
            self.name, {**self.state(), **record, "pid": running.pid, "started": running.started}
        )
        self.pid_file.write_text(f"{running.pid}\n", encoding="ascii")
        try:
            process.wait_until(lambda: ready(self._logged_since(said_before)), running, command, seconds)
        except BaseException:
            self.pid_file.unlink(missing_ok=True)
            self._end(running)
            raise

    def _logged_since(self, offset: int) -> str:
        with contextlib.suppress(OSError), self.log.open("rb") as file:
            file.seek(offset)
            return file.read().decode("utf-8", errors="replace")
        return ""

    def _failed(self, message: str) -> EmbeddedError:
        return EmbeddedError(with_log_tail(message, self.log))
