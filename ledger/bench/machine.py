"""On what and with what was measured. Names no host and no user."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg

from ledger.bench.tessera import go_version
from ledger.embedded.jars import KAFKA_VERSION

if TYPE_CHECKING:
    from ledger.bench.ground import Ground

_PACKAGES = ("aiokafka", "asyncpg", "confluent-kafka", "cryptography", "faust-streaming", "msgspec", "orjson")
_SHOWN = (
    "shared_buffers",
    "max_wal_size",
    "checkpoint_timeout",
    "wal_buffers",
    "fsync",
    "synchronous_commit",
)


def machine() -> dict[str, Any]:
    """Processor, cores, memory, system."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(memory / 2**30, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


async def versions(ground: Ground) -> dict[str, str]:
    """Of the ledger, the interpreter, the servers and the libraries on the way."""
    connection = await asyncpg.connect(ground.servers.superuser_url("postgres"))
    try:
        postgres = str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()
    found = {
        "ledger": version("accountability-ledger-server"),
        "python": platform.python_version(),
        "postgresql": postgres,
        "kafka": KAFKA_VERSION,
        **{name: version(name) for name in _PACKAGES},
    }
    go = go_version()
    return found | ({"go": go} if go else {})


async def settings(ground: Ground) -> dict[str, str]:
    """PostgreSQL's settings that matter here, as the server says them."""
    connection = await asyncpg.connect(ground.servers.superuser_url("postgres"))
    try:
        return {name: str(await connection.fetchval(f"SHOW {name}")) for name in _SHOWN}
    finally:
        await connection.close()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
