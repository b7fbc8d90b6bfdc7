"""The rows that an entry leaves, as PostgreSQL's binary COPY takes them: its leaf with copies of the leaf's public
fields, its blobs, its links, and that it was seen.

They are packed here rather than by the driver, value by value: an entry leaves about seven rows, all under the head
lock. The layout is that of "Binary Format" in PostgreSQL's documentation of COPY: per row the number of fields, per
field its length and its bytes, numbers in network order, times as microseconds since 2000. The columns are COLUMNS.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ledger.core.batch import Item
    from ledger.core.chain import LinkedEntry

HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER = b"\xff\xff"

COLUMNS: dict[str, tuple[str, ...]] = {
    "entry": (
        "ledger_id",
        "slice",
        "seq",
        "appended",
        "time",
        "topic_id",
        "partition",
        "offset",
        "received",
        "type",
        "leaf",
    ),
    "sealed": ("ledger_id", "slice", "seq", "slot", "blob"),
    "entry_person": ("ledger_id", "slice", "key_id", "seg", "j", "seq", "slot", "time", "role"),
    "seen": ("ledger_id", "id_digest", "content", "seq", "conflict"),
}

_EPOCH_2000 = 946_684_800_000_000
_LENGTH = Struct(">i")
_ENTRY = Struct(">hiiiiiqiqiq")
_VIA = Struct(">i16siiiqiqi")
_NO_VIA = _LENGTH.pack(-1) * 4
_SEALED = Struct(">hiiiiiqihi")
_LINK = Struct(">hiiiii16siqiiiqihiqi")
_SEEN = Struct(">hiii16si16siqi")
_ROLES = {role: role.encode() for role in ("subject", "participant", "recipient", "actor", "old", "new")}


class Rows:
    """Packs the rows of one batch. `add` answers an entry's own row; what goes into the other tables gathers in `sealed`,
    `links` and `seen`. `appended` is in microseconds since 1970.
    """

    def __init__(self, ledger_id: int, slice_: int, appended: int) -> None:
        self._ledger_id = ledger_id
        self._slice = slice_
        self._appended = appended - _EPOCH_2000
        self.sealed: list[bytes] = []
        self.links: list[bytes] = []
        self.seen: list[bytes] = []

    def add(self, linked: LinkedEntry, item: Item | None) -> bytes:
        """The row of `entry`; the entry's other rows are kept."""
        ledger_id, slice_, seq = self._ledger_id, self._slice, linked.seq
        prepared = linked.prepared
        time = prepared.time - _EPOCH_2000
        for slot in linked.slots:
            number, blob, role = slot.slot, slot.blob, _ROLES[slot.role]
            self.sealed += (
                _SEALED.pack(5, 4, ledger_id, 4, slice_, 8, seq, 2, number, len(blob)),
                blob,
            )
            self.links += (
                _LINK.pack(
                    *(9, 4, ledger_id, 4, slice_, 16, slot.key_id, 8, linked.seg, 4, slot.j),
                    *(8, seq, 2, number, 8, time, len(role)),
                ),
                role,
            )
        if item is not None and item.seen is not None:
            seen = item.seen
            conflict = seen.content if seen.conflict else b""
            self.seen += (
                _SEEN.pack(5, 4, ledger_id, 16, seen.identity, 16, seen.content, 8, seq, len(conflict)),
                conflict,
            )
        place = item.place if item is not None else None
        kind, leaf = prepared.type.encode(), linked.leaf
        via = (
            _VIA.pack(
                16, place.topic_id.bytes, 4, place.partition, 8, place.offset, 8, place.received, len(kind)
            )
            if place
            else _NO_VIA + _LENGTH.pack(len(kind))
        )
        return b"".join(
            (
                _ENTRY.pack(11, 4, ledger_id, 4, slice_, 8, seq, 8, self._appended, 8, time),
                via,
                kind,
                _LENGTH.pack(len(leaf)),
                leaf,
            )
        )
