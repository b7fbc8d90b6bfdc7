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

    Columns = list[list[Any]]
    Parser = Callable[[bytes, int], tuple[Columns, int]]

_HEADER = 19  # signature, flags, and the length of an extension that there is not
_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_ENOUGH = 1 << 20  # bytes that wait to be taken apart; then PostgreSQL waits
_EIGHT, _FOUR, _SIXTEEN = b"\0\0\0\x08", b"\0\0\0\x04", b"\0\0\0\x10"

_ENTRY = Struct(">6sq4sq4sq4s16s4si4sq4sqi")
_NINE, _THREE, _TWO = b"\0\x09" + _EIGHT, b"\0\3" + _EIGHT, b"\0\0\0\2"
_OWN_ENTRY = Struct(">6sq4sq4sq16si")
_NO_PLACE = b"\xff" * 16
_BLOB = Struct(">6sq4shi")
_LENGTH = Struct(">i")
_AT_ONCE = 64  # rows; what is left is a form of its own, and forms are remembered


def parse_entries(data: bytes, at: int) -> tuple[Columns, int]:
    """The whole rows of `copy_entries` from `at` on, as seqs and entries, and where the next one begins."""
    seqs: list[int] = []
    entries: list[Entry] = []
    size, head, unpack, length_of = len(data), _ENTRY.size, _ENTRY.unpack_from, _LENGTH.unpack_from
    try:
        while True:
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
            ) = unpack(data, at)
            begin = at + head
            if not (
                four == _SIXTEEN and one == _NINE and two == three == six == seven == _EIGHT and five == _FOUR
            ):
                seq, appended, time, begin, length = _own_entry(data, at)
                topic_id = partition = offset = received = None
            type_end = begin + length
            leaf_begin = type_end + 4
            leaf_length = length_of(data, type_end)[0]
            end = leaf_begin + leaf_length
            if length < 0 or leaf_length < 0:
                raise Doubt
            if end > size:
                break
            seqs.append(seq)
            entries.append(
                (
                    seq,
                    appended,
                    time,
                    topic_id,
                    partition,
                    offset,
                    received,
                    data[begin:type_end],
                    data[leaf_begin:end],
                )
            )
            at = end
    except error:
        pass
    return [seqs, entries], at


def _own_entry(data: bytes, at: int) -> tuple[int, int, int, int, int]:
    """A row without a place: seq, appended, time, where its type begins, and the type's length."""
    one, seq, two, appended, three, time, place, length = _OWN_ENTRY.unpack_from(data, at)
    if (one, two, three, place) != (_NINE, _EIGHT, _EIGHT, _NO_PLACE):
        raise Doubt
    return seq, appended, time, at + _OWN_ENTRY.size, length


def parse_blobs(data: bytes, at: int) -> tuple[Columns, int]:
    """The whole rows of `copy_blobs` from `at` on, as columns, and where the next one begins."""
    seqs: list[int] = []
    slots: list[int] = []
    blobs: list[bytes] = []
    size, head, unpack = len(data), _BLOB.size, _BLOB.unpack_from
    try:
        while True:
            one, seq, two, slot, length = unpack(data, at)
            if one != _THREE or two != _TWO or length < 0:
                raise Doubt
            begin = at + head
            end = begin + length
            if end > size:
                break
            seqs.append(seq)
            slots.append(slot)
            blobs.append(data[begin:end])
            at = end
    except error:
        pass
    return [seqs, slots, blobs], at


class FixedRows:
    """Takes rows apart whose fields all have one length. `codes` are those of `struct`: q, i, h, or 16s for an id."""

    def __init__(self, codes: Sequence[str]) -> None:
        self._row = "2x" + "".join(f"4x{code}" for code in codes)
        self._width = len(codes)
        self._size = Struct(">" + self._row).size
        self._many = Struct(">" + self._row * _AT_ONCE)
        self._frame = [(0, 0), (1, len(codes))]
        at = 2
        for code in codes:
            length = Struct(f">{code}").size
            self._frame += [(at, 0), (at + 1, 0), (at + 2, 0), (at + 3, length)]
            at += 4 + length

    def __call__(self, data: bytes, at: int) -> tuple[Columns, int]:
        """The whole rows from `at` on, as columns, and where the next one begins."""
        size, width = self._size, self._width
        count = (len(data) - at) // size
        end = at + count * size
        for place, value in self._frame:
            if data[at + place : end : size] != bytes((value,)) * count:
                raise Doubt
        columns: Columns = [[] for _ in range(width)]
        while at < end:
            rows = min(_AT_ONCE, (end - at) // size)
            many = self._many if rows == _AT_ONCE else Struct(">" + self._row * rows)
            values = many.unpack_from(data, at)
            for number, column in enumerate(columns):
                column.extend(values[number::width])
            at += rows * size
        return columns, end


class Rows:
    """The rows of queries, one after the other, in order of their first column, as they are asked for."""

    def __init__(
        self, connection: asyncpg.Connection, queries: Sequence[str], parse: Parser, width: int
    ) -> None:
        self._connection = connection
        self._queries = queries
        self._parse = parse
        self._data = b""
        self._at = 0
        self._begun = False
        self._pieces: list[bytes] = []
        self._held = 0
        self._columns: Columns = [[] for _ in range(width)]
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

    def abandon(self) -> None:
        """Ends the connection: the driver must get no more rows of a query that is cancelled."""
        self._connection.terminate()

    async def _take(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._held += len(piece)
        self._arrived.set()
        if self._held > _ENOUGH:
            await self._wait_for_room()

    async def _wait_for_room(self) -> None:
        self._room.clear()
        await self._room.wait()

    async def until(self, end: int) -> Columns:
        """The columns of the next rows whose first column is less than `end`."""
        while True:
            seqs = self._columns[0]
            at = bisect_left(seqs, end)
            if at < len(seqs) or (self._over and not self._pieces):
                taken = [column[:at] for column in self._columns]
                for column in self._columns:
                    del column[:at]
                return taken
            if self._pieces:
                self._take_apart()
            else:
                self._arrived.clear()
                await self._arrived.wait()

    @property
    def is_over(self) -> bool:
        """Whether every row was handed out."""
        return self._over and not self._pieces and not self._columns[0]

    def _take_apart(self) -> None:
        data = b"".join((self._data[self._at :], *self._pieces))
        self._pieces, self._held, at = [], 0, 0
        self._room.set()
        if not self._begun and len(data) >= _HEADER:
            if data[:_HEADER] != _SIGNATURE:
                raise Doubt
            self._begun, at = True, _HEADER
        if self._begun:
            found, at = self._parse(data, at)
            for column, more in zip(self._columns, found, strict=True):
                column.extend(more)
        self._data, self._at = data, at
