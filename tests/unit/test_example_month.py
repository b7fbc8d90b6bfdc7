"""The example month: the same for ever, accepted or refused as it says of itself, and with everyone in it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tracemalloc
from collections import Counter
from datetime import date
from functools import cache
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from accountability_ledger.accept import accept
from accountability_ledger.errors import Refused
from accountability_ledger.fields import Registered, Vocabulary
from accountability_ledger.identifier import is_typed
from accountability_ledger.vocabulary import VOCABULARIES
from ledger.core.registered import RegisteredKeys, registrations
from ledger.example.line import milliseconds, rfc3339
from ledger.example.malformed import OF_EACH, REASONS
from ledger.example.month import generate, short_name, summarise, write
from ledger.example.persons import PROTAGONISTS
from ledger.example.wrongdoing import REGISTERED_LATER, UNREGISTERED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.example.line import GeneratedLine

START = milliseconds("2026-10-01")
END = "2026-10-31"
RECEIVED = milliseconds("2026-11-02T09:00:00Z")
SMALL: dict[str, Any] = {"seed": 1, "days": 3, "persons": 20}
SMALL_SHA256 = "efdacb735c41f7a09b638553e279c4cd19e0216170e74fd1f6af912aa56ae02e"


@cache
def the_month() -> tuple[GeneratedLine, ...]:
    return tuple(generate())


def appended() -> Iterator[dict[str, Any]]:
    for line in the_month():
        if line.expect == "appended":
            event = orjson.loads(line.value)
            yield event | {"short": short_name(line.value), "wave": line.wave}


def test_a_small_month_has_the_pinned_bytes() -> None:
    assert summarise(generate(**SMALL)).sha256 == SMALL_SHA256


def test_the_bytes_do_not_depend_on_the_order_of_sets() -> None:
    program = f"from ledger.example.month import *; print(summarise(generate(**{SMALL!r})).sha256)"
    for hash_seed in ("1", "4242"):
        environment = os.environ | {
            "PYTHONHASHSEED": hash_seed,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "TZ": "Asia/Tokyo",
        }
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == SMALL_SHA256


def test_another_seed_is_another_month() -> None:
    assert summarise(generate(**{**SMALL, "seed": 2})).sha256 != SMALL_SHA256


def test_the_file_holds_the_values_and_nothing_else() -> None:
    out = io.BytesIO()
    written = write(out, **SMALL)
    lines = tuple(generate(**SMALL))
    assert out.getvalue() == b"".join(line.value + b"\n" for line in lines)
    assert written == summarise(lines)
    assert written.lines == len(out.getvalue().splitlines())
    assert written.bytes == len(out.getvalue())
    assert sum(written.expected.values()) == written.lines == sum(written.waves.values())


def test_every_line_is_accepted_or_refused_as_it_says() -> None:
    for line in the_month():
        try:
            accept(line.value, topic=line.topic, received_ms=RECEIVED)
            reason = None
        except Refused as refused:
            reason = refused.reason
        assert (reason, line.expect == "rejected") == (line.reason, reason is not None), line.value[:400]


def test_identities_tell_duplicates_and_conflicts() -> None:
    """What a ledger that reads the lines in order would make of them."""
    seen: dict[tuple[str, str], set[bytes]] = {}
    for line in the_month():
        if line.expect == "rejected":
            continue
        event = accept(line.value, received_ms=RECEIVED)
        known = seen.setdefault((event.attributes["source"], event.attributes["id"]), set())
        found = "appended" if not known else "duplicate" if event.canonical in known else "conflict"
        assert found == line.expect
        known.add(event.canonical)


def test_duplicates_come_byte_for_byte_and_written_otherwise() -> None:
    kinds = Counter(
        "same" if line.value in originals else "spaced" if line.value.startswith(b" ") else "reordered"
        for originals in ({line.value for line in the_month() if line.expect != "duplicate"},)
        for line in the_month()
        if line.expect == "duplicate"
    )
    assert set(kinds) == {"same", "spaced", "reordered"}
    assert kinds["same"] > kinds["spaced"]


def test_a_few_lines_of_each_malformed_kind() -> None:
    rejected = Counter(line.reason for line in the_month() if line.expect == "rejected")
    assert set(rejected) == set(REASONS)
    assert all(count >= OF_EACH for count in rejected.values())
    assert rejected.total() < len(the_month()) / 100


def test_waves_come_one_after_the_other_and_the_month_in_order_of_time() -> None:
    waves = [line.wave for line in the_month()]
    assert waves == sorted(waves)
    assert set(waves) == {0, 1, 2}
    times = [event["time"] for event in appended() if event["wave"] == 1]
    assert times == sorted(times)


def test_everything_lies_before_the_end_and_numbers_have_one_hole() -> None:
    events = list(appended())
    assert max(event["time"] for event in events) < END
    assert all(event["recordedtime"] >= event["time"] for event in events)
    numbers = [int(event["sequence"]) for event in events if "sequence" in event]
    assert [after - before for before, after in pairwise(numbers) if after != before + 1] == [2]


def test_declared_backfills_cover_every_source_but_the_forms() -> None:
    events = list(appended())
    declared = {
        event["data"]["of_source"]: (event["data"]["from"], event["data"]["to"])
        for event in events
        if event["short"] == "import.declared"
    }
    undeclared = {event["source"] for event in events if event["source"] not in declared}
    assert undeclared == {"forms"}
    assert all(
        declared[event["source"]][0] <= event["time"] < declared[event["source"]][1]
        for event in events
        if event["source"] in declared
    )


def test_the_protagonists_have_a_story() -> None:
    of_clara = [
        event for event in appended() if PROTAGONISTS.regulators_person in event["data"].get("subjects", ())
    ]
    assert len(of_clara) > 30
    assert {"data.accessed", "data.transferred", "consent.withdrawn", "rights.fulfilled"} <= {
        event["short"] for event in of_clara
    }
    of_tobias = [
        event for event in appended() if PROTAGONISTS.erased_person in event["data"].get("subjects", ())
    ]
    assert {event["data"]["target_id"] for event in of_tobias if event["short"].startswith("erasure.")} == {
        "primary",
        "nightly",
        "cloud1",
        "deskhand",
    }


def test_the_compromised_night() -> None:
    opens, closes = (rfc3339(at) for at in PROTAGONISTS.compromised_window(START))
    assert opens == "2026-10-03T01:00:00.000Z"
    acts = [
        event
        for event in appended()
        if event["data"].get("actor", {}).get("id") == PROTAGONISTS.investigators_account
    ]
    outcomes = [event["data"]["outcome"] for event in acts if event["short"] == "data.accessed"]
    refusals = outcomes.index("allowed")
    assert refusals > 10
    assert set(outcomes[refusals:]) == {"allowed"}
    assert len(acts) > 1_500
    assert all(opens <= event["time"] < closes for event in acts)
    assert {event["data"]["source_country"] for event in acts} == {"SC"}
    reached = {subject for event in acts for subject in event["data"]["subjects"]}
    assert {PROTAGONISTS.regulators_person, PROTAGONISTS.erased_person} < reached
    assert len(reached) > 100
    assert any(
        event["data"].get("operation") == "export" and len(event["data"]["subjects"]) > 20 for event in acts
    )


def test_counts_by_type_are_those_of_a_company() -> None:
    types = Counter(event["short"] for event in appended())
    assert 20_000 < types.total() < 30_000
    assert types["recording.started"] == types["recording.stopped"]
    assert (
        types["data.accessed"]
        > types["data.collected"]
        > types["data.disclosed"]
        > types["recording.started"]
        > 200
    )
    assert types["share.granted"] > types["share.revoked"] > 50
    assert len(types) > 60


def test_people_work_by_day_and_seldom_at_weekends() -> None:
    by_customers = [
        event["time"] for event in appended() if event["data"].get("actor", {}).get("kind") == "customer"
    ]
    hours = Counter(int(time[11:13]) for time in by_customers)
    assert hours[14] > 10 * max(1, hours[2])
    weekdays = Counter(date.fromisoformat(time[:10]).weekday() for time in by_customers)
    assert weekdays[1] > 5 * weekdays[6]


def test_whoever_is_recorded_where_all_must_agree_has_agreed() -> None:
    """Of all who are present at the start or join, two persons alone did not, or not any more."""
    agreed: set[tuple[str, str]] = set()
    without: set[str] = set()
    for event in sorted(appended(), key=lambda event: event["time"]):
        data = event["data"]
        if event["short"] == "consent.given" and "recording" in data["purposes"]:
            agreed |= {(person, data.get("controller_id", "parley")) for person in data["subjects"]}
        if event["short"] in {"recording.started", "recording.joined"} and data["jurisdiction"] != "US-NY":
            without |= {
                person for person in data["participants"] if (person, data["controller_id"]) not in agreed
            }
    assert without == {"email:unasked@example.eu"}


def test_only_the_named_keys_are_unregistered() -> None:
    keys = RegisteredKeys()
    unknown: set[tuple[str, str]] = set()
    for line in the_month():
        if line.expect != "appended":
            continue
        event = accept(line.value)
        keys.add(registrations(event))
        for field in event.type.fields:
            for value in _values(event.data, field.path):
                if not isinstance(value, str) or is_typed(value):
                    continue
                match field.rule:
                    case Registered(section, also):
                        known = keys.has(section, value) or (also is not None and keys.has(also, value))
                    case Vocabulary(name):
                        known = value in VOCABULARIES.get(name, ()) or keys.has(name, value)
                    case _:
                        known = True
                if not known:
                    unknown.add((field.path[-1], value))
    assert unknown == UNREGISTERED | REGISTERED_LATER


def test_services_that_act_are_registered_systems() -> None:
    registered = {
        event["data"]["key"]
        for event in appended()
        if event["short"] == "register.row_set" and event["data"]["section"] == "sources"
    }
    events = list(appended())
    acting = {
        event["data"]["actor"]["id"]
        for event in events
        if event["data"].get("actor", {}).get("kind") == "service"
    }
    assert acting <= registered
    assert {event["source"] for event in events} <= registered


def test_addresses_are_of_reserved_domains() -> None:
    addresses = {
        person
        for event in appended()
        for person in (*event["data"].get("subjects", ()), *event["data"].get("participants", ()))
        if person.startswith("email:")
    }
    assert len(addresses) > 200
    assert all(address.endswith(("example.com", "example.eu", ".example")) for address in addresses)


def test_corrections_name_an_event_of_the_same_source() -> None:
    events = list(appended())
    known = {(event["source"], event["id"]): event["short"] for event in events if event["wave"] == 1}
    corrections = [event for event in events if "corrects" in event["data"]]
    assert len(corrections) > 8
    for event in corrections:
        corrected = event["data"]["corrects"]
        assert event["wave"] == 2
        assert corrected["source"] == event["source"]
        assert known[corrected["source"], corrected["id"]] == event["short"]


def test_memory_does_not_grow_with_the_month() -> None:
    lines = generate(persons=400, days=300)
    for _ in islice(lines, 4_000):
        pass
    tracemalloc.start()
    try:
        for _ in islice(lines, 2_000):
            pass
        early = tracemalloc.get_traced_memory()[0]
        for _ in islice(lines, 10_000):
            pass
        late = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert late < early + 2_000_000, "ten thousand lines are six megabytes"


@pytest.mark.parametrize(
    "numbers",
    [{"days": 0}, {"persons": 0}, {"rate": -1.0}, {"rate": float("nan")}, {"start": date(2020, 1, 1)}],
)
def test_numbers_that_make_no_month_are_refused(numbers: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="give at least"):
        generate(**numbers)


def _values(node: Any, path: tuple[str, ...]) -> Iterator[Any]:
    if isinstance(node, list):
        for item in node:
            yield from _values(item, path)
    elif not path:
        yield node
    elif isinstance(node, dict) and path[0] in node:
        yield from _values(node[path[0]], path[1:])
