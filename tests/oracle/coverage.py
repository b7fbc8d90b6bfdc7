"""Kafka against the ledger: every offset accounted for once, every acknowledged event in the ledger once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.oracle.evidence import Cover
from tests.oracle.observed import SLOT, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.oracle.evidence import Covered, Evidence, Place, Seen

_OWN_TYPE = re.compile(r"(?:.*\.)?ledger\.([a-z-]+)(?:\.v\d+)?")
_FROM_KAFKA = {"event-rejected", "event-conflict"}
_UNREGISTERED = "unregistered"  # stands for a source that no register knows: its name is sealed
_INVISIBLE = {"transaction-marker", "aborted", "compacted"}


def own_type(entry: dict[str, Any]) -> str | None:
    """The short name of a type of the ledger's own (`event-rejected`), None for an event of a service."""
    match = _OWN_TYPE.fullmatch(entry["event"]["type"])
    return match[1] if match else None


class Collector:
    """Takes leaf by leaf what each says that it accounts for; finds a wrong order of `via` within a partition."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._last: dict[SLOT, int] = {}

    def take(self, seq: int, entry: dict[str, Any] | None) -> Iterator[Finding]:
        if entry is None:
            return
        via, kind = entry["via"], own_type(entry)
        if "offset" in via:
            yield from self._take_entry(seq, entry, kind)
        elif kind == "events-duplicate":
            for cover in entry["event"]["data"]["covers"]:
                slot = cover["topic_id"], cover["partition"]
                for offset, of in zip(cover["offsets"], cover["seqs"], strict=True):
                    self._evidence.add_cover(slot, offset, Cover(seq, "duplicate", of=of))
        elif kind == "offsets-skipped":
            data = entry["event"]["data"]
            for offset in range(data["from"], data["to"]):
                self._evidence.add_cover(
                    (data["topic_id"], data["partition"]),
                    offset,
                    Cover(seq, "skipped", reason=data["reason"]),
                )

    def _take_entry(self, seq: int, entry: dict[str, Any], kind: str | None) -> Iterator[Finding]:
        via, event = entry["via"], entry["event"]
        if kind is not None and kind not in _FROM_KAFKA:
            yield Finding("bad-leaf", f"a ledger.{kind} entry claims to come from Kafka", seq)
        slot, offset = (via["topic_id"], via["partition"]), via["offset"]
        cover = Cover(
            seq,
            kind or "entry",
            topic=via["topic"],
            received=via["received"],
            type=event["type"],
            source=event["source"],
            time=event["time"],
        )
        self._evidence.add_cover(slot, offset, cover)
        if offset <= self._last.get(slot, -1):
            yield Finding("order", f"offset {offset} comes after {self._last[slot]}", seq)
        self._last[slot] = max(offset, self._last.get(slot, -1))


def check_positions(evidence: Evidence) -> Iterator[Finding]:
    """From 0 to the position each offset once, nothing beyond, and the position at the partition's end."""
    for place in evidence.places():
        where = f"partition {place.partition} of topic id {place.topic_id}"
        position = place.position or 0
        expected = 0
        for offset, times, first, last in evidence.counted(place):
            for hole in range(expected, min(offset, position)):
                yield Finding("hole", f"offset {hole} of {where} is accounted for by nothing")
            expected = offset + 1
            if times > 1:
                yield Finding(
                    "covered-twice", f"offset {offset} of {where} is accounted for {times} times", last
                )
            if offset >= position:
                yield Finding("beyond-position", f"offset {offset} of {where} is beyond its position", first)
        for hole in range(expected, position):
            yield Finding("hole", f"offset {hole} of {where} is accounted for by nothing")
        if place.end is not None and position != place.end:
            yield Finding(
                "lag", f"partition {place.partition} of {place.topic}: at {position} of {place.end}"
            )


