"""The state of a ledger at a glance: head, lag, counts of records, addresses and verifier keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from accountability_ledger.moment import written
from ledger.core import own
from ledger.core.checkpoint import tree_hash_text
from ledger.core.leaf import parse
from ledger.storage.database import translated
from ledger.storage.log_reader import signed
from ledger.storage.reading import snapshot
from ledger.storage.sql import load

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

    from ledger.services import Addresses
    from ledger.storage.opening import OpenLedger
    from ledger.storage.reading import Snapshot

_SQL = load("log")
_NOT_MOVED = "topic-recreated"


class Topic(Protocol):
    """A topic as Kafka knows it."""

    @property
    def name(self) -> str: ...
    @property
    def topic_id(self) -> UUID: ...
    @property
    def partitions(self) -> tuple[int, ...]: ...


class Topics(Protocol):
    """What the lag needs of Kafka: the topics that exist, and where their partitions end."""

    async def describe(self) -> Mapping[str, Topic]: ...
    async def offsets(
        self, partitions: Iterable[tuple[str, int]], *, earliest: bool
    ) -> dict[tuple[str, int], int]: ...


async def status(
    ledger: OpenLedger,
    addresses: Addresses | None,
    topics: Topics,
    *,
    api: str | None = None,
    embedded: bool = False,
) -> dict[str, Any]:
    """`{"ledger", "origin", "size", "root", "appended", "lag", "counts": {"appended", "rejected", "duplicate",
    "conflict"}, "unregistered", "services": {"kafka", "database", "vault", "api"}, "vkeys": {"log", "index", "receipt",
    "witnesses"}, "checkpoint"}`. Not a chained read.

    `lag` is one integer, the records not accounted for yet. Counts are of records: published = appended + rejected +
    duplicate + conflict. `unregistered` counts the entries with a value that no register knew. `services` are
    addresses as a client needs them: the superuser's for the `embedded` servers, else the login's without a password;
    null without `addresses`. `root` in standard base64. Raises Unreachable where PostgreSQL or Kafka is.
    """
    async with snapshot(ledger) as state:
        counts, unregistered = await _counts(ledger, state)
        with translated():
            rows = await state.connection.fetch(_SQL.positions, ledger.ledger_id)
            appended = await state.connection.fetchval(_SQL.appended, ledger.ledger_id)
        pin = state.pin
    positions = {(row["topic_id"], row["partition"]): row["next_offset"] for row in rows}
    keys = ledger.keyring
    return {
        "ledger": ledger.name,
        "origin": ledger.origin,
        "size": pin.size,
        "root": tree_hash_text(pin.root),
        "appended": written(appended) if appended else None,
        "lag": await _lag(positions, topics),
        "counts": counts,
        "unregistered": unregistered,
        "services": _services(addresses, api, embedded=embedded),
        "vkeys": {
            "log": keys.log_signer.verifier.vkey(),
            "index": keys.index_signer.verifier.vkey(),
            "receipt": keys.receipt_signer.verifier.vkey(),
            "witnesses": [],
        },
        "checkpoint": signed(ledger, pin),
    }


async def _counts(ledger: OpenLedger, state: Snapshot) -> tuple[dict[str, int], int]:
    """What became of the records below the positions, each offset of which is accounted for once: what is left when
    the rejected, the conflicts, the duplicates and the offsets without a record are taken off was appended. So only
    rare entries are read, and `verify`, which proves that the offsets are covered once, proves the sum.
    """
    with translated():
        [tally] = await state.connection.fetch(_SQL.tally, ledger.ledger_id)
        said = await state.connection.fetch(_SQL.said_of_offsets, ledger.ledger_id)
    duplicates = skipped = 0
    for row in said:
        data = parse(row["leaf"])["event"]["data"]
        if row["type"] == own.DUPLICATE:
            duplicates += sum(len(each["offsets"]) for each in data["covers"])
        elif data["reason"] != _NOT_MOVED:  # the position of a topic that is gone does not move any more
            skipped += data["to"] - data["from"]
    rejected, conflict = tally["rejected"], tally["conflict"]
    counts = {
        "appended": tally["positions"] - skipped - duplicates - rejected - conflict,
        "rejected": rejected,
        "duplicate": duplicates,
        "conflict": conflict,
    }
    return counts, tally["unregistered"]


async def _lag(positions: Mapping[tuple[UUID, int], int], topics: Topics) -> int:
    """The sum over the inbound partitions of end minus position; a partition not read yet counts from its start."""
    described = await topics.describe()
    places = {
        (topic.name, partition): positions.get((topic.topic_id, partition))
        for topic in described.values()
        for partition in topic.partitions
    }
    ends = await topics.offsets(places, earliest=False)
    starts = await topics.offsets([each for each, at in places.items() if at is None], earliest=True)
    return sum(max(0, ends[place] - (starts[place] if at is None else at)) for place, at in places.items())


def _services(addresses: Addresses | None, api: str | None, *, embedded: bool) -> dict[str, Any] | None:
    if addresses is None:
        return None
    if embedded:
        database, vault = addresses.migrate_database_url, addresses.migrate_vault_url
    else:
        database, vault = _without_password(addresses.database_url), _without_password(addresses.vault_url)
    return {"kafka": addresses.kafka_bootstrap, "database": database, "vault": vault, "api": api}


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if parts.password is None:
        return url
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}@{host}"))
