"""Legal holds: who is under one may not be erased."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accountability_ledger.catalog import full_name
from ledger.core import disclosure, seal
from ledger.core.leaf import parse
from ledger.storage.database import translated
from ledger.storage.sql import load

if TYPE_CHECKING:
    import asyncpg

    from ledger.core.entry import PersonKey
    from ledger.storage.opening import OpenLedger

_SQL = load("erasure")
_PLACED = full_name("legal_hold.placed")


async def holds_on(ledger: OpenLedger, keys: set[bytes]) -> set[str]:
    """The ids of the holds in force that cover these keys: a hold without subjects covers everybody."""
    with translated():
        rows = await ledger.reader.fetch(_SQL.holds, ledger.ledger_id)
        seqs = list({row["seq"] for row in rows})
        subjects: dict[int, set[bytes]] = {}
        for row in await ledger.reader.fetch(_SQL.subjects_of, ledger.ledger_id, seqs):
            subjects.setdefault(row["seq"], set()).add(row["key_id"].bytes)
    owners = await ledger.vault.by_key_id(row["key_id"].bytes for row in rows)
    in_force: dict[str, bool] = {}
    for row in rows:
        covered = subjects.get(row["seq"])
        owner = owners.get(row["key_id"].bytes)
        if owner is None or (covered is not None and not covered & keys):
            continue
        hold = _opened_hold(ledger, row, owner)
        if hold is not None:
            in_force[hold] = row["type"] == _PLACED
    return {hold for hold, holds in in_force.items() if holds}


def _opened_hold(ledger: OpenLedger, row: asyncpg.Record, owner: PersonKey) -> str | None:
    """The hold's id, where this slot's blob holds it."""
    texts = seal.unseal(owner.cipher, row["blob"], seal.associated_data(ledger.origin, row["role"]))
    event, _ = disclosure.open_event(parse(row["leaf"]), [text for text in texts if not _introduces(text)])
    hold = event["data"].get("hold_id")
    return None if hold is None else str(hold)


def _introduces(text: str) -> bool:
    return disclosure.parse(text).name == "person"
