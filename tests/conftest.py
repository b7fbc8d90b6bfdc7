"""Fixtures that every kind of test may use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.services import DatabasePair, Services, database_pair, running_services

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    """One Kafka and one PostgreSQL for the whole session."""
    with running_services() as running:
        yield running


@pytest.fixture
async def fresh_databases(services: Services) -> AsyncIterator[DatabasePair]:
    """A pair of empty databases for this test alone."""
    async with database_pair(services) as pair:
        yield pair
