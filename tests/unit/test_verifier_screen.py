"""The screen itself. That it finds right exactly what has no verdict is held in every test of the verifier, by
`StoredLog.problems`; here is what that does not show: how it gets there, and that no border of stretches is believed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from ledger.core import leaf as leaf_format
from ledger.core import own
from ledger.core.chain import SEGMENT_LEAVES
from ledger.core.verifier import screen as screens
from ledger.core.verifier.block import ROLES, microseconds
from ledger.core.verifier.leaf_form import LeafForm, are_hashes, hash_texts
from ledger.core.verifier.read_leaf import hash_text
from ledger.core.verifier.stretch import DAY, Doubt, Joiner, Run, Stretch, partial_nodes, topics_of
from tests.unit.verifier_edits import LARGE, SMALL, log_of
from tests.unit.verifier_logs import ORIGIN, LogWriter
from tests.unit.verifier_screen import block_of, stretches_of

if TYPE_CHECKING:
    from tests.unit.verifier_logs import StoredLog


def test_leaves_of_events_are_put_together_and_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading a leaf takes several times as long; it is for the ledger's own entries, and where links are gone."""
    read: list[int] = []
    reading = screens.Screen.read

    def noted(self: Any, entry: Any, *rest: Any) -> int:
        read.append(entry[0])
        return reading(self, entry, *rest)

    monkeypatch.setattr(screens.Screen, "read", noted)
    writer = LogWriter()
    for turn in range(100):
        writer.event(*("ann", "bob", "cem")[: turn % 4])
        writer.anonymous_event()
        writer.commit()
    stretches = list(stretches_of(writer.log, ORIGIN, step=256, width=1 << 20, roots={}))
    assert [stretch.end for stretch in stretches] == [200]
    assert read == [0]  # which begins the first segment


def test_hash_texts_are_those_of_one_hash_each() -> None:
    digests = [bytes([at]) * 32 for at in range(256)]
    texts = hash_texts(digests)
    assert [text.decode() for text in texts] == [hash_text(each) for each in digests]
    assert are_hashes(texts)
    assert hash_texts([]) == []


@pytest.mark.parametrize(
    "wrong", [b"", b"A" * 42, b"A" * 44, b"A" * 42 + b"B", b"A" * 42 + b"\n", b"+" + b"A" * 42]
)
@pytest.mark.parametrize("at", [0, 3, 7])
def test_one_text_that_is_no_hash(wrong: bytes, at: int) -> None:
    texts = hash_texts([bytes(32)] * 8)
    texts[at] = wrong
    assert not are_hashes(texts)


def test_texts_whose_lengths_make_up_for_each_other() -> None:
    assert not are_hashes([b"A" * 42, b"A" * 44])
    assert not are_hashes([b"A" * 20 + b"\n" + b"A" * 22])


def test_the_longest_segment() -> None:
    assert Run(0, 10, 5, 10 + SEGMENT_LEAVES - 1, 5 + DAY - 1).holds()
    assert not Run(0, 10, 5, 10 + SEGMENT_LEAVES, 5).holds()
    assert not Run(0, 10, 5, 11, 5 + DAY).holds()
    assert timedelta(hours=24) // timedelta(microseconds=1) == DAY


def test_partial_nodes_are_the_binary_parts_of_a_count() -> None:
    rows = [[f"{level}/{at}".encode() for at in range(256 >> level)] for level in range(9)]
    assert partial_nodes(rows, 0) == []
    assert partial_nodes(rows, 1) == [b"0/0"]
    assert partial_nodes(rows, 7) == [b"2/0", b"1/2", b"0/6"]
    assert partial_nodes(rows, 255) == [b"7/0", b"6/2", b"5/6", b"4/14", b"3/30", b"2/62", b"1/126", b"0/254"]
    assert partial_nodes(rows, 256) == [b"8/0"]


@pytest.fixture
def log() -> StoredLog:
    return log_of(LARGE)


@pytest.fixture
def parts(log: StoredLog) -> list[Stretch]:
    return list(stretches_of(log, ORIGIN, step=256, width=256, roots={}))


