"""Rows of PostgreSQL's binary COPY, however they are cut into pieces, and none of another form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.verifier.stretch import Doubt
from ledger.storage.verify_copy import FixedRows, Rows, parse_blobs, parse_entries
from ledger.storage.verify_stretch import beside

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_WIDTHS = {"q": 8, "i": 4, "h": 2}
LINKS = ("q", "h", "q", "i", "i", "q", "16s")
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"

numbers = st.integers(-(2**31), 2**31 - 1)
entry_rows = st.tuples(
    numbers,
    numbers,
    numbers,
    st.one_of(st.none(), st.tuples(st.binary(min_size=16, max_size=16), numbers, numbers, numbers)),
    st.binary(max_size=60),
    st.binary(min_size=40, max_size=300),
).map(lambda row: (*row[:3], *(row[3] or (None,) * 4), *row[4:]))
blob_rows = st.tuples(numbers, st.integers(0, 300), st.binary(max_size=300))
link_rows = st.tuples(
    numbers, st.integers(0, 300), numbers, numbers, numbers, numbers, st.binary(min_size=16, max_size=16)
)
ENTRY_CODES = ("q", "q", "q", "16s", "i", "q", "q", "s", "s")
BLOB_CODES = ("q", "h", "s")


def sent(rows: Sequence[Sequence[Any]], codes: Sequence[str]) -> bytes:
    """Rows as PostgreSQL sends them."""
    data = b""
    for row in rows:
        data += len(row).to_bytes(2, "big")
        for value, code in zip(row, codes, strict=True):
            if value is None:
                data += b"\xff\xff\xff\xff"
            else:
                field = (
                    value if isinstance(value, bytes) else value.to_bytes(_WIDTHS[code], "big", signed=True)
                )
                data += len(field).to_bytes(4, "big") + field
    return data


def whole(rows: Sequence[Any], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


@given(st.lists(entry_rows), st.integers(0, 10_000))
def test_entries_cut_anywhere(rows: list[Any], cut: int) -> None:
    columns = cut_in_two(parse_entries, sent(rows, ENTRY_CODES), cut)
    assert columns == [[row[0] for row in rows], rows]


@given(st.lists(blob_rows), st.integers(0, 10_000))
def test_blobs_cut_anywhere(rows: list[Any], cut: int) -> None:
    assert cut_in_two(parse_blobs, sent(rows, BLOB_CODES), cut) == whole(rows, 3)


@given(st.lists(link_rows, max_size=150), st.integers(0, 20_000))
def test_fixed_rows_cut_anywhere(rows: list[Any], cut: int) -> None:
    assert cut_in_two(FixedRows(LINKS), sent(rows, LINKS), cut) == whole(rows, 7)


def cut_in_two(parse: Callable[[bytes, int], Any], data: bytes, cut: int) -> list[list[Any]]:
    """What is read of the data when its second part comes later, with the trailer behind it."""
    cut %= len(data) + 1
    columns, at = parse(data[:cut], 0)
    more, end = parse(data[at:] + TRAILER, 0)
    assert data[at + end :] + TRAILER == TRAILER
    return [first + second for first, second in zip(columns, more, strict=True)]


@given(st.lists(link_rows, min_size=1, max_size=70), st.integers(0, 6))
def test_a_row_with_a_null_is_in_doubt(rows: list[Any], column: int) -> None:
    rows = [*rows, *(2 * [rows[0]])]
    rows[len(rows) // 2] = tuple(
        None if at == column else value for at, value in enumerate(rows[len(rows) // 2])
    )
    with pytest.raises(Doubt):
        FixedRows(LINKS)(sent(rows, LINKS), 0)


@pytest.mark.parametrize("column", range(9))
def test_an_entry_with_a_null_in_one_column_is_in_doubt(column: int) -> None:
    row = (7, 8, 9, bytes(16), 1, 2, 3, b"type", b"leaf" * 40)
    broken = tuple(None if at == column else value for at, value in enumerate(row))
    with pytest.raises(Doubt):
        parse_entries(sent([broken, row, row], ENTRY_CODES), 0)


@pytest.mark.parametrize("column", range(3))
def test_a_blob_with_a_null_is_in_doubt(column: int) -> None:
    broken = tuple(None if at == column else value for at, value in enumerate((7, 0, b"blob" * 9)))
    with pytest.raises(Doubt):
        parse_blobs(sent([broken, (8, 0, b"x" * 99)], BLOB_CODES), 0)


def lengths_of(row: Sequence[Any], codes: Sequence[str]) -> list[int]:
    """Where the number of fields and each field's length stand in a row."""
    places, at = [0], 2
    for value, code in zip(row, codes, strict=True):
        places.append(at)
        at += 4 + (len(value) if isinstance(value, bytes) else _WIDTHS[code])
    return places