def check_records(evidence: Evidence) -> Iterator[Finding]:
    """Each entry, duplicate and skip against the record that lies at its offset."""
    for each in evidence.covered():
        if each.place.start is None:  # a topic that is no more: the journal alone can speak of it
            continue
        if each.cover.kind == "skipped":
            yield from _check_skip(each, each.place.start)
        elif each.record is None:
            if each.offset >= each.place.start:
                yield Finding(
                    "wrong-event", f"there is no committed record at offset {each.offset}", each.cover.seq
                )
        elif each.cover.kind == "duplicate":
            yield from _check_duplicate(evidence, each.cover, each.record)
        else:
            yield from _check_entry(each.place, each.cover, each.record)


def _check_skip(each: Covered, start: int) -> Iterator[Finding]:
    offset, cover = each.offset, each.cover
    if cover.reason in _INVISIBLE and each.record is not None:
        yield Finding(
            "false-skip", f"offset {offset} holds a committed record, skipped as {cover.reason}", cover.seq
        )
    elif offset >= start and each.aborted != (cover.reason == "aborted") and cover.reason in _INVISIBLE:
        was = "aborted" if each.aborted else "no record"
        yield Finding("false-skip", f"offset {offset} was {was}, and is skipped as {cover.reason}", cover.seq)


def _check_entry(place: Place, cover: Cover, record: Seen) -> Iterator[Finding]:
    if (cover.topic, cover.received) != (place.topic, record.received):
        yield Finding("wrong-event", "topic or time of receipt is not that of the record", cover.seq)
    if cover.kind == "entry":
        said = record.source if cover.source == _UNREGISTERED else cover.source
        if (cover.type, said, cover.time) != (record.type, record.source, record.time):
            yield Finding("wrong-event", "type, source or time is not that of the record", cover.seq)


def _check_duplicate(evidence: Evidence, cover: Cover, record: Seen) -> Iterator[Finding]:
    """The entry that it is said to repeat must come first and hold the same event."""
    first = evidence.repeated(cover.of) if cover.of is not None and 0 <= cover.of < cover.seq else None
    if first is None or first[0] == "event-rejected":
        yield Finding("false-duplicate", f"entry {cover.of} is no event that could be repeated", cover.seq)
        return
    original = first[1]
    if original is not None and (record.identity is None or original.content != record.content):
        yield Finding("false-duplicate", f"entry {cover.of} holds another event", cover.seq)


def check_identities(evidence: Evidence) -> Iterator[Finding]:
    """An event is accepted once; what has its name and another content is a conflict, each content once."""
    name: bytes | None = None
    accepted: int | None = None
    contents: set[bytes] = set()
    for seq, kind, identity, content in evidence.events():
        if identity is None or content is None:
            yield Finding("wrong-event", "the record is no event, and was not rejected", seq)
            continue
        if identity != name:
            name, accepted = identity, None
            contents.clear()
        if kind == "entry":
            if accepted is not None:
                yield Finding("doubled", f"the event is already entry {accepted}", seq)
            else:
                accepted = seq
        elif accepted is None:
            yield Finding("false-conflict", "no event of this identity was accepted before", seq)
        elif content in contents:
            yield Finding("false-conflict", "the same content is already there", seq)
        contents.add(content)


def check_acknowledged(evidence: Evidence) -> Iterator[Finding]:
    """Each acknowledged event is an entry, a rejection, a conflict or a duplicate; a skip is a loss."""
    before = None
    for number, place, offset, digest, sound, there, cover in evidence.promised():
        where = f"{place.topic or place.topic_id} {place.partition} offset {offset}"
        if number != before and place.start is not None and offset >= place.start and there != digest:
            yield Finding("broker-lost", f"Kafka no longer has what it acknowledged: {where}")
        before = number
        if cover is None:
            yield Finding("lost", f"acknowledged and not in the ledger: {where}")
        elif cover.kind == "skipped":
            yield Finding("lost", f"acknowledged and skipped as {cover.reason}: {where}", cover.seq)
        elif (cover.kind == "event-rejected") == sound:
            verb = "rejected" if sound else "accepted"
            yield Finding("wrong-verdict", f"{verb}, which its producer did not expect: {where}", cover.seq)