def joined(log: StoredLog, parts: list[Stretch]) -> bytes:
    joiner = Joiner()
    for part in parts:
        joiner.add(part, hash_text(joiner.last_hash))
    return joiner.finish(log.head, ORIGIN, log.slices[-1].slice, log.intake)


def test_stretches_join_to_the_log(log: StoredLog, parts: list[Stretch]) -> None:
    assert len(parts) == 3
    assert joined(log, parts) == log.head.root


def changes(part: Stretch, log: StoredLog) -> dict[str, Any]:
    """For each field of a stretch a value that is not its own."""
    key = next(row.key_id.bytes for row in log.links if row.seq >= part.start)
    run = part.last_run
    return {
        "start": part.start - 256,
        "end": part.end + 256,
        "first_prev": hash_text(b"\1" * 32),
        "last_hash": bytes(32),
        "before": [bytes(32), *part.before[1:]],
        "after": [bytes(32), *part.after[1:]],
        "first_run": msgspec.structs.replace(part.first_run, seg=part.first_run.seg + 2),
        "last_run": msgspec.structs.replace(run, seg=run.seg + 2),
        "first_j": {**part.first_j, key: part.first_j.get(key, 0) + 2},
        "last_j": {**part.last_j, key: part.last_j.get(key, 0) + 7},
        "erasures": msgspec.structs.replace(part.erasures, unlinked=10**6),
        "missing": [*part.missing, (part.start, part.start + 1)],
        "covered": part.covered[1:],
    }


@pytest.mark.parametrize("name", ["start", "end", "first_prev", "last_hash", "before", "after", "first_run", "first_j", "last_j", "erasures", "missing", "covered"])  # fmt: skip
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_border_that_does_not_fit_is_in_doubt(
    log: StoredLog, parts: list[Stretch], name: str, at: int
) -> None:
    if (name, at) in {("before", 0), ("last_j", 2)}:
        return  # nothing is before the first stretch, and none after the last
    parts[at] = msgspec.structs.replace(parts[at], **{name: changes(parts[at], log)[name]})
    with pytest.raises(Doubt):
        joined(log, parts)


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_a_stretch_left_out_is_in_doubt(log: StoredLog, parts: list[Stretch], gone: int) -> None:
    del parts[gone]
    with pytest.raises(Doubt):
        joined(log, parts)


@pytest.mark.parametrize("left", [0, 1, 255])
def test_a_block_without_all_its_entries_is_in_doubt(log: StoredLog, left: int) -> None:
    screen = screens.Screen(0, [], origin=ORIGIN, topics=topics_of(log.intake), roots={})
    block = block_of(log, 0, 256)
    with pytest.raises(Doubt):
        screen.block(block._replace(entries=block.entries[:left]))


SOURCE, TIME = b'"source":"app",', b'"time":"2026-01-01T09:00:00.5Z"'


def fits(time: bytes, moment: datetime, source: bytes = SOURCE) -> bool:
    """Whether a leaf in which `source` and `time` stand in the places of SOURCE and TIME, beside a column of this moment,
    is found right.
    """
    log = log_of(SMALL)
    entries = block_of(log, 0, 64).entries
    seq = next(entry[0] for entry in entries if TIME in entry[8] and b'"n":' not in entry[8])
    parsed = leaf_format.parse(entries[seq][8])
    form = LeafForm(ORIGIN, topics_of(log.intake))
    roles = bytes(ROLES.index(slot["r"]) for slot in parsed["who"])
    digests = tuple(slot["s"].encode() for slot in parsed["who"])
    leaf = entries[seq][8].replace(SOURCE + TIME, source + time)
    entry = (*entries[seq][:2], microseconds(moment), *entries[seq][3:8], leaf)
    return form.fits(entry, parsed["prev"].encode(), parsed["seg"], roles, digests) == () and form.settle()


