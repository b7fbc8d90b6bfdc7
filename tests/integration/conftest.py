"""The world that integration tests act in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.operated import Operated, operated
from tests.world import World, make_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.services import DatabasePair, Services


@pytest.fixture
async def world(fresh_databases: DatabasePair, tmp_path: Path) -> World:
    """A migrated, empty ledger with topics of its own."""
    return await make_world(fresh_databases, tmp_path / ".ledger")


@pytest.fixture(scope="session")
async def operated_month(
    services: Services, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Operated]:
    """A ledger of the example month that no test may change: each operator spoils a copy."""
    async with operated(services, tmp_path_factory.mktemp("operated")) as ledger:
        yield ledger
