"""Builds and calls the Go programs in `go/`: other people's verifiers, as the tests' independent judges.

They are built once for each state of their sources, into the user's cache directory. Without Go a test that needs
them is skipped and says so, except in CI (`CI=true`), where it fails.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

SOURCES = Path(__file__).parent / "go"
NEEDS_GO = (
    "Go is not installed, so other people's verifiers cannot be built; install Go 1.21 or later to run this."
)


@cache
def program(name: str) -> Path:
    """The path of the built program `go/<name>`. Skips the calling test without Go, fails it in CI."""
    target = _cache_directory() / f"go-{_sources_digest()}"
    if not (target / name).exists():
        _build(target)
    return target / name


def fsck(
    log: Path | str, log_pub: Path, origin: str | None = None, bearer: Path | None = None
) -> tuple[bool, str]:
    """Let Tessera's fsck check a whole log, a directory or an `http://` prefix ending in a slash.

    `log_pub` is a file with the log's verifier key, `bearer` one with a token for the bundles of a served log.
    Gives whether it passed, and what the program said: `ok size N root HEX`.
    """
    command = [str(program("fsck")), "-log", str(log), "-key", str(log_pub)]
    if origin is not None:
        command += ["-origin", origin]
    if bearer is not None:
        command += ["-bearer-file", str(bearer)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode == 0 and done.stdout.startswith("ok size "):
        return True, done.stdout
    return False, done.stdout + done.stderr


@dataclass(frozen=True)
class Answer:
    """What the other side says: an empty error when it accepts, and the text that it made or read."""

    error: str
    text: str

    @property
    def ok(self) -> bool:
        return not self.error


def ask(checks: list[dict[str, Any]]) -> list[Answer]:
    """Put checks to `tlogcheck` (its source lists their kinds); bytes are sent as base64."""
    done = subprocess.run(
        [program("tlogcheck")],
        input=json.dumps(checks, default=_base64),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [Answer(each["error"], each.get("text", "")) for each in json.loads(done.stdout)]


def _base64(value: object) -> str:
    assert isinstance(value, bytes)
    return base64.b64encode(value).decode()


def _cache_directory() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "accountability-ledger"


def _sources_digest() -> str:
    digest = sha256()
    for source in sorted(each for each in SOURCES.rglob("*") if each.is_file()):
        digest.update(source.relative_to(SOURCES).as_posix().encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()[:16]


def _build(target: Path) -> None:
    go = shutil.which("go")
    if go is None:
        if os.environ.get("CI") == "true":
            pytest.fail(NEEDS_GO)
        pytest.skip(NEEDS_GO)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Built aside and put in place whole, so that two test runs at once never meet a half-written program.
    with tempfile.TemporaryDirectory(dir=target.parent) as aside:
        done = subprocess.run(
            [go, "build", "-trimpath", "-o", f"{aside}/bin/", "./..."],
            cwd=SOURCES,
            env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"The Go programs do not build:\n{done.stderr}"
        try:
            Path(aside, "bin").rename(target)
        except OSError:
            assert target.is_dir()  # the other run was first
