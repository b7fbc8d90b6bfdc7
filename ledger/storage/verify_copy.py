"""Rows as PostgreSQL's binary COPY sends them, taken apart without objects for values that are only compared.

A tuple is the number of its fields (16 bits), then each field's length (32 bits; -1 for NULL) and bytes, all big-endian
(PostgreSQL, "COPY", Binary Format). Lengths that another form of the row would have raise Doubt: here it is never said
what is wrong.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from struct import Struct, error
from typing import TYPE_CHECKING, Any

from ledger.core.verifier.stretch import Doubt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import asyncpg

    from ledger.core.verifier.block import Entry

    Parser = Callable[[bytes, int], tuple[list[Any], int]]

_HEADER = 19  # signature, flags, and the length of an extension that there is not
_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_ENOUGH = 1 << 20  # bytes that wait to be taken apart; then PostgreSQL waits
_EIGHT, _FOUR, _SIXTEEN = b"\0\0\0\x08", b"\0\0\0\x04", b"\0\0\0\x10"

_ENTRY = Struct(">6sq4sq4sq4s16s4si4sq4sqi")
_ENTRY_FRAME = (b"\0\x09" + _EIGHT, _EIGHT, _EIGHT, _FOUR, _EIGHT, _EIGHT)
_OWN_ENTRY = Struct(">6sq4sq4sq16si")
_NO_PLACE = b"\xff" * 16
_BLOB = Struct(">6sq4shi")
_LENGTH = Struct(">i")


def parse_entries(data: bytes, at: int) -> tuple[list[Entry], int]:
    """The whole rows of `copy_entries` from `at` on, and where the next one begins."""
    rows: list[Entry] = []
    try:
        while True:
            row, begin, length = _entry_head(data, at)
            type_end = begin + length
            leaf_length = _LENGTH.unpack_from(data, type_end)[0]
            end = type_end + 4 + leaf_length
            if length < 0 or leaf_length < 0:
                raise Doubt
            if end > len(data):
                return rows, at
            rows.append((*row, data[begin:type_end], data[type_end + 4 : end]))
            at = end
    except error:
        return rows, at


def _entry_head(data: bytes, at: int) -> tuple[tuple[Any, ...], int, int]:
    """A row up to its place, where its type begins, and the type's length."""
    (
        one,
        seq,
        two,
        appended,
        three,
        time,
        four,
        topic_id,
        five,
        partition,
        six,
        offset,
        seven,
        received,
        length,
    ) = _ENTRY.unpack_from(data, at)
    if four == _SIXTEEN:
        if (one, two, three, five, six, seven) != _ENTRY_FRAME:
            raise Doubt
        return (seq, appended, time, topic_id, partition, offset, received), at + _ENTRY.size, length
    one, seq, two, appended, three, time, place, length = _OWN_ENTRY.unpack_from(data, at)
    if (one, two, three, place) != (*_ENTRY_FRAME[:3], _NO_PLACE):
        raise Doubt
    return (seq, appended, time, None, None, None, None), at + _OWN_ENTRY.size, length


def parse_blobs(data: bytes, at: int) -> tuple[list[tuple[int, int, bytes]], int]:
    """The whole rows of `copy_blobs` from `at` on, and where the next one begins."""
    rows: list[tuple[int, int, bytes]] = []
    size, head, unpack = len(data), _BLOB.size, _BLOB.unpack_from
    try:
        while True:
            one, seq, two, slot, length = unpack(data, at)
            if one != b"\0\3\0\0\0\x08" or two != b"\0\0\0\2" or length < 0:
                raise Doubt
            begin = at + head
            end = begin + length
            if end > size:
                return rows, at
            rows.append((seq, slot, data[begin:end]))
            at = end
    except error:
        return rows, at


class FixedRows:
    """Takes rows apart whose fields all have one length. `codes` are those of `struct`: q, i, h, or 16s for an id."""

    def __init__(self, codes: Sequence[str]) -> None:
        row = Struct(">2x" + "".join(f"4x{code}" for code in codes))
        self._unpack, self._size = row.iter_unpack, row.size
        self._frame = [(0, 0), (1, len(codes))]
        at = 2
        for code in codes:
            length = Struct(f">{code}").size
            self._frame += [(at, 0), (at + 1, 0), (at + 2, 0), (at + 3, length)]
            at += 4 + length

    def __call__(self, data: bytes, at: int) -> tuple[list[tuple[Any, ...]], int]:
        count = (len(data) - at) // self._size
        end = at + count * self._size
        for place, value in self._frame:
            if data[at + place : end : self._size] != bytes((value,)) * count:
                raise Doubt
        return list(self._unpack(data[at:end])), end


class Rows:
    """The rows of queries, one after the other, in order of their first column, as they are asked for."""

    def __init__(self, connection: asyncpg.Connection, queries: Sequence[str], parse: Parser) -> None:
        self._connection = connection
        self._queries = queries
        self._parse = parse
        self._data = b""
        self._at = 0
        self._begun = False
        self._pieces: list[bytes] = []
        self._held = 0
        self._rows: list[tuple[Any, ...]] = []
        self._over = False
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()

    async def read(self) -> None:
        """Reads all queries; to be run beside whoever calls `until`."""
        for query in self._queries:
            self._begun = False
            await self._connection.copy_from_query(query, output=self._take, format="binary")
            while self._pieces:
                self._arrived.set()
                await self._wait_for_room()
            if self._data[self._at :] != _TRAILER:
                raise Doubt
            self._data, self._at = b"", 0
        self._over = True
        self._arrived.set()

    async def _take(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._held += len(piece)
        self._arrived.set()
        if self._held > _ENOUGH:
            await self._wait_for_room()

    async def _wait_for_room(self) -> None:
        self._room.clear()
        await self._room.wait()

    async def until(self, end: int) -> list[tuple[Any, ...]]:
        """The next rows whose first column is less than `end`."""
        while True:
            at = bisect_left(self._rows, (end,))
            if at < len(self._rows) or (self._over and not self._pieces):
                taken, self._rows = self._rows[:at], self._rows[at:]
                return taken
            if self._pieces:
                self._take_apart()
            else:
                self._arrived.clear()
                await self._arrived.wait()

    @property
    def is_over(self) -> bool:
        """Whether every row was handed out."""
        return self._over and not self._pieces and not self._rows

    def _take_apart(self) -> None:
        data = b"".join((self._data[self._at :], *self._pieces))
        self._pieces, self._held, at = [], 0, 0
        self._room.set()
        if not self._begun and len(data) >= _HEADER:
            if data[:_HEADER] != _SIGNATURE:
                raise Doubt
            self._begun, at = True, _HEADER
        if self._begun:
            rows, at = self._parse(data, at)
            self._rows += rows
        self._data, self._at = data, at
