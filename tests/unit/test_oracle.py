"""The oracle is itself put to the test: it finds nothing in an honest log, and names each dishonesty."""

from __future__ import annotations

import ast
import base64
import copy
import hashlib
import itertools
import json
import struct
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracle import database, rfc6962, watch
from tests.oracle.broker import record_of
from tests.oracle.check import Judge, check
from tests.oracle.database import Snapshot
from tests.oracle.evidence import Evidence
from tests.oracle.journal import Journal, acknowledgement_line, head_line, read_acknowledgements, read_heads
from tests.oracle.observed import Acknowledgement, Head, Partition, Position, Record
from tests.oracle.synthetic import Mix, access, encode, events

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAQ"
TOPIC = "privacy.access"
OWN = "org.accountability-ledger.ledger."
ORIGIN = "ledger.example/log/test"


@dataclass
class World:
    """A small ledger and the Kafka it was fed from; `entries` are linked anew by `snapshot`."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    partitions: list[Partition] = field(default_factory=list)
    acknowledged: list[Acknowledgement] = field(default_factory=list)
    positions: dict[int, int] = field(default_factory=dict)
    batches: list[Head] = field(default_factory=list)

    def leaves(self) -> list[bytes]:
        """Linked as an operator would link them who wants them to look right."""
        linked, before = [], bytes(32)
        for seq, entry in enumerate(self.entries):
            prev = base64.urlsafe_b64encode(before).rstrip(b"=").decode()
            leaf = encode({**entry, "seq": seq, "prev": prev})
            linked.append(leaf)
            before = rfc6962.leaf_hash(leaf)
        return linked

    def snapshot(self) -> Snapshot:
        leaves = self.leaves()
        positions = [Position(TOPIC_ID, partition, at) for partition, at in self.positions.items()]
        return Snapshot(leaves, head_of(leaves), self.batches, positions)

    def codes(self, watched: list[Head] | None = None) -> set[str]:
        return {
            each.code for each in check(self.snapshot(), self.partitions, self.acknowledged, watched or [])
        }


def head_of(leaves: list[bytes]) -> Head:
    return Head(len(leaves), rfc6962.roots_at(leaves, [len(leaves)])[len(leaves)])


def leaf(event: dict[str, Any], via: dict[str, Any]) -> dict[str, Any]:
    public = {"type": event["type"], "source": event["source"], "time": event["time"], "data": event["data"]}
    return {
        "appended": "2026-11-22T10:00:00.000000Z",
        "event": public,
        "ledger": ORIGIN,
        "prev": "",
        "seg": 0,
        "seq": 0,
        "v": 1,
        "via": via,
        "who": [],
    }


def own(kind: str, data: dict[str, Any], via: dict[str, Any] | None = None) -> dict[str, Any]:
    event = {"type": f"{OWN}{kind}.v1", "source": ORIGIN, "time": "2026-11-22T10:00:00Z", "data": data}
    return leaf(event, via or {"api": "append"})


def via(partition: int, offset: int) -> dict[str, Any]:
    return {
        "topic": TOPIC,
        "topic_id": TOPIC_ID,
        "partition": partition,
        "offset": offset,
        "received": 1_000_000 + offset,
    }


@pytest.fixture
def world() -> World:
    """Partition 0: six events, a repetition of the second, poison, a conflict with the third, an aborted record and
    a marker. Partition 1: four events."""
    made = World()
    firsts = [access(number, number) for number in range(6)]
    values = [encode(event) for event in firsts]
    other = {**firsts[2], "data": {**firsts[2]["data"], "outcome": "denied"}}
    values += [values[1], b"{", encode(other)]
    seconds = [encode(access(number, number)) for number in range(10, 14)]
    for partition, contents, tail in ((0, values, 2), (1, seconds, 0)):
        records = {
            offset: record_of(offset, 1_000_000 + offset, value) for offset, value in enumerate(contents)
        }
        end = len(contents) + tail
        aborted = frozenset({9}) if tail else frozenset[int]()
        made.partitions.append(Partition(TOPIC, TOPIC_ID, partition, 0, end, records, aborted))
        made.positions[partition] = end
        for offset, record in records.items():
            source, name = record.identity or ("", "")
            made.acknowledged.append(
                Acknowledgement(
                    TOPIC,
                    TOPIC_ID,
                    partition,
                    offset,
                    source,
                    name,
                    record.digest,
                    record.identity is not None,
                )
            )
    for offset, event in enumerate(firsts):
        made.entries.append(leaf(event, via(0, offset)))
        if offset < len(seconds):
            made.entries.append(leaf(json.loads(seconds[offset]), via(1, offset)))
    refused = {"reason": "not-json", "digest": "x"}
    second = next(seq for seq, entry in enumerate(made.entries) if entry["via"] == via(0, 1))
    cover = {"topic": TOPIC, "topic_id": TOPIC_ID, "partition": 0, "offsets": [6], "seqs": [second]}
    made.entries.append(own("event-rejected", refused, via(0, 7)))
    made.entries.append(own("event-conflict", refused, via(0, 8)))
    made.entries.append(own("events-duplicate", {"covers": [cover]}))
    for offset, reason in ((9, "aborted"), (10, "transaction-marker")):
        skipped = {
            "topic": TOPIC,
            "topic_id": TOPIC_ID,
            "partition": 0,
            "from": offset,
            "to": offset + 1,
            "reason": reason,
        }
        made.entries.append(own("offsets-skipped", skipped))
    made.batches = [head_of(made.leaves()[:size]) for size in (1, 4, 7)]
    return made


def at(world: World, partition: int, offset: int) -> int:
    return next(seq for seq, entry in enumerate(world.entries) if entry["via"] == via(partition, offset))


def test_an_honest_log_gives_no_finding(world: World) -> None:
    watched = [head_of(world.leaves()[:size]) for size in (0, 3, 3, 8, len(world.entries))]
    assert check(world.snapshot(), world.partitions, world.acknowledged, watched) == []


# What a careless writer or a broken disk does: the bytes change, the claims stay.


def tampered(world: World, change: Callable[[list[bytes]], object]) -> set[str]:
    honest = world.snapshot()
    leaves = list(honest.leaves)
    change(leaves)
    return {each.code for each in check(replace(honest, leaves=leaves), world.partitions, world.acknowledged)}


def test_a_dropped_leaf_is_found(world: World) -> None:
    codes = tampered(world, lambda leaves: leaves.pop(3))
    assert {"sequence", "broken-link", "size", "bad-root", "not-a-prefix", "hole", "lost"} <= codes


def test_a_cut_tail_is_found(world: World) -> None:
    assert {"size", "bad-root", "hole"} <= tampered(world, lambda leaves: leaves.pop())


def test_a_doubled_leaf_is_found(world: World) -> None:
    codes = tampered(world, lambda leaves: leaves.insert(3, leaves[3]))
    assert {"sequence", "broken-link", "size", "bad-root", "order", "covered-twice", "doubled"} <= codes


def test_two_swapped_leaves_are_found(world: World) -> None:
    def swap(leaves: list[bytes]) -> None:
        leaves[2], leaves[3] = leaves[3], leaves[2]

    assert tampered(world, swap) >= {"sequence", "broken-link", "bad-root", "not-a-prefix"}


def test_an_altered_leaf_is_found(world: World) -> None:
    def alter(leaves: list[bytes]) -> None:
        leaves[2] = leaves[2].replace(b'"record_count":1', b'"record_count":2')

    before = world.leaves()[2]
    assert b'"record_count":1' in before
    assert tampered(world, alter) == {"broken-link", "bad-root", "not-a-prefix"}


def test_a_leaf_that_is_no_object_is_found(world: World) -> None:
    assert "bad-leaf" in tampered(world, lambda leaves: leaves.__setitem__(2, b"[]"))


# What a dishonest operator does: every claim of the database is made to fit again.


def test_an_entry_dropped_and_linked_over_is_lost(world: World) -> None:
    del world.entries[at(world, 1, 2)]
    world.entries[-3]["event"]["data"]["covers"][0]["seqs"] = [at(world, 0, 1)]
    world.batches = []
    assert world.codes() == {"hole", "lost"}


def test_an_entry_doubled_and_linked_in_is_found(world: World) -> None:
    world.entries.append(copy.deepcopy(world.entries[at(world, 1, 2)]))
    assert world.codes() == {"order", "covered-twice", "doubled"}


def test_two_entries_swapped_and_linked_over_are_out_of_order(world: World) -> None:
    first, second = at(world, 1, 1), at(world, 1, 2)
    world.entries[first], world.entries[second] = world.entries[second], world.entries[first]
    world.batches = []
    assert world.codes() == {"order"}


@pytest.mark.parametrize(
    ("key", "value"), [("type", "org.example.other.v1"), ("source", "x"), ("time", "2020-01-01T00:00:00Z")]
)
def test_an_event_altered_and_linked_over_is_not_its_record(world: World, key: str, value: str) -> None:
    world.entries[at(world, 1, 2)]["event"][key] = value
    world.batches = []
    assert world.codes() == {"wrong-event"}


@pytest.mark.parametrize(("key", "value"), [("topic", "privacy.rights"), ("received", 7)])
def test_an_altered_place_is_not_its_record(world: World, key: str, value: object) -> None:
    world.entries[at(world, 1, 2)]["via"][key] = value
    world.batches = []
    assert world.codes() == {"wrong-event"}


def test_a_log_written_anew_is_no_extension_of_what_was_watched(world: World) -> None:
    watched = [head_of(world.leaves()[:5])]
    world.batches = []
    world.entries[2]["event"]["data"]["_sd"] = ["other"]
    assert world.codes() == set()
    assert world.codes(watched) == {"not-a-prefix"}


def test_a_batch_that_is_no_prefix_is_found(world: World) -> None:
    world.batches.append(Head(5, bytes(32)))
    world.batches.append(Head(len(world.entries) + 1, bytes(32)))
    assert world.codes() == {"not-a-prefix"}


def test_a_head_that_goes_back_is_found(world: World) -> None:
    leaves = world.leaves()
    assert world.codes([head_of(leaves[:5]), head_of(leaves[:3])]) == {"head-went-back"}


# Offsets and duplicates


@pytest.mark.parametrize("back", [1, 2, 3])
def test_a_hole_is_found(world: World, back: int) -> None:
    """The skipped marker, the skipped abort, the covered duplicate: each gone."""
    del world.entries[-back]
    assert world.codes() == ({"hole", "lost"} if back == 3 else {"hole"})


def test_a_position_moved_forward_is_found(world: World) -> None:
    world.positions[1] += 1
    assert world.codes() == {"hole", "lag"}


def test_a_position_moved_back_is_found(world: World) -> None:
    world.positions[1] -= 1
    assert world.codes() == {"beyond-position", "lag"}


def test_a_position_that_vanished_is_found(world: World) -> None:
    del world.positions[1]
    assert world.codes() == {"beyond-position", "lag"}


def test_the_same_event_accepted_twice_is_found(world: World) -> None:
    original = world.entries[at(world, 0, 1)]
    world.entries[-3] = {**copy.deepcopy(original), "via": via(0, 6)}
    assert world.codes() == {"order", "doubled"}


def test_a_false_duplicate_is_found(world: World) -> None:
    covers = world.entries[-3]["event"]["data"]["covers"]
    for wrong in (at(world, 0, 2), at(world, 0, 7), len(world.entries) - 3, 10_000, -1):
        covers[0]["seqs"] = [wrong]
        assert world.codes() == {"false-duplicate"}, wrong


def test_an_event_called_a_duplicate_is_found(world: World) -> None:
    dropped = at(world, 1, 3)
    del world.entries[dropped]
    covers = world.entries[-3]["event"]["data"]["covers"]
    covers[0]["seqs"] = [at(world, 0, 1)]
    covers.append(
        {"topic": TOPIC, "topic_id": TOPIC_ID, "partition": 1, "offsets": [3], "seqs": [at(world, 0, 1)]}
    )
    world.batches = []
    assert world.codes() == {"false-duplicate"}


def test_a_record_skipped_as_a_marker_is_found(world: World) -> None:
    dropped = at(world, 0, 5)
    skipped = {
        "topic": TOPIC,
        "topic_id": TOPIC_ID,
        "partition": 0,
        "from": 5,
        "to": 6,
        "reason": "transaction-marker",
    }
    world.entries[dropped] = own("offsets-skipped", skipped)
    world.batches = []
    assert world.codes() == {"false-skip", "lost"}


def test_a_wrong_reason_for_a_skip_is_found(world: World) -> None:
    world.entries[-1]["event"]["data"]["reason"] = "aborted"
    assert world.codes() == {"false-skip"}


def test_a_sound_event_rejected_is_found(world: World) -> None:
    world.entries[at(world, 1, 1)] = own("event-rejected", {"reason": "time", "digest": "x"}, via(1, 1))
    world.batches = []
    assert world.codes() == {"wrong-verdict"}


def test_poison_accepted_is_found(world: World) -> None:
    world.entries[at(world, 0, 7)] = {**copy.deepcopy(world.entries[0]), "via": via(0, 7)}
    assert {"wrong-event", "wrong-verdict"} <= world.codes()


def test_a_conflict_with_nothing_is_found(world: World) -> None:
    world.entries[at(world, 1, 1)] = own("event-conflict", {"reason": "conflict", "digest": "x"}, via(1, 1))
    world.batches = []
    assert world.codes() == {"false-conflict"}


def test_an_entry_without_a_record_is_found(world: World) -> None:
    world.entries[-1] = leaf(access(1, 1), via(0, 10))
    assert world.codes() == {"wrong-event"}


def test_a_broker_that_lost_its_word_is_found(world: World) -> None:
    record: Record = world.partitions[1].records[2]
    world.partitions[1].records[2] = replace(record, digest=hashlib.sha256(b"other").hexdigest())
    assert world.codes() == {"broker-lost"}


# Its parts


def test_the_tree_is_that_of_rfc_6962() -> None:
    """The roots over 0 to 8 leaves that certificate-transparency's own test data give."""
    leaves = [
        bytes.fromhex(text)
        for text in (
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        )
    ]
    roots = rfc6962.roots_at(leaves, range(9))
    assert roots[0].hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert roots[1].hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert roots[3].hex() == "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"
    assert roots[8].hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


