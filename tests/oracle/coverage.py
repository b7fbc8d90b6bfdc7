"""Kafka against the ledger: every offset accounted for once, every acknowledged event in the ledger once."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.oracle.observed import SLOT, Acknowledgement, Finding, Partition, Position, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_OWN_TYPE = re.compile(r"(?:.*\.)?ledger\.([a-z-]+)(?:\.v\d+)?")
_FROM_KAFKA = {"event-rejected", "event-conflict"}
_UNREGISTERED = "unregistered"  # stands for a source that no register knows: its name is sealed
_INVISIBLE = {"transaction-marker", "aborted", "compacted"}


@dataclass(frozen=True, slots=True)
class Cover:
    """How one offset is accounted for: by an entry of its own (`entry`, `event-rejected`, `event-conflict`), as a
    duplicate of the entry at `of`, or as skipped for a reason."""

    seq: int
    kind: str
    of: int | None = None
    reason: str | None = None


@dataclass(slots=True)
class Covers:
    """All covers by partition and offset; more than one of an offset is a finding."""

    by_slot: defaultdict[SLOT, defaultdict[int, list[Cover]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    findings: list[Finding] = field(default_factory=list)

    def add(self, slot: SLOT, offset: int, cover: Cover) -> None:
        self.by_slot[slot][offset].append(cover)


def own_type(entry: dict[str, Any]) -> str | None:
    """The short name of a type of the ledger's own (`event-rejected`), None for an event of a service."""
    match = _OWN_TYPE.fullmatch(entry["event"]["type"])
    return match[1] if match else None


def collect(parsed: Sequence[dict[str, Any] | None]) -> Covers:
    """What each leaf says that it accounts for, and the order of `via` within each partition."""
    covers = Covers()
    last: dict[SLOT, int] = {}
    for seq, entry in enumerate(parsed):
        if entry is None:
            continue
        via, kind = entry["via"], own_type(entry)
        if "offset" in via:
            if kind is not None and kind not in _FROM_KAFKA:
                covers.findings.append(
                    Finding("bad-leaf", f"a ledger.{kind} entry claims to come from Kafka", seq)
                )
            slot, offset = (via["topic_id"], via["partition"]), via["offset"]
            covers.add(slot, offset, Cover(seq, kind or "entry"))
            if offset <= last.get(slot, -1):
                covers.findings.append(Finding("order", f"offset {offset} comes after {last[slot]}", seq))
            last[slot] = max(offset, last.get(slot, -1))
        elif kind == "events-duplicate":
            for cover in entry["event"]["data"]["covers"]:
                slot = cover["topic_id"], cover["partition"]
                for offset, of in zip(cover["offsets"], cover["seqs"], strict=True):
                    covers.add(slot, offset, Cover(seq, "duplicate", of=of))
        elif kind == "offsets-skipped":
            data = entry["event"]["data"]
            for offset in range(data["from"], data["to"]):
                covers.add(
                    (data["topic_id"], data["partition"]),
                    offset,
                    Cover(seq, "skipped", reason=data["reason"]),
                )
    return covers


def check_positions(
    covers: Covers, positions: Sequence[Position], partitions: Sequence[Partition]
) -> Iterator[Finding]:
    """From 0 to the position each offset once, nothing beyond, and the position at the partition's end."""
    known = {position.slot: position for position in positions}
    for slot in covers.by_slot.keys() - known.keys():
        yield Finding(
            "beyond-position", f"offsets of partition {slot[1]} of topic id {slot[0]} have no position"
        )
    for slot, position in known.items():
        covered: Mapping[int, list[Cover]] = covers.by_slot.get(slot, {})
        where = f"partition {slot[1]} of topic id {slot[0]}"
        for offset in range(position.next_offset):
            if offset not in covered:
                yield Finding("hole", f"offset {offset} of {where} is accounted for by nothing")
        for offset, each in sorted(covered.items()):
            if len(each) > 1:
                yield Finding(
                    "covered-twice",
                    f"offset {offset} of {where} is accounted for {len(each)} times",
                    each[-1].seq,
                )
            if offset >= position.next_offset:
                yield Finding(
                    "beyond-position", f"offset {offset} of {where} is beyond its position", each[0].seq
                )
    for partition in partitions:
        reached = known[partition.slot].next_offset if partition.slot in known else 0
        if reached != partition.end:
            yield Finding(
                "lag",
                f"partition {partition.partition} of {partition.topic}: at {reached} of {partition.end}",
            )


def check_records(
    covers: Covers, parsed: Sequence[dict[str, Any] | None], partitions: Sequence[Partition]
) -> Iterator[Finding]:
    """Each entry, duplicate and skip against the record that lies at its offset."""
    records = {partition.slot: partition for partition in partitions}
    taken: dict[tuple[str, str], tuple[int, Record]] = {}  # identity: where it was accepted
    contents: set[tuple[tuple[str, str], str]] = set()
    for slot, offset, cover in _in_ledger_order(covers):
        partition = records.get(slot)
        if partition is None:  # a topic that is no more: the journal alone can speak of it
            continue
        record = partition.records.get(offset)
        if cover.kind == "skipped":
            yield from _check_skip(partition, offset, cover)
        elif record is None:
            if offset >= partition.start:
                yield Finding("wrong-event", f"there is no committed record at offset {offset}", cover.seq)
        elif cover.kind == "duplicate":
            yield from _check_duplicate(records, parsed, cover, record)
        else:
            yield from _check_entry(parsed[cover.seq], partition, cover, record)
            if cover.kind != "event-rejected":
                yield from _check_identity(taken, contents, cover, record)


