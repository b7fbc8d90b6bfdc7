"""The examination behind `ledger doctor`: it looks, it mends nothing, and it goes on after what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.cli.doctor.brokers import kafka_checks
from ledger.cli.doctor.check import Check
from ledger.cli.doctor.databases import database_checks
from ledger.cli.doctor.ledgers import ledger_checks
from ledger.cli.doctor.machine import (
    dead_letter_key_check,
    disk_check,
    embedded_checks,
    keys_check,
    settings_checks,
)
from ledger.core.errors import Unreachable
from ledger.services import resolve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ledger.settings import Settings

# With one of these the ledger cannot be opened; what it would say is said already.
_UNOPENABLE = {"database-unreachable", "migrations-pending", "migrations-changed", "roles-missing"}


async def examine(settings: Settings) -> AsyncIterator[Check]:
    """Every check, in the order in which one would mend what it finds."""
    for check in (
        *settings_checks(settings),
        *keys_check(settings.keys_directory),
        dead_letter_key_check(settings),
        disk_check(settings.home),
        *embedded_checks(settings),
    ):
        yield check
    try:
        addresses = resolve(settings)
    except Unreachable as error:
        yield Check("servers", str(error), "server-down", unreachable=True)
        return
    async for check in kafka_checks(settings, addresses.kafka_bootstrap):
        yield check
    sound = True
    async for check in database_checks(addresses, embedded=settings.embedded_postgres):
        sound = sound and check.code not in _UNOPENABLE
        yield check
    if sound:
        async for check in ledger_checks(settings, addresses):
            yield check
