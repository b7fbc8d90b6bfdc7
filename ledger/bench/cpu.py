"""Processor time by kind of process, from /proc: who spends what on an event."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROC = Path("/proc")


_WORK = json.dumps({str(number): [number] * 5 for number in range(200)})
_BUSY = (0, 1, 2, 5, 6, 7)  # of /proc/stat: user, nice, system, irq, softirq, steal


class _Process(NamedTuple):
    parent: int
    seconds: float


def spent(roots: Mapping[str, int]) -> dict[str, float]:
    """Seconds of processor time since their start of the named processes and of their descendants.

    A root's own time stands under its name, that of a descendant under what it runs: the Python module, or what
    PostgreSQL's processes say in their titles; else under `<name> child <n>`, in the order of their ids. Empty where
    there is no /proc.
    """
    table = _table()
    found: dict[str, float] = {}
    for name, root in roots.items():
        if root not in table:
            continue
        for number, pid in enumerate(_family(root, table)):
            kind = name if not number else _kind(name, pid) or f"{name} child {number}"
            found[kind] = found.get(kind, 0.0) + table[pid].seconds
    return found


def busy() -> float:
    """Seconds that the processors of this machine were busy since its start, whoever kept them so; 0 without /proc."""
    try:
        fields = (_PROC / "stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    except OSError:
        return 0.0
    return sum(int(fields[index]) for index in _BUSY) / os.sysconf("SC_CLK_TCK")


def calibrate() -> float:
    """Microseconds of processor time that a fixed piece of work takes now: how fast the machine is at this moment, with
    all that goes on beside it. About a millisecond.
    """
    began = time.thread_time_ns()
    for _ in range(4):
        json.loads(_WORK)
        hashlib.sha256(_WORK.encode() * 10).digest()
    return (time.thread_time_ns() - began) / 1000


def difference(before: Mapping[str, float], after: Mapping[str, float], events: int) -> dict[str, float]:
    """Microseconds an event, by kind of process, largest first; what spent nothing is left out."""
    each = {name: (seconds - before.get(name, 0.0)) / events * 1e6 for name, seconds in after.items()}
    return {name: round(us, 1) for name, us in sorted(each.items(), key=lambda pair: -pair[1]) if us >= 0.05}


def _table() -> dict[int, _Process]:
    table: dict[int, _Process] = {}
    if not _PROC.is_dir():
        return table
    tick = os.sysconf("SC_CLK_TCK")
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            except OSError:  # it has ended since
                continue
            table[int(entry.name)] = _Process(int(fields[1]), (int(fields[11]) + int(fields[12])) / tick)
    return table


def _family(root: int, table: Mapping[int, _Process]) -> list[int]:
    """The root, then its descendants by their ids."""
    family = {root}
    grown = True
    while grown:
        more = {pid for pid, process in table.items() if process.parent in family} - family
        grown = bool(more)
        family |= more
    return [root, *sorted(family - {root})]


def _kind(name: str, pid: int) -> str | None:
    """What a descendant of `name` runs; None where its command line does not say."""
    try:
        words = (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return None
    if words[0].startswith("postgres: "):
        return _postgres_kind(words[0])
    if "-m" in words[:-1]:
        return f"{name}: {words[words.index('-m') + 1]}"
    return None


def _postgres_kind(title: str) -> str:
    """What a process of PostgreSQL is, by its title `postgres: [cluster: ]what ...`."""
    words = title.rsplit(": ", maxsplit=1)[-1].split()
    if len(words) > 2 and "(" in words[2]:  # user database host(port) ...
        return f"postgres backend of {words[0]} ({words[1].split('_')[0]} database)"
    return "postgres " + " ".join(word for word in words if not word.isdigit())