def _in_ledger_order(covers: Covers) -> list[tuple[SLOT, int, Cover]]:
    flat = [
        (slot, offset, cover)
        for slot, offsets in covers.by_slot.items()
        for offset, each in offsets.items()
        for cover in each
    ]
    return sorted(flat, key=lambda item: (item[2].seq, item[1]))


def _check_skip(partition: Partition, offset: int, cover: Cover) -> Iterator[Finding]:
    aborted = offset in partition.aborted
    if cover.reason in _INVISIBLE and offset in partition.records:
        yield Finding(
            "false-skip", f"offset {offset} holds a committed record, skipped as {cover.reason}", cover.seq
        )
    elif offset >= partition.start and aborted != (cover.reason == "aborted") and cover.reason in _INVISIBLE:
        was = "aborted" if aborted else "no record"
        yield Finding("false-skip", f"offset {offset} was {was}, and is skipped as {cover.reason}", cover.seq)


def _check_entry(
    entry: dict[str, Any] | None, partition: Partition, cover: Cover, record: Record
) -> Iterator[Finding]:
    if entry is None:
        return
    via, event = entry["via"], entry["event"]
    if via["topic"] != partition.topic or via["received"] != record.received:
        yield Finding("wrong-event", "topic or time of receipt is not that of the record", cover.seq)
    if cover.kind == "entry":
        source = record.identity[0] if record.identity else None
        said = event["source"] if event["source"] != _UNREGISTERED else source
        if (event["type"], said, event["time"]) != (record.type, source, record.time):
            yield Finding("wrong-event", "type, source or time is not that of the record", cover.seq)


def _check_duplicate(
    records: dict[SLOT, Partition], parsed: Sequence[dict[str, Any] | None], cover: Cover, record: Record
) -> Iterator[Finding]:
    """The entry that it is said to repeat must come first and hold the same event."""
    first = parsed[cover.of] if cover.of is not None and 0 <= cover.of < cover.seq else None
    if first is None or "offset" not in first["via"] or own_type(first) == "event-rejected":
        yield Finding("false-duplicate", f"entry {cover.of} is no event that could be repeated", cover.seq)
        return
    via = first["via"]
    partition = records.get((via["topic_id"], via["partition"]))
    original = partition.records.get(via["offset"]) if partition else None
    if original is not None and (record.identity is None or original.content != record.content):
        yield Finding("false-duplicate", f"entry {cover.of} holds another event", cover.seq)


def _check_identity(
    taken: dict[tuple[str, str], tuple[int, Record]],
    contents: set[tuple[tuple[str, str], str]],
    cover: Cover,
    record: Record,
) -> Iterator[Finding]:
    if record.identity is None or record.content is None:
        yield Finding("wrong-event", "the record is no event, and was not rejected", cover.seq)
        return
    earlier = taken.get(record.identity)
    if cover.kind == "entry":
        if earlier is not None:
            yield Finding("doubled", f"the event is already entry {earlier[0]}", cover.seq)
        taken.setdefault(record.identity, (cover.seq, record))
    elif earlier is None:
        yield Finding("false-conflict", "no event of this identity was accepted before", cover.seq)
    elif (record.identity, record.content) in contents:
        yield Finding(
            "doubled" if cover.kind == "entry" else "false-conflict",
            "the same content is already there",
            cover.seq,
        )
    contents.add((record.identity, record.content))


def check_acknowledged(
    covers: Covers, acknowledged: Sequence[Acknowledgement], partitions: Sequence[Partition]
) -> Iterator[Finding]:
    """Each acknowledged event is an entry, a rejection, a conflict or a duplicate; a skip is a loss."""
    records = {partition.slot: partition for partition in partitions}
    for each in acknowledged:
        where = f"{each.topic} {each.partition} offset {each.offset}"
        partition = records.get(each.slot)
        if partition is not None and each.offset >= partition.start:
            record = partition.records.get(each.offset)
            if record is None or record.digest != each.digest:
                yield Finding("broker-lost", f"Kafka no longer has what it acknowledged: {where}")
        offsets: Mapping[int, list[Cover]] = covers.by_slot.get(each.slot, {})
        found = offsets.get(each.offset, [])
        if not found:
            yield Finding("lost", f"acknowledged and not in the ledger: {where}")
        for cover in found:
            if cover.kind == "skipped":
                yield Finding("lost", f"acknowledged and skipped as {cover.reason}: {where}", cover.seq)
            elif (cover.kind == "event-rejected") == each.sound:
                verb = "rejected" if each.sound else "accepted"
                yield Finding(
                    "wrong-verdict", f"{verb}, which its producer did not expect: {where}", cover.seq
                )