@given(st.lists(st.binary(max_size=4), max_size=40))
def test_roots_follow_the_definition(leaves: list[bytes]) -> None:
    """Section 2.1 word for word: split at the largest power of two below n."""

    def root(part: list[bytes]) -> bytes:
        if not part:
            return hashlib.sha256().digest()
        if len(part) == 1:
            return hashlib.sha256(b"\0" + part[0]).digest()
        split = 1 << (len(part) - 1).bit_length() - 1
        return hashlib.sha256(b"\1" + root(part[:split]) + root(part[split:])).digest()

    sizes = range(len(leaves) + 1)
    assert rfc6962.roots_at(leaves, sizes) == {size: root(leaves[:size]) for size in sizes}


def test_a_journal_line_that_was_cut_off_does_not_count(tmp_path: Path) -> None:
    acknowledgement = Acknowledgement(TOPIC, TOPIC_ID, 0, 1, "oracle", "id", "digest")
    path = tmp_path / "journal"
    with Journal(path) as journal:
        journal.write([acknowledgement_line(acknowledgement)])
        journal.write([acknowledgement_line(replace(acknowledgement, offset=2))])
    path.write_bytes(path.read_bytes()[:-5])
    assert read_acknowledgements(path) == [acknowledgement]


def test_heads_come_back_from_their_file(tmp_path: Path) -> None:
    heads = [Head(1, bytes(32)), Head(2, b"\1" * 32)]
    path = tmp_path / "heads"
    with Journal(path) as journal:
        journal.write(map(head_line, heads))
    assert read_heads(path) == heads


