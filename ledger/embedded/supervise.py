"""Runs one server as its child and ends it when the process that asked for it is gone.

It runs as a program of its own (`python -I -S supervise.py ORDER`), imports nothing of the ledger, and leads its own
session, so that a terminal's Ctrl-C reaches only the process that uses the server. Standard input is a pipe whose
other end that process holds: its end, however it came (kill -9 included), closes the pipe, and the server is stopped
in the orderly way. A pipe rather than PR_SET_PDEATHSIG on that process, because the signal is tied to the thread that
spawned and there is none on macOS; the signal guards the last link, from this program (one thread) to the server.
A descendant that inherited the pipe would keep it open, so the parent's id is watched too.

ORDER is a JSON object: argv, env, cwd, log, pidfile, parent, detached, stop_signal, stop_seconds, user, group. The first
line on standard output is the server's process id, or `error ...` when it could not be executed.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
WATCH_SECONDS = 0.5


def main() -> int:
    order: dict[str, Any] = json.loads(sys.argv[1])
    # SIGTERM to this program means the same as the parent's end. The handler only has to exist: it interrupts select.
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)

    try:
        server = _spawn(order)
    except (OSError, subprocess.SubprocessError) as error:
        sys.stdout.write(f"error {error}\n")
        return 1
    sys.stdout.write(f"{server.pid}\n")
    sys.stdout.flush()
    # Whoever reads our output must see its end even while the server runs.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if order["detached"]:
        server.returncode = 0  # no wait: the server is meant to outlive us
        return 0

    while server.poll() is None:
        readable, _, _ = select.select([0, wake_read], [], [], WATCH_SECONDS)
        asked = wake_read in readable and any(
            byte in {signal.SIGTERM, signal.SIGINT} for byte in os.read(wake_read, 64)
        )
        if asked or 0 in readable or os.getppid() != order["parent"]:
            _stop(server, order)
    return 0


def _spawn(order: dict[str, Any]) -> subprocess.Popen[bytes]:
    # Loaded before the fork: between fork and exec nothing may allocate much.
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" and not order["detached"] else None
    own_id = os.getpid()

    def die_with_supervisor() -> None:
        if libc is not None:
            libc.prctl(PR_SET_PDEATHSIG, order["stop_signal"])
            if os.getppid() != own_id:  # it died before the call above took hold
                os._exit(1)

    with Path(order["log"]).open("ab") as log:
        return subprocess.Popen(
            order["argv"],
            env=order["env"],
            cwd=order["cwd"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=die_with_supervisor,  # noqa: PLW1509 - this program has one thread
            user=order["user"],
            group=order["group"],
            extra_groups=None if order["user"] is None else [],
        )


def _stop(server: subprocess.Popen[bytes], order: dict[str, Any]) -> None:
    """The pid file goes first: the next start sees a server that is stopping and waits for it, see process.py."""
    with contextlib.suppress(OSError):
        Path(order["pidfile"]).unlink()
    server.send_signal(order["stop_signal"])
    server.send_signal(signal.SIGCONT)  # a suspended server would hear the first one only when it goes on
    deadline = time.monotonic() + order["stop_seconds"]
    while server.poll() is None:
        if time.monotonic() > deadline:
            server.kill()
            server.wait()
            return
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
