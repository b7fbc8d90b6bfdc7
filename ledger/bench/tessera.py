"""Tessera's POSIX log as a peer: a small Go program beside this file, built where a Go toolchain is found."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_FILES = ("main.go", "go.mod", "go.sum")
_BUILD_SECONDS = 300
_RUN_SECONDS = 300


class NotAvailable(Exception):  # noqa: N818
    """The program cannot be built or run here; the text says why."""


def rate(home: Path, leaves: Sequence[bytes], *, dedup: bool) -> float:
    """Leaves a second until all are in the tree (and with `dedup` in the index of duplicates). Raises NotAvailable."""
    program = _built()
    with tempfile.TemporaryDirectory(dir=home, prefix="tessera-") as directory:
        file = Path(directory) / "leaves"
        _write(file, leaves)
        command = [str(program), "-dir", directory, "-leaves", str(file), *(["-dedup"] if dedup else [])]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_RUN_SECONDS, check=False)
    if done.returncode != 0:
        raise NotAvailable(f"it ended with {done.returncode}")
    result = json.loads(done.stdout)
    return float(result["leaves"] / result["seconds"])


def go_version() -> str | None:
    """What the Go toolchain says of itself; None without one."""
    go = shutil.which("go")
    if go is None:
        return None
    done = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def _write(file: Path, leaves: Iterable[bytes]) -> None:
    with file.open("wb") as out:
        for leaf in leaves:
            out.write(len(leaf).to_bytes(4, "big") + leaf)


def _built() -> Path:
    """The program, built once for each state of its sources, kept in the user's cache directory."""
    go = shutil.which("go")
    if go is None:
        raise NotAvailable("no Go toolchain was found")
    sources = {name: files("ledger.bench").joinpath("tessera_posix", name).read_bytes() for name in _FILES}
    digest = hashlib.sha256(b"".join(sources.values())).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "accountability-ledger"
    program = cache / f"tessera-posix-{digest}"
    if not program.exists():
        cache.mkdir(parents=True, exist_ok=True)
        # Built aside and put in place whole: two runs at once never meet a half-written program.
        with tempfile.TemporaryDirectory(dir=cache) as aside:
            for name, content in sources.items():
                (Path(aside) / name).write_bytes(content)
            _build(go, Path(aside))
            (Path(aside) / "built").replace(program)
    return program


def _build(go: str, directory: Path) -> None:
    # The toolchain that is there: another one is not fetched for a benchmark.
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}
    try:
        done = subprocess.run(
            [go, "build", "-trimpath", "-o", "built", "."],
            cwd=directory,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_BUILD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotAvailable("its modules could not be fetched and built in time") from None
    if done.returncode != 0:
        raise NotAvailable("it does not build here (Go 1.24 or later and its module proxy are needed)")