def test_binary_copy_is_read() -> None:
    """In pieces of any size."""
    rows = b"".join(struct.pack(">hi", 1, len(value)) + value for value in (b"one", b"", b"three"))
    copied = b"PGCOPY\n\xff\r\n\0" + bytes(8) + rows + b"\xff\xff"
    for size in (1, 7, len(copied)):
        column = database.Column()
        pieces = [copied[at : at + size] for at in range(0, len(copied), size)]
        assert [value for piece in pieces for value in column.feed(piece)] == [b"one", b"", b"three"]
        assert column.ended
    with pytest.raises(ValueError, match="binary COPY"):
        list(database.Column().feed(b"text, and more than a header of it"))


def test_evidence_in_a_file_gives_the_same_findings(world: World, tmp_path: Path) -> None:
    """As the soak judges a log that does not fit in memory: record by record, the aborted known by their being seen."""
    snapshot = world.snapshot()
    with Evidence(tmp_path / "evidence") as evidence:
        judge = Judge(evidence, snapshot.claims, [])
        for each in world.acknowledged[1:]:
            evidence.add_acknowledgement(each)
        for partition in world.partitions:
            evidence.add_partition(replace(partition, records={}, aborted=frozenset()))
            for record in partition.records.values():
                evidence.add_record(partition.slot, record)
            for offset in sorted(partition.aborted | partition.records.keys()):
                evidence.add_visible(partition.slot, offset)
        for each_leaf in snapshot.leaves[:-1]:
            judge.take(each_leaf)
        assert {each.code for each in judge.findings()} == {"size", "bad-root", "hole"}