@pytest.mark.parametrize("seconds", ["00", "59"])
@pytest.mark.parametrize("fraction", ["", ".5", ".050", ".999", ".000", ".123456"])
def test_times_of_any_precision(seconds: str, fraction: str) -> None:
    text = f"2026-02-28T23:59:{seconds}{fraction}Z"
    moment = datetime.fromisoformat(text)
    time = b'"time":"%b"' % text.encode()
    assert fits(time, moment)
    for away in (
        timedelta(microseconds=1),
        timedelta(milliseconds=1),
        timedelta(hours=1),
        timedelta(days=-1),
    ):
        assert not fits(time, moment + away)


@pytest.mark.parametrize(
    "time",
    [
        b'"time":"2026-01-01T09:00:00.50Z "',
        b'"time":"2026-01-01T09:00:00.5 0Z"',
        b'"time":"2026-01-01 09:00:00.500Z"',
        b'"time":"2026-01-01T09:00:00.500z"',
        b'"time":"2026-01-01T08:60:00.500Z"',
        b'"time":"2026-01-01T08:59:60.500Z"',
        b'"time":"2026-01-01T24:00:00.500Z"',
        b'"time":"2026-01-01T09:00:00.5000000Z"',
        b'"time":"2026-01-01T09:00:00,500Z"',
        b'"time": "2026-01-01T09:00:00.500Z"',
        b'"tine":"2026-01-01T09:00:00.500Z"',
        b'"time":"\n,"source":"app","time":"2026-01-01T09:00:00.500Z"',
        b'"time":"","time":"2026-01-01T09:00:00.500Z"',
        b'"time":"\\"2026-01-01T09:00:00.500Z"',
    ],
)
def test_what_is_not_a_time_of_an_event(time: bytes) -> None:
    assert not fits(time, datetime(2026, 1, 1, 9, microsecond=500_000, tzinfo=UTC))


@pytest.mark.parametrize(
    ("source", "right"),
    [
        (SOURCE, True),
        (b'"recordedtime":"","source":"app",', True),
        (b'"dataschema":"a","id":"b","recordedtime":"c","sequence":"1","source":"app",', True),
        (b'"sequence":"1","recordedtime":"c","source":"app",', False),
        (b'"source":"a\tp",', False),
        (b'"source":"a\np",', False),
        (b'"source":"app","source":"app",', False),
        (b'"source":"app",\n"source":"app",', False),
        (b"", False),
    ],
)
def test_what_stands_before_a_time(source: bytes, right: bool) -> None:
    moment = datetime(2026, 1, 1, 9, microsecond=500_000, tzinfo=UTC)
    for time in (TIME, TIME.replace(b".5Z", b".500Z")):
        assert fits(time, moment, source) is right


def test_clock_that_moves_between_stretches_where_no_batch_ends(log: StoredLog, parts: list[Stretch]) -> None:
    late = parts[1].last_run.ended + 1
    parts[1].last_batch = 300
    parts[2].first_run = msgspec.structs.replace(parts[2].first_run, began=late, ended=late)
    with pytest.raises(Doubt):
        joined(log, parts)


def test_erasures_of_one_stretch_explain_slots_of_those_before(log: StoredLog) -> None:
    writer = LogWriter()
    for _ in range(300):
        writer.event("ann", "bob")
        writer.commit()
    writer.erase("ann")
    writer.commit()
    assert writer.log.problems() == []
    assert [verdict for verdict, _ in writer.log.problems(step=512)] == []
    kept = [row for row in writer.log.links if row.seq != 150]
    writer.log.links = kept
    assert {verdict for verdict, _ in writer.log.problems()} == {"changed-link"}


def test_links_of_the_erased_that_are_back() -> None:
    writer = LogWriter()
    for _ in range(4):
        writer.event("ann", "bob")
    writer.commit()
    links = writer.log.links.copy()
    gone = [row for row in links if row.slot == 0]
    writer.log.links = [row for row in links if row.slot != 0]
    writer.own_entry("ledger.person-erased", {"keys": 1, "linked": 1})
    writer.event("cem")
    writer.commit()
    assert writer.log.problems() == []
    writer.log.links = sorted([*writer.log.links, *gone])
    assert writer.log.problems() == [("erased-returned", None)]
    assert own.type_name("ledger.person-erased") in {row.type for row in writer.log.entries}
