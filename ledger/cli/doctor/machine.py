"""What the doctor sees on this machine, without a server: settings, keys, disk, the embedded servers' programs."""

from __future__ import annotations

import os
import shutil
import stat
from typing import TYPE_CHECKING

from ledger.cli.doctor.check import Check, judged
from ledger.core.errors import LedgerError
from ledger.embedded import Embedded
from ledger.embedded.postgres_programs import installed
from ledger.embedded.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ledger.settings import Settings

_DEADLINE_DAYS = 28  # GDPR Art. 12(3): one month, and the shortest has 28 days
_LEAST_FREE = 1 << 30


def settings_checks(settings: Settings) -> Iterator[Check]:
    """The origin, and whether the declared retention leaves time for an erasure (GDPR Art. 12(3))."""
    try:
        origin = settings.origin_of(settings.name)
    except LedgerError as error:
        yield Check("settings", str(error), "origin-invalid")
    else:
        yield Check("settings", f"ledger {settings.name}, origin {origin}")
    days = max(
        settings.topic_retention_days, settings.dead_letter_retention_days, settings.backup_retention_days
    )
    yield judged(
        "declared retention",
        "declared-past-deadline",
        ok=days < _DEADLINE_DAYS,
        detail=f"the last copy of an erased person expires after {days} days",
    )


def keys_check(directory: Path) -> Iterator[Check]:
    """Whether others may read the keys, and whether the dead letters' private key was left beside them."""
    if not directory.exists():
        yield Check("keys", "none yet: `ledger migrate` makes them")
        return
    opened = sorted(
        each.name for each in (directory, *directory.rglob("*")) if stat.S_IMODE(each.stat().st_mode) & 0o077
    )
    yield judged(
        "keys",
        "keys-open",
        ok=not opened,
        detail=f"open to others: {', '.join(opened)}" if opened else "closed to others",
    )


def dead_letter_key_check(settings: Settings) -> Check:
    """The private half is written beside the keyring at the first start, for operations to take away."""
    left = (settings.keys_directory.parent / "operations" / "dead-letters.key").exists()
    return judged(
        "dead letters' key",
        "dead-letter-key-here",
        ok=not left,
        detail="operations/dead-letters.key is here" if left else "not on this machine",
    )


def disk_check(home: Path) -> Check:
    """Free space where the embedded servers' data, logs and keys lie; of other servers' disks nothing is known here."""
    existing = next(each for each in (home.absolute(), *home.absolute().parents) if each.exists())
    free = shutil.disk_usage(existing).free
    return judged("disk", "disk-low", ok=free >= _LEAST_FREE, detail=f"{free / 2**30:.1f} GiB free")


def embedded_checks(settings: Settings) -> Iterator[Check]:
    """Whether the embedded servers that the settings ask for could run, and do."""
    if not (settings.embedded_kafka or settings.embedded_postgres):
        return
    try:
        servers = Embedded(settings.home)
    except LedgerError as error:
        yield Check("embedded servers", str(error), "embedded-unusable")
        return
    yield Check("embedded servers", "for trying and developing, not for production", "embedded-servers")
    if settings.embedded_kafka:
        sources = Sources.from_environment(os.environ, fallback_cache=settings.home / "data" / "cache")
        yield _program("java", sources.java)
        yield _running("kafka", servers.kafka_pid)
    if settings.embedded_postgres:
        yield _program("postgres programs", installed)
        yield _running("postgres", servers.postgres_pid)


def _program(name: str, find: Callable[[], Path]) -> Check:
    try:
        return Check(name, str(find()))
    except LedgerError as error:
        return Check(name, str(error), "program-missing")


def _running(name: str, pid: int | None) -> Check:
    if pid:
        return Check(f"embedded {name}", f"runs as process {pid}")
    return Check(f"embedded {name}", "does not run", "server-down", unreachable=True)
