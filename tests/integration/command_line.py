"""The command line as a test calls it: in this process, in a thread of its own, with a world's settings."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ledger.cli.main import main

if TYPE_CHECKING:
    import pytest

    from tests.world import World


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def environment(world: World) -> dict[str, str]:
    """A world's settings as the variables of a program."""
    settings, databases = world.settings, world.databases
    return {
        "LEDGER_HOME": str(settings.home),
        "LEDGER_DATABASE_URL": settings.database_url,
        "LEDGER_VAULT_URL": settings.vault_url,
        "LEDGER_MIGRATE_DATABASE_URL": databases.ledger_superuser_url,
        "LEDGER_MIGRATE_VAULT_URL": databases.vault_superuser_url,
        "LEDGER_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        "LEDGER_TOPIC_PREFIX": settings.topic_prefix,
        "LEDGER_TOPIC_PARTITIONS": str(settings.topic_partitions),
        "LEDGER_CREATE_TOPICS": "1",
        "LEDGER_LEASE_SECONDS": str(settings.lease_seconds),
    }


class CommandLine:
    """`await ledger("status", "--json")` in a world, or with a program's variables."""

    def __init__(self, world: World | dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        variables = world if isinstance(world, dict) else environment(world)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    async def __call__(self, *arguments: str) -> Said:
        # One at a time: the streams belong to the process.
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = await asyncio.to_thread(main, arguments)
        return Said(code, out.getvalue(), err.getvalue())