@pytest.mark.parametrize(
    ("parse", "row", "codes", "fixed"),
    [
        (parse_entries, (7, 8, 9, bytes(16), 1, 2, 3, b"type", b"leaf" * 40), ENTRY_CODES, 7),
        (parse_entries, (7, 8, 9, None, None, None, None, b"type", b"leaf" * 40), ENTRY_CODES, 7),
        (parse_blobs, (7, 0, b"blob" * 9), BLOB_CODES, 2),
        (FixedRows(LINKS), (7, 0, 1, 2, 3, 4, bytes(16)), LINKS, 7),
    ],
)
def test_a_length_that_is_another_is_in_doubt(
    parse: Callable[[bytes, int], Any], row: Sequence[Any], codes: Sequence[str], fixed: int
) -> None:
    data = sent([row, row, row], codes)
    assert len(parse(data, 0)[0][0]) == 3
    places = lengths_of(tuple(b"" if value is None else value for value in row), codes)[: fixed + 1]
    for place in places:
        for at in range(place, place + (2 if place == 0 else 4)):
            changed = bytearray(data)
            changed[at] ^= 1
            with pytest.raises(Doubt):
                parse(bytes(changed), 0)


class Sender:
    """Stands where the connection does, and sends bytes in pieces."""

    def __init__(self, size: int, data: Sequence[bytes]) -> None:
        self._size = size
        self._data = data
        self.ended = False

    def terminate(self) -> None:
        self.ended = True

    async def copy_from_query(self, query: str, *, output: Any, format: str) -> None:  # noqa: A002
        assert format == "binary"
        data = self._data[int(query)]
        for at in range(0, len(data), self._size):
            await output(data[at : at + self._size])


@pytest.mark.parametrize("size", [1, 7, 100, 5000])
async def test_rows_of_several_queries_are_handed_out_by_their_seqs(size: int) -> None:
    rows = [(seq // 3, seq % 3, b"%d" % seq) for seq in range(90)]
    sends = [HEADER + sent(part, BLOB_CODES) + TRAILER for part in (rows[:33], [], rows[33:])]
    sender: Any = Sender(size, sends)
    found = Rows(sender, ["0", "1", "2"], parse_blobs, 3)
    taken: list[list[Any]] = [[], [], []]

    async def take() -> None:
        for end in (1, 1, 10, 11, 30):
            for column, more in zip(taken, await found.until(end), strict=True):
                column.extend(more)
            assert all(seq < end for seq in taken[0])

    await beside(take(), [found])
    assert taken == whole(rows, 3)
    assert found.is_over


@pytest.mark.parametrize(
    "data",
    [
        b"PGCOPY\n\xff\r\n\1" + bytes(8) + TRAILER,
        HEADER + sent([(1, 0, b"x")], BLOB_CODES),
        HEADER + sent([(1, 0, b"x")], BLOB_CODES) + TRAILER + b"more",
        HEADER + sent([(1, 0, b"x")], BLOB_CODES)[:-1] + TRAILER,
    ],
)
async def test_what_is_no_whole_copy_is_in_doubt(data: bytes) -> None:
    sender: Any = Sender(10, [data])
    found = Rows(sender, ["0"], parse_blobs, 3)
    with pytest.raises(Doubt):
        await beside(found.until(100), [found])
    assert sender.ended