def test_a_checkpoint_is_read() -> None:
    note = (
        b"ledger.example/log/test\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n\xe2\x80\x94 name sig\n"
    )
    assert watch.parse_checkpoint(note) == Head(7, bytes(32))
    with pytest.raises(ValueError, match="checkpoint"):
        watch.parse_checkpoint(b"ledger.example/log/test\n7\n")


def test_both_kafka_modes_of_an_event_have_one_content() -> None:
    event = {**access(1, 1), "sequence": 5}
    headers = [(f"ce_{name}", str(value).encode()) for name, value in event.items() if name != "data"]
    structured = record_of(0, 0, encode(event))
    binary = record_of(1, 0, encode(event["data"]), headers)
    assert structured.identity == binary.identity == (event["source"], event["id"])
    assert structured.content == binary.content
    assert structured.digest != binary.digest


def test_what_is_made_up_has_the_mix_that_was_asked_for() -> None:
    made = list(events(2000, 7, Mix(duplicates=100, conflicts=50, poison=20)))
    sound = [each for each in made if each.sound]
    identities = {(each.source, each.id) for each in sound}
    values = {each.value for each in sound}
    assert len(made) == 2000
    assert 20 <= len(made) - len(sound) <= 70
    assert len(identities) < len(values) < len(sound)
    keys: dict[str, bytes] = {}
    assert all(keys.setdefault(each.id, each.key) == each.key for each in sound), "one event, one partition"
    for earlier, later in itertools.pairwise(events(20, 3)):
        assert earlier.id != later.id


def test_the_oracle_imports_nothing_of_ours() -> None:
    """In a process of its own, with every module of the oracle loaded."""
    names = [
        f"tests.oracle.{path.stem}"
        for path in sorted((ROOT / "tests/oracle").glob("*.py"))
        if path.stem[0] != "_"
    ]
    assert len(names) >= 9
    program = (
        f"import importlib, sys\nfor name in {names}: importlib.import_module(name)\nprint(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()
    assert "tests.oracle.check" in loaded
    assert not {
        name for name in loaded if name.split(".")[0] in {"accountability_ledger", "ledger", "streams"}
    }


def test_the_oracle_imports_the_standard_library_and_two_clients() -> None:
    allowed = {"tests", "confluent_kafka", "asyncpg"} | set(sys.stdlib_module_names)
    for path in (ROOT / "tests/oracle").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [name.name for name in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or "relative"]
            for name in names:
                assert name.split(".")[0] in allowed, (path.name, name)
                assert not name.startswith("tests") or name.startswith("tests.oracle"), (path.name, name)
