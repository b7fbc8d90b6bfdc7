"""The pid file of a part: which process it is, for as long as it lives."""

from __future__ import annotations

import contextlib
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ledger.embedded.place import write_private
from ledger.embedded.process import Running, command_line, started_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ledger.settings import Settings

_MARK = "ledger"
_API_ADDRESS = "api.address"


def running(directory: Path, part: str) -> Running | None:
    """The process that the pid file of a part names, if it lives and is one of ours; a crash leaves a stale file."""
    try:
        pid = int((directory / f"{part}.pid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    started = started_at(pid)
    return Running(pid, started) if started and _MARK in command_line(pid) else None


@contextmanager
def held(directory: Path, part: str) -> Iterator[None]:
    """Names this process in the part's pid file, unless another one lives that it names: a worker beside it stands by,
    or works for another ledger.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = directory / f"{part}.pid"
    other = running(directory, part)
    if other is None or other.pid == os.getpid():
        path.write_text(f"{os.getpid()}\n", encoding="ascii")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if path.read_text(encoding="ascii").strip() == str(os.getpid()):
                path.unlink()


def announce_api(settings: Settings, address: str) -> None:
    """Notes where the API listens: with port 0 the settings do not say. Whoever sees the file sees all of it."""
    write_private(settings.run_directory / _API_ADDRESS, f"{address}\n")


def forget_api(settings: Settings) -> None:
    """Before a start: what an earlier API said counts no more."""
    (settings.run_directory / _API_ADDRESS).unlink(missing_ok=True)


def api_announced(settings: Settings) -> bool:
    return (settings.run_directory / _API_ADDRESS).exists()


def api_address(settings: Settings) -> str:
    """Where the API of this directory listens, or is to listen once it runs."""
    if running(settings.run_directory, "api") is not None:
        with contextlib.suppress(OSError):
            return (settings.run_directory / _API_ADDRESS).read_text(encoding="ascii").strip()
    return f"http://{settings.api_host}:{settings.api_port}"
