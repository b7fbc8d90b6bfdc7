"""The operator's best: changes what the log says, then computes everything anew that is computed from it.

He has the superuser's rights, the signing key and the vault: seqs, links, tags, columns, tiles, recorded heads, head and
positions all fit each other again, as if the log had been written so. What gives him away is then only what the leaves
say of Kafka's offsets, or something that somebody else kept.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import msgspec

from accountability_ledger.restricted_json import canonical
from ledger.core import base64url
from ledger.core.leaf import decode_clock
from ledger.core.merkle import Frontier, leaf_hash
from ledger.core.own import DUPLICATE, SKIPPED
from ledger.core.tag import tag
from ledger.core.tile import TileEdge
from tests.integration.superuser import superuser

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence

    import asyncpg

    from ledger.core.entry import PersonKey
    from tests.world import World

Json = dict[str, Any]
_TABLES = ("entry", "sealed", "entry_person", "seen", "register")
_PLACE = ("topic", "topic_id", "partition")


class Told(NamedTuple):
    """A leaf, and the seq that it has in the tables."""

    old: int
    leaf: Json


class History:
    """What a log says: its leaves in order, to be changed. Seqs are those of before the change, throughout."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.told = [Told(seq, msgspec.json.decode(leaf)) for seq, leaf in enumerate(leaves)]

    def leaf(self, seq: int) -> Json:
        return next(each.leaf for each in self.told if each.old == seq)

    def delete(self, *seqs: int) -> None:
        self.told = [each for each in self.told if each.old not in seqs]

    def cut(self, size: int) -> None:
        """Keeps the first leaves alone."""
        self.told = self.told[:size]

    def swap(self, one: int, two: int) -> None:
        """Exchanges two entries; clock and segment stay with their places."""
        first, second = self.told[one], self.told[two]
        for name in ("appended", "seg"):
            first.leaf[name], second.leaf[name] = second.leaf[name], first.leaf[name]
        self.told[one], self.told[two] = second, first

    def call_duplicate(self, seq: int, *, account: int, repeats: int) -> None:
        """Deletes an event, and says in the entry about duplicates at `account` that its record repeats another."""
        via = self.leaf(seq)["via"]
        cover = {name: via[name] for name in _PLACE} | {"offsets": [via["offset"]], "seqs": [repeats]}
        self.leaf(account)["event"]["data"]["covers"].append(cover)
        self.delete(seq)

    def call_skipped(self, seq: int, reason: str = "aborted") -> None:
        """Puts in the place of an event the entry that says that there was no record at its offset."""
        leaf = self.leaf(seq)
        via = leaf["via"]
        data = {name: via[name] for name in _PLACE}
        data |= {"from": via["offset"], "to": via["offset"] + 1, "reason": reason}
        leaf["event"] = {"type": SKIPPED, "source": leaf["ledger"], "time": leaf["appended"], "data": data}
        leaf |= {"via": {"api": "append"}, "who": []}


async def forge(world: World, change: Callable[[History], None], *, but: Container[str] = ()) -> None:
    """Changes a log's history and computes everything anew, but for what is named: `prev` of the leaves, `tags` with
    the links' counters, `columns`, `tiles`, `batches`, `head`, `intake`.
    """
    async with superuser(world) as connection, world.opened() as ledger:
        rows = await connection.fetch("SELECT leaf FROM entry WHERE ledger_id = 1 ORDER BY seq")
        history = History([row["leaf"] for row in rows])
        change(history)
        linked = await connection.fetch("SELECT seq, slot, key_id FROM entry_person WHERE ledger_id = 1")
        keys = await ledger.vault.by_key_id({row["key_id"].bytes for row in linked})
        owners = {(row["seq"], row["slot"]): keys[row["key_id"].bytes] for row in linked}
        forger = _Forger(connection, history, owners, but)
        async with connection.transaction():
            await forger.write()


