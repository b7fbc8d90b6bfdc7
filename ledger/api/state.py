"""How the ledger stands, as metrics: asked of PostgreSQL and Kafka at a scrape, so that it is known while no worker runs.

A scrape never fails for it: what could not be asked keeps its last value, and `ledger_state_known` says so.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from prometheus_client import Gauge

from ledger.core.errors import LedgerError
from ledger.storage.standing import standing
from streams.backlog import backlog
from streams.cluster import Cluster

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from ledger.settings import Settings
    from ledger.storage.opening import OpenLedger
    from ledger.storage.standing import Standing

_PATIENCE = 4.0  # seconds; a scrape gives up after 10 by default
_FRESH = 5.0


class State:
    """One ledger's state in a registry. `refresh` before each scrape; several at once ask the servers once."""

    def __init__(
        self,
        settings: Settings,
        ledger: OpenLedger,
        bootstrap: str,
        inbound: tuple[str, ...],
        registry: CollectorRegistry,
    ) -> None:
        self._ledger = ledger
        self._cluster = Cluster(settings, bootstrap, timeout=_PATIENCE)
        self._inbound = inbound
        self._prefix = settings.topic_prefix
        self._turn = asyncio.Lock()
        self._refreshed = float("-inf")
        self._known = Gauge(
            "ledger_state_known",
            "Whether the server could be asked how the ledger stands: 1 or 0",
            ["server"],
            registry=registry,
        )
        self._size = Gauge("ledger_head_size", "Leaves in the log, as its head says", registry=registry)
        self._appended = Gauge(
            "ledger_head_appended_timestamp_seconds", "When the last leaf was appended", registry=registry
        )
        self._verified = Gauge(
            "ledger_verified_timestamp_seconds",
            "When the log was last verified without a fault; 0: never",
            registry=registry,
        )
        self._lease = Gauge(
            "ledger_lease_remaining_seconds",
            "How long a worker's lease still lives; 0: nobody reads",
            registry=registry,
        )
        self._epoch = Gauge(
            "ledger_head_epoch",
            "How often the lease was taken: it rises with each taking over",
            registry=registry,
        )
        self._lag = Gauge(
            "ledger_lag_records", "Kafka records that are not accounted for yet", ["topic"], registry=registry
        )
        self._age = Gauge(
            "ledger_lag_seconds",
            "The oldest record that waits is at least this old; 0 below 10 s, or where none waits",
            registry=registry,
        )
        self._headroom = Gauge(
            "ledger_retention_headroom_seconds",
            "In at least this time retention takes a record that was not appended",
            registry=registry,
        )

    async def refresh(self) -> None:
        """Asks the servers, unless that was done a moment ago. Raises nothing that they may be the cause of."""
        async with self._turn:
            if time.monotonic() - self._refreshed < _FRESH:
                return
            found = await self._database()
            known = found is not None and await self._kafka(found)
            self._known.labels("database").set(found is not None)
            self._known.labels("kafka").set(known)
            self._refreshed = time.monotonic()

    async def _database(self) -> Standing | None:
        try:
            async with asyncio.timeout(_PATIENCE):
                found = await standing(self._ledger.reader, self._ledger.ledger_id)
        except (LedgerError, TimeoutError):
            return None
        self._size.set(found.size)
        self._appended.set(found.appended.timestamp() if found.appended else 0)
        self._verified.set(found.verified.timestamp() if found.verified else 0)
        self._lease.set(found.lease_seconds)
        self._epoch.set(found.epoch)
        return found

    async def _kafka(self, found: Standing) -> bool:
        try:
            async with asyncio.timeout(_PATIENCE):
                topics = await self._cluster.topics(self._inbound)
                waiting = await backlog(self._cluster, topics, found.offsets)
        except (LedgerError, TimeoutError):
            return False
        for name, records in waiting.lag.items():
            self._lag.labels(name.removeprefix(self._prefix)).set(records)
        self._age.set(waiting.age)
        self._headroom.set(float("inf") if waiting.headroom is None else waiting.headroom)
        return True
