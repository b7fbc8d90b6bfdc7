"""What the fault tests share: a migrated ledger behind a proxy that can strike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ledger.storage.migrate import ensure_ledger, login_of, migrate
from tests.faults.postgres_proxy import PostgresProxy
from tests.faults.run import NAME, Run
from tests.oracle import database
from tests.oracle.check import check

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.oracle.database import Snapshot
    from tests.services import DatabasePair

ORIGIN = "ledger.example/log/main"


@dataclass(frozen=True, slots=True)
class Opened:
    """An empty ledger: its databases, its id."""

    databases: DatabasePair
    ledger_id: int

    async def snapshot(self) -> Snapshot:
        """What the oracle sees of it; a log that is not sound in itself fails the test."""
        snapshot = await database.snapshot(self.databases.ledger_superuser_url, NAME)
        assert check(snapshot, []) == []
        return snapshot


@pytest.fixture
async def opened(fresh_databases: DatabasePair) -> Opened:
    await migrate(fresh_databases.ledger_superuser_url, "ledger", [login_of(fresh_databases.ledger_url)])
    await migrate(fresh_databases.vault_superuser_url, "vault", [login_of(fresh_databases.vault_url)])
    return Opened(fresh_databases, await ensure_ledger(fresh_databases.ledger_superuser_url, NAME, ORIGIN))


@pytest.fixture
async def proxy(opened: Opened) -> AsyncIterator[PostgresProxy]:
    async with PostgresProxy(opened.databases.ledger_url) as running:
        yield running


@pytest.fixture
async def run(opened: Opened, tmp_path: Path) -> Run:
    made = Run(opened.databases, tmp_path)
    await made.make_topics()
    return made
