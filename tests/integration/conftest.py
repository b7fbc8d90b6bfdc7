"""The world that integration tests act in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.world import World, make_world

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services import DatabasePair


@pytest.fixture
async def world(fresh_databases: DatabasePair, tmp_path: Path) -> World:
    """A migrated, empty ledger with topics of its own."""
    return await make_world(fresh_databases, tmp_path / ".ledger")