class _Forger:
    def __init__(
        self,
        connection: asyncpg.Connection,
        history: History,
        owners: Mapping[tuple[int, int], PersonKey],
        but: Container[str],
    ) -> None:
        self._run = connection.execute
        self._connection = connection
        self._told, self._owners, self._but = history.told, owners, but
        self._moved = {each.old: seq for seq, each in enumerate(self._told)}
        self._leaves: list[bytes] = []
        self._hashes: list[bytes] = []
        self._frontiers: list[Frontier] = []
        self._counts: list[tuple[int, int, int]] = []  # seq, slot, j

    async def write(self) -> None:
        self._link()
        await self._move_rows()
        await self._write_entries()
        for part, write in (
            ("tiles", self._write_tiles),
            ("batches", self._write_batches),
            ("head", self._write_head),
            ("intake", self._write_positions),
        ):
            if part not in self._but:
                await write()

    def _link(self) -> None:
        """The leaves at their places: seq, prev, tags, and the seqs that entries about duplicates name."""
        counters: Counter[tuple[bytes, int]] = Counter()
        frontier, prev = Frontier(), bytes(32)
        for seq, (old, leaf) in enumerate(self._told):
            leaf["seq"] = seq
            if "prev" not in self._but:
                leaf["prev"] = base64url.encode(prev)
            for slot, person in enumerate(leaf["who"]):
                key, seg = self._owners[old, slot], leaf["seg"]
                counters[key.key_id, seg] += 1
                if "tags" not in self._but:
                    j = counters[key.key_id, seg]
                    person["t"] = base64url.encode(tag(key.tag_key, seg, j))
                    self._counts.append((seq, slot, j))
            if leaf["event"]["type"] == DUPLICATE:
                for cover in leaf["event"]["data"]["covers"]:
                    cover["seqs"] = [self._moved.get(each, each) for each in cover["seqs"]]
            self._leaves.append(canonical(leaf))
            prev = leaf_hash(self._leaves[-1])
            frontier.append(prev)
            self._hashes.append(prev)
            self._frontiers.append(frontier.copy())

    async def _move_rows(self) -> None:
        """Deletes the rows of entries that are gone and of persons who are, and renumbers the others."""
        old, new = list(self._moved), list(self._moved.values())
        first = "SELECT count(*) FROM unnest($1::bigint[]) AS kept (seq) WHERE seq < first_seq"
        await self._run(f"UPDATE slice_start SET first_seq = ({first}) WHERE ledger_id = 1", old)
        moved = "unnest($1::bigint[], $2::bigint[]) AS moved (old, new)"
        for table in _TABLES:
            mine = f"{table}.ledger_id = 1 AND"
            await self._run(f"DELETE FROM {table} WHERE {mine} seq <> ALL ($1::bigint[])", old)
            await self._run(
                f"UPDATE {table} SET seq = -1 - new FROM {moved} WHERE {mine} seq = old AND old <> new",
                old,
                new,
            )
            await self._run(f"UPDATE {table} SET seq = -1 - seq WHERE {mine} seq < 0")
        slots = [len(each.leaf["who"]) for each in self._told]
        known = "unnest($1::integer[]) WITH ORDINALITY AS leaf (slots, place)"
        for table in ("sealed", "entry_person"):
            await self._run(
                f"DELETE FROM {table} USING {known} WHERE {table}.ledger_id = 1 AND seq = place - 1 AND slot >= slots",
                slots,
            )

    async def _write_entries(self) -> None:
        await self._run(
            "UPDATE entry SET leaf = new FROM unnest($1::bytea[]) WITH ORDINALITY AS leaf (new, place)"
            " WHERE ledger_id = 1 AND seq = place - 1",
            self._leaves,
        )
        for sign in ("-", ""):  # by way of negative numbers: (key, segment, j) is unique throughout
            await self._run(
                f"UPDATE entry_person SET j = {sign}new FROM unnest($1::bigint[], $2::smallint[], $3::integer[])"
                " AS link (place, at, new) WHERE ledger_id = 1 AND seq = place AND slot = at",
                *(list(column) for column in zip(*self._counts, strict=True))
                if self._counts
                else ([], [], []),
            )
        if "columns" in self._but:
            return
        rows = [_columns(each.leaf) for each in self._told]
        await self._run(
            'UPDATE entry SET appended = a, "time" = t, type = y, topic_id = i, partition = p, "offset" = o, received = r'
            " FROM unnest($1::timestamptz[], $2::timestamptz[], $3::text[], $4::uuid[], $5::integer[], $6::bigint[],"
            " $7::bigint[]) WITH ORDINALITY AS leaf (a, t, y, i, p, o, r, place) WHERE ledger_id = 1 AND seq = place - 1",
            *(list(column) for column in zip(*rows, strict=True)),
        )
        times = [datetime.fromisoformat(each.leaf["event"]["time"]) for each in self._told]
        await self._run(
            'UPDATE entry_person SET "time" = t FROM unnest($1::timestamptz[]) WITH ORDINALITY AS leaf (t, place)'
            " WHERE ledger_id = 1 AND seq = place - 1",
            times,
        )
        await self._run(
            "DELETE FROM seen USING entry WHERE seen.ledger_id = 1 AND entry.ledger_id = 1 AND seen.seq = entry.seq"
            " AND topic_id IS NULL"
        )

    async def _write_tiles(self) -> None:
        await self._run("DELETE FROM tile WHERE ledger_id = 1")
        for each in TileEdge().extend(self._hashes)[1]:
            await self._run(
                "INSERT INTO tile VALUES (1, $1, $2, $3, $4)", each.level, each.index, each.data, each.root
            )

    async def _write_batches(self) -> None:
        sizes = [
            row["size"] for row in await self._connection.fetch("SELECT size FROM batch WHERE ledger_id = 1")
        ]
        kept = {sum(old < size for old in self._moved) for size in sizes} - {0}
        await self._run("DELETE FROM batch WHERE ledger_id = 1")
        for size in sorted(kept):
            at = size - 1
            await self._run(
                "INSERT INTO batch VALUES (1, $1, $2, $3, $4)",
                size,
                self._hashes[at],
                self._frontiers[at].root(),
                self._appended(at),
            )

    def _appended(self, seq: int) -> datetime:
        return decode_clock(self._told[seq].leaf["appended"])

    async def _write_head(self) -> None:
        seg = self._told[-1].leaf["seg"]
        first = next(seq for seq, each in enumerate(self._told) if each.leaf["seg"] == seg)
        await self._run(
            "UPDATE head SET size = $1, prev = $2, root = $3, frontier = $4, seg = $5, seg_first = $6, seg_began = $7,"
            " appended = $8 WHERE ledger_id = 1",
            len(self._leaves),
            self._hashes[-1],
            self._frontiers[-1].root(),
            self._frontiers[-1].to_bytes(),
            seg,
            first,
            self._appended(first),
            self._appended(len(self._leaves) - 1),
        )

    async def _write_positions(self) -> None:
        """Moves the positions to behind the last offset that a leaf accounts for."""
        ends: Counter[tuple[str, int]] = Counter()
        for each in self._told:
            for place, end in _accounted(each.leaf):
                ends[place] = max(ends[place], end)
        for row in await self._connection.fetch("SELECT topic_id, partition FROM intake WHERE ledger_id = 1"):
            place = (base64url.encode(row["topic_id"].bytes), row["partition"])
            await self._run(
                "UPDATE intake SET next_offset = $1 WHERE ledger_id = 1 AND topic_id = $2 AND partition = $3",
                ends[place],
                *row,
            )


def _columns(leaf: Json) -> tuple[Any, ...]:
    event, via = leaf["event"], leaf["via"]
    place: tuple[Any, ...] = (None, None, None, None)
    if "api" not in via:
        topic_id = UUID(bytes=base64url.decode(via["topic_id"]))
        place = (topic_id, via["partition"], via["offset"], via["received"])
    return (decode_clock(leaf["appended"]), datetime.fromisoformat(event["time"]), event["type"], *place)


def _accounted(leaf: Json) -> list[tuple[tuple[str, int], int]]:
    """(topic id and partition, one more than the offset) of what a leaf accounts for."""
    via, data = leaf["via"], leaf["event"]["data"]
    if "api" not in via:
        return [((via["topic_id"], via["partition"]), via["offset"] + 1)]
    if leaf["event"]["type"] == SKIPPED:
        return [((data["topic_id"], data["partition"]), data["to"])]
    if leaf["event"]["type"] == DUPLICATE:
        return [((each["topic_id"], each["partition"]), max(each["offsets"]) + 1) for each in data["covers"]]
    return []
