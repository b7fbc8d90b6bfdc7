"""What verifier tests do to a stored log: read it, edit it, turn it back, forge it."""

from __future__ import annotations

from copy import copy
from dataclasses import fields, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from accountability_ledger.restricted_json import canonical
from ledger.core import leaf as leaf_format
from ledger.core import own
from ledger.core.checkpoint import Checkpoint
from tests.unit.verifier_logs import ORIGIN, LogWriter, StoredLog, recompute, varied_log

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.core.verifier.stored import EntryRow

SMALL, LARGE = 64, 600
_made = cache(varied_log)


def log_of(size: int) -> StoredLog:
    """A log of about this size, the caller's to change."""
    log = _made(size)
    return replace(log, **{each.name: copy(getattr(log, each.name)) for each in fields(log)})


def edited(leaf: bytes, **changes: Any) -> bytes:
    return canonical({**leaf_format.parse(leaf), **changes})


def with_data(leaf: bytes, **changes: Any) -> bytes:
    parsed = leaf_format.parse(leaf)
    return canonical({**parsed, "event": {**parsed["event"], "data": {**parsed["event"]["data"], **changes}}})


def put(log: StoredLog, seq: int, **changes: Any) -> StoredLog:
    """The log with other columns at `seq`."""
    return replace(log, entries=[row._replace(**changes) if row.seq == seq else row for row in log.entries])


def row_at(log: StoredLog, seq: int) -> EntryRow:
    return next(row for row in log.entries if row.seq == seq)


def seq_of(log: StoredLog, short: str) -> int:
    return next(row.seq for row in log.entries if row.type == own.type_name(short))


def checkpoint(log: StoredLog, size: int | None = None) -> Checkpoint:
    if size is None:
        return Checkpoint(ORIGIN, log.head.size, log.head.root)
    return Checkpoint(ORIGIN, size, next(row.root for row in log.batches if row.size == size))


def plain_log() -> StoredLog:
    """A log without an erasure."""
    writer = LogWriter()
    for _ in range(10):
        writer.event("ann", "bob")
        writer.event("bob")
        writer.commit()
    return writer.log


def rewound(log: StoredLog, size: int) -> StoredLog:
    """The log as it was at `size`, a batch's end."""
    batch = next(row for row in log.batches if row.size == size)
    writer_head = recompute(
        replace(log, entries=log.entries[:size], batches=[], tiles=[]),
        [row.leaf for row in log.entries[:size]],
    ).head
    last = leaf_format.parse(log.entries[size - 1].leaf)
    first = next(row.seq for row in log.entries if leaf_format.parse(row.leaf)["seg"] == last["seg"])
    offsets = [row.offset for row in log.entries[:size] if row.offset is not None]
    for row in log.entries[:size]:
        data = leaf_format.parse(row.leaf)["event"]["data"]
        offsets += [offset for cover in data.get("covers", ()) for offset in cover["offsets"]]
        offsets += [data["to"] - 1] if "reason" in data and "to" in data else []
    erased = {row.seq for row in log.entries[size:] if row.type == own.type_name("ledger.person-erased")}
    assert not erased, "rewinding over an erasure would need its links back"
    return StoredLog(
        head=writer_head._replace(
            size=size,
            seg=last["seg"],
            seg_first=first,
            seg_began=log.entries[first].appended,
            appended=batch.appended,
        ),
        entries=log.entries[:size],
        sealed=[row for row in log.sealed if row.seq < size],
        links=[row for row in log.links if row.seq < size],
        seen=[row for row in log.seen if row.seq < size],
        tiles=[row for row in log.tiles if (row.index + 1) * 256 ** (row.level + 1) <= size],
        batches=[row for row in log.batches if row.size <= size],
        intake=[log.intake[0]._replace(next_offset=max(offsets) + 1)],
        slices=log.slices,
    )


def relinked(log: StoredLog, at: int, change: Callable[[dict[str, Any]], None]) -> StoredLog:
    """The log as a writer would have left it that made one leaf wrongly and went on."""
    parsed = leaf_format.parse(row_at(log, at).leaf)
    change(parsed)
    return recompute(
        log, [row.leaf if row.seq != at else canonical(parsed) for row in log.entries], keep_prev_of=at
    )


def with_fields(row: Any, **changes: Any) -> Any:
    return type(row)(**{name: changes.get(name, getattr(row, name)) for name in row.__struct_fields__})
