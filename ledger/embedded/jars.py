"""Kafka's jars: which ones, where they come from, and that they are the ones that were meant.

They are fetched with jgo, a Maven client in Python. It checks no digest against anything we trust, so we do, before
every start. The list with its digests is data beside this file.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.embedded.errors import EmbeddedError

if TYPE_CHECKING:
    from ledger.embedded.sources import Sources

KAFKA_VERSION = "4.3.1"
_DOWNLOADS_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Jar:
    """One file of the class path; `size` in bytes, `sha256` in hexadecimal."""

    group: str
    artifact: str
    version: str
    size: int
    sha256: str

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"

    @property
    def coordinate(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"

    def matches(self, path: Path) -> bool:
        """Whether the file at `path` is this jar; False when there is none."""
        try:
            if path.stat().st_size != self.size:
                return False
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
        except FileNotFoundError:
            return False


def listed() -> list[Jar]:
    """The jars of the embedded broker, in the order of its class path."""
    text = (
        resources.files("ledger.embedded")
        .joinpath(f"kafka-{KAFKA_VERSION}.jars.txt")
        .read_text(encoding="utf-8")
    )
    jars = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            coordinate, size, sha256 = line.split()
            group, artifact, version = coordinate.split(":")
            jars.append(Jar(group, artifact, version, int(size), sha256))
    return jars


def class_path(sources: Sources, jars: list[Jar] | None = None) -> list[Path]:
    """The verified jars, fetched into the user's cache where they are missing.

    Raises EmbeddedError when one cannot be had, or is not the one that was meant.
    """
    jars = listed() if jars is None else jars
    if sources.kafka_jars is not None:
        return [_brought(jar, sources.kafka_jars) for jar in jars]
    cache = sources.cache / f"kafka-{KAFKA_VERSION}"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        missing = [jar for jar in jars if not jar.matches(cache / jar.file_name)]
        with ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool:
            list(pool.map(lambda jar: _fetch(jar, cache, sources.maven_repository), missing))
    except OSError as error:
        raise EmbeddedError(
            f"Kafka's jars cannot be kept in {cache} ({error.strerror}): set XDG_CACHE_HOME to a directory that you may write."
        ) from error
    return [cache / jar.file_name for jar in jars]


def _brought(jar: Jar, directory: Path) -> Path:
    path = directory / jar.file_name
    if not jar.matches(path):
        raise EmbeddedError(
            f"{path}, from the directory in LEDGER_KAFKA_JARS, is missing or is not {jar.coordinate} "
            f"with SHA-256 {jar.sha256}: bring that file, or unset LEDGER_KAFKA_JARS to have it fetched."
        )
    return path


def _fetch(jar: Jar, cache: Path, repository: str | None) -> None:
    """Fetch into a directory of its own, verify, then move into place in one step: two processes may do so at once."""
    try:
        from jgo.maven import MavenContext  # noqa: PLC0415 - an extra, and slow to import: only a first start needs it
    except ImportError as error:
        raise EmbeddedError(
            "Kafka's jars are not on this machine and jgo is not installed: install the extra `embedded`, "
            "or set LEDGER_KAFKA_JARS to a directory that holds them."
        ) from error
    advice = "Set LEDGER_MAVEN_REPOSITORY to a mirror that this machine reaches, or LEDGER_KAFKA_JARS to a directory."
    with tempfile.TemporaryDirectory(dir=cache, prefix=".fetch-") as temporary:
        context = MavenContext(
            repo_cache=Path(temporary),
            remote_repos=None if repository is None else {"mirror": repository.rstrip("/")},
        )
        try:
            component = context.project(jar.group, jar.artifact).at_version(jar.version)
            fetched = Path(component.artifact().resolve())
        except (
            OSError,
            RuntimeError,
        ) as error:  # its HTTP client's errors are OSErrors; not found is a RuntimeError
            raise EmbeddedError(
                f"{jar.coordinate} could not be fetched ({type(error).__name__}). {advice}"
            ) from error
        if not jar.matches(fetched):
            raise EmbeddedError(
                f"What was fetched as {jar.coordinate} has not SHA-256 {jar.sha256}. {advice}"
            )
        os.replace(fetched, cache / jar.file_name)  # noqa: PTH105 - says what it does
