"""What became of a Kafka record, and the ledger's signed word for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.core import answer_receipt, own
from ledger.core.batch import topic_id_text
from ledger.core.errors import BadAnswer, NotFound
from ledger.core.leaf import parse
from ledger.core.merkle import leaf_hash
from ledger.storage.database import translated
from ledger.storage.log_reader import leaves
from ledger.storage.sql import load

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    import asyncpg

    from ledger.storage.opening import OpenLedger

_SQL = load("log")


@dataclass(frozen=True, slots=True)
class Found:
    """What a Kafka record became: the entry's seq, its leaf hash, and `appended`, `rejected`, `conflict` or
    `duplicate` (then the entry is the one that it repeats). `reason` is why it was rejected.
    """

    seq: int
    leaf_hash: bytes
    outcome: str
    reason: str | None = None


async def receipt(ledger: OpenLedger, seq: int) -> str:
    """The signed receipt of an entry (`ledger.core.answer_receipt` has its bytes). Raises NotFound."""
    async for leaf in leaves(ledger, seq, seq + 1):
        return sign_receipt(ledger, seq, leaf_hash(leaf))
    raise NotFound(f"There is no entry {seq}.")


def sign_receipt(ledger: OpenLedger, seq: int, hashed: bytes) -> str:
    """The receipt of an entry whose leaf hash is at hand."""
    return answer_receipt.sign(answer_receipt.Receipt(seq, hashed), ledger.keyring.receipt_signer)


async def find_place(
    ledger: OpenLedger, topic_id: UUID, partition: int, offset: int, *, since: int = 0
) -> Found | None:
    """What became of one Kafka record, or None while it is not accounted for. A duplicate is looked for among the
    entries from seq `since` on.
    """
    return (await find_places(ledger, [(topic_id, partition, offset)], since=since))[0]


async def find_places(
    ledger: OpenLedger, places: Sequence[tuple[UUID, int, int]], *, since: int = 0
) -> list[Found | None]:
    """The same for several records, in their order."""
    found: list[Found | None] = [None] * len(places)
    with translated():
        topics, partitions, offsets = (list(each) for each in zip(*places, strict=True))
        for row in await ledger.reader.fetch(_SQL.places, ledger.ledger_id, topics, partitions, offsets):
            found[row["n"] - 1] = _found(row)
        missing = {places[n]: n for n, each in enumerate(found) if each is None}
        for topic_id in {topic for topic, _, _ in missing}:
            named = topic_id_text(topic_id)
            rows = await ledger.reader.fetch(
                _SQL.duplicates_since, ledger.ledger_id, since, named.encode("ascii")
            )
            for row in rows:
                for covers in parse(row["leaf"])["event"]["data"]["covers"]:
                    if covers["topic_id"] != named:
                        continue
                    for offset, seq in zip(covers["offsets"], covers["seqs"], strict=True):
                        at = missing.get((topic_id, covers["partition"], offset))
                        if at is not None:
                            found[at] = await _duplicate_of(ledger, seq)
    return found


async def _duplicate_of(ledger: OpenLedger, seq: int) -> Found:
    async for leaf in leaves(ledger, seq, seq + 1):
        return Found(seq, leaf_hash(leaf), "duplicate")
    raise BadAnswer(f"A duplicate names entry {seq}, which is missing: run `ledger verify`.")


def _found(row: asyncpg.Record) -> Found:
    hashed = leaf_hash(row["leaf"])
    if row["type"] == own.REJECTED:
        return Found(row["seq"], hashed, "rejected", parse(row["leaf"])["event"]["data"]["reason"])
    return Found(row["seq"], hashed, "conflict" if row["type"] == own.CONFLICT else "appended")
