"""Whatever single bit of a stored log is turned, the verifier sees it."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.verifier_logs import StoredLog, person, varied_log

TABLES = ("entries", "sealed", "links", "seen", "tiles", "batches", "intake", "slices")
# What the plain verification cannot know, as the documents say: `content` is no digest of anything in the leaf.
UNPROVABLE = {("seen", "content")}
# A link that was given to another person, or put into the slot of an erased one, needs the tags to be told.
WITH_VAULT = {("links", "key_id"), ("links", "seq"), ("links", "slot"), ("seen", "id_digest")}
LOGS = {size: varied_log(size) for size in (40, 300)}
KEYS = {person(name).key_id: person(name) for name in ("bob", "cem", "dee", "staff")}


def turned(value: Any, bit: int) -> Any:
    """The value with one bit turned; None where it has none."""
    match value:
        case bytes() if value:
            at = bit % (8 * len(value))
            return value[: at // 8] + bytes([value[at // 8] ^ 1 << at % 8]) + value[at // 8 + 1 :]
        case UUID():
            return UUID(int=value.int ^ 1 << bit % 128)
        case datetime():
            return value + timedelta(microseconds=1 << bit % 40)
        case str() if value:
            at = bit % len(value)
            return value[:at] + chr(ord(value[at]) ^ 1 << bit % 7) + value[at + 1 :]
        case int():
            return value ^ 1 << bit % 20
        case _:
            return None


def names(row: Any) -> tuple[str, ...]:
    return row.__struct_fields__ if isinstance(row, msgspec.Struct) else row._fields


def with_column(row: Any, name: str, value: Any) -> Any:
    if isinstance(row, msgspec.Struct):
        return msgspec.structs.replace(row, **{name: value})
    return row._replace(**{name: value})


def attacked(log: StoredLog, table: str, row: int, column: int, bit: int) -> tuple[str, StoredLog] | None:
    """The log with one bit turned, and the column's name."""
    if table == "head":
        name = names(log.head)[column % len(names(log.head))]
        value = turned(getattr(log.head, name), bit)
        return None if value is None else (name, replace(log, head=with_column(log.head, name, value)))
    rows = copy(getattr(log, table))
    at = row % len(rows)
    name = names(rows[at])[column % len(names(rows[at]))]
    value = turned(getattr(rows[at], name), bit)
    if value is None:
        return None
    rows[at] = with_column(rows[at], name, value)
    ordered = ("entries", "sealed", "links", "seen")
    turned_rows: dict[str, Any] = {
        table: sorted(rows, key=lambda each: each[:2]) if table in ordered else rows
    }
    return name, replace(log, **turned_rows)


numbers = st.integers(min_value=0, max_value=10**6)


@settings(deadline=None)
@given(st.sampled_from((40, 300)), st.sampled_from((*TABLES, "head")), numbers, numbers, numbers)
def test_any_turned_bit_is_seen(size: int, table: str, row: int, column: int, bit: int) -> None:
    log = LOGS[size]
    if not getattr(log, table):
        return
    made = attacked(log, table, row, column, bit)
    if made is None or (table, made[0]) in UNPROVABLE:
        return
    keys = KEYS if (table, made[0]) in WITH_VAULT else None
    name, changed = made
    if keys is not None and _is_of_the_erased(log, table, row):
        return
    assert changed.problems(keys=keys), f"{table}.{name}"


@settings(deadline=None)
@given(st.sampled_from((40, 300)), numbers, numbers)
def test_any_turned_bit_of_a_leaf_is_one_changed_leaf(size: int, row: int, bit: int) -> None:
    log = LOGS[size]
    made = attacked(log, "entries", row, names(log.entries[0]).index("leaf"), bit)
    assert made is not None
    seq = log.entries[row % len(log.entries)].seq
    assert made[1].problems() == [("changed-leaf", seq)]


def _is_of_the_erased(log: StoredLog, table: str, row: int) -> bool:
    """Links and memories of persons whose key is gone cannot be checked, and the documents say so."""
    rows = getattr(log, table)
    chosen = rows[row % len(rows)]
    if table == "links":
        return False  # links of the erased are gone
    entry = next(each for each in log.entries if each.seq == chosen.seq)
    slots = {each.slot for each in log.links if each.seq == entry.seq}
    return chosen.conflict != b"" or (b'"who":[]' not in entry.leaf and 0 not in slots)
