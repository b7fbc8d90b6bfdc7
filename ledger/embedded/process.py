"""Server processes: who runs, how they start, how they end, on which ports."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.embedded.errors import EmbeddedError, with_log_tail

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_SUPERVISOR = Path(__file__).with_name("supervise.py")
_POLL_SECONDS = 0.01

# Below the ranges that Linux (32768) and macOS (49152) give to outgoing connections: a client that keeps calling a
# stopped server on a port of that range can end up connected to itself, and then the server cannot have its port back.
_PORTS = range(20000, 32000)

# The supervisors of this process by their server's id, kept for as long as it lives: dropping the last reference would close the pipe, and
# with it the server, behind the back of whoever still uses it.
_supervisors: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True, slots=True)
class Running:
    """A process by its id and the time at which it started, so that a recycled id is not taken for it."""

    pid: int
    started: str

    def alive(self) -> bool:
        return started_at(self.pid) == self.started


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, as whom, and how it is asked to end."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    log: Path
    pid_file: Path
    stop_signal: signal.Signals
    stop_seconds: float
    user: int | None = None
    group: int | None = None


def started_at(pid: int) -> str | None:
    """When process `pid` started, in the system's own words; None when there is none (a zombie is none)."""
    if sys.platform == "linux":
        try:
            fields = (
                Path(f"/proc/{pid}/stat")
                .read_text(encoding="utf-8", errors="replace")
                .rpartition(")")[2]
                .split()
            )
        except OSError:
            return None
        return None if fields[0] in {"Z", "X"} else fields[19]
    shown = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    state, _, started = shown.partition(" ")
    return None if not state or state.startswith("Z") else started.strip()


def command_line(pid: int) -> str:
    """The command line of process `pid`, its words separated by spaces; empty when it cannot be read."""
    if sys.platform == "linux":
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    return subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()


def spawn(command: Command, *, detached: bool) -> Running:
    """Start `command`; unless `detached` it ends with this process, whatever ends this one.

    Raises EmbeddedError when it cannot be executed. That it runs does not mean that it serves yet: see `wait_until`.
    """
    order = {
        "argv": list(command.argv),
        "env": dict(command.env),
        "cwd": str(command.cwd),
        "log": str(command.log),
        "pidfile": str(command.pid_file),
        "parent": os.getpid(),
        "detached": detached,
        "stop_signal": int(command.stop_signal),
        "stop_seconds": command.stop_seconds,
        "user": command.user,
        "group": command.group,
    }
    # Not a `with`: the supervisor outlives this function, and its end of the pipe is what ties the server to us.
    supervisor = subprocess.Popen(
        [sys.executable, "-I", "-S", str(_SUPERVISOR), json.dumps(order)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert supervisor.stdout is not None  # noqa: S101 - PIPE above; tells mypy
    with supervisor.stdout as answers:
        answer = answers.readline().decode(errors="replace").strip()
    if detached or not answer.isdigit():
        _close(supervisor)
    if not answer.isdigit():
        reason = answer.removeprefix("error ") or "its supervisor ended early"
        raise EmbeddedError(f"{command.name} could not be executed: {reason}.")
    running = Running(int(answer), started_at(int(answer)) or "")
    if not detached:
        _supervisors[running.pid] = supervisor
    return running


def wait_until(ready: Callable[[], bool], running: Running, command: Command, seconds: float) -> None:
    """Wait until `ready()` holds; raises EmbeddedError when the process ends first or `seconds` pass."""
    deadline = time.monotonic() + seconds
    while not ready():
        if not running.alive():
            wait_gone(running, 1.0)
            raise EmbeddedError(with_log_tail(f"{command.name} ended while it was starting.", command.log))
        if time.monotonic() > deadline:
            end(running, command.stop_signal, command.stop_seconds)
            message = f"{command.name} was not ready after {seconds:.0f} seconds and was stopped."
            raise EmbeddedError(with_log_tail(message, command.log))
        time.sleep(_POLL_SECONDS)


def end(running: Running, stop_signal: signal.Signals, seconds: float) -> bool:
    """Ask the process to end and wait; after `seconds` it is killed. True when it ended by itself.

    Harmless for one that has ended, or was asked already. Raises PermissionError when it is another user's.
    """
    _signal(running, stop_signal)
    _signal(running, signal.SIGCONT)  # a suspended process would hear the first one only when it goes on
    clean = wait_gone(running, seconds)
    if not clean:
        _signal(running, signal.SIGKILL)
        wait_gone(running, seconds)
    return clean


def _signal(running: Running, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        if running.alive():
            os.kill(running.pid, number)


def wait_gone(running: Running, seconds: float) -> bool:
    """Wait for the end of a process that was already asked to end; False when it is still there after `seconds`."""
    deadline = time.monotonic() + seconds
    while running.alive():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    supervisor = _supervisors.pop(running.pid, None)
    if supervisor is not None:
        _close(supervisor)
    return True


def free_port(wanted: int | None = None, taken: frozenset[int] = frozenset()) -> int:
    """A free TCP port of 127.0.0.1, `wanted` (the one of the last start) if nobody has it now."""
    candidates = random.sample(_PORTS, 200)
    for port in candidates if wanted is None else [wanted, *candidates]:
        if port in taken:
            continue
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # As the servers do: connections of the last run in TIME_WAIT are no reason to move.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                probe.listen(1)
            except OSError:
                continue
            return port
    raise EmbeddedError(
        f"No free TCP port was found on 127.0.0.1 between {_PORTS.start} and {_PORTS.stop}; end what holds them."
    )


def accepts(port: int) -> bool:
    """Whether something accepts connections on this port of 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _close(supervisor: subprocess.Popen[bytes]) -> None:
    if supervisor.stdin is not None:
        supervisor.stdin.close()
    supervisor.wait()


@atexit.register
def _end_with_this_process() -> None:
    """An orderly exit waits for its servers, so that whoever comes next finds them ended; others just close the pipe."""
    for supervisor in _supervisors.values():
        if supervisor.stdin is not None:
            supervisor.stdin.close()
    while _supervisors:
        _close(_supervisors.popitem()[1])
