"""From event to leaf and back: what was sealed opens to the very event, and nothing sealed stands in clear."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import rfc8785
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accountability_ledger.accept import accept
from accountability_ledger.catalog import BY_SHORT, EVENT_TYPES
from accountability_ledger.errors import Refused
from accountability_ledger.fields import Sealed
from accountability_ledger.restricted_json import canonical
from ledger.core.disclosure import parse as parse_disclosure
from ledger.core.entry import draft, fits
from ledger.core.leaf import MAX_LEAF_BYTES, largest
from ledger.core.merkle import leaf_hash
from ledger.core.registered import RegisteredKeys, registrations
from ledger.core.seal import SealBroken, associated_data, unseal
from ledger.example.month import generate
from tests.unit.entry.persons import ORIGIN, VIA, as_sent, key_of, linked, opened, prepared, unsealed
from tests.unit.sdk.samples import complete, encoded, event, smallest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accountability_ledger.accept import Event
    from accountability_ledger.fields import Rule
    from ledger.core.chain import LinkedEntry
    from ledger.core.entry import Draft

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
NOTHING = RegisteredKeys()
ATTRIBUTES = {"correlationid": "c-77", "traceparent": "00-ab", "dataref": "urn:x:y", "sequence": "12"}


class EveryText(set[str]):
    def __contains__(self, value: object) -> bool:
        return isinstance(value, str)

    def issuperset(self, values: Iterable[Any]) -> bool:
        return all(isinstance(value, str) for value in values)


class Everything(RegisteredKeys):
    """A register that knows every key."""

    def has(self, section: str, value: Any) -> bool:
        return bool(section) and isinstance(value, str)

    def shown(self, rule: Rule) -> set[str]:
        return EveryText({str(rule)})


def linked_one(drafted: Draft) -> LinkedEntry:
    return linked([prepared(drafted)], NOW)[0]


def strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in strings(each)]


def check_round_trip(accepted: Event, registered: RegisteredKeys) -> None:
    """The entry of this event is canonical, hides what is sealed, and opens to the event."""
    drafted = draft(accepted, registered)
    one = linked_one(drafted)
    assert rfc8785.dumps(msgspec.json.decode(one.leaf)) == one.leaf
    assert canonical(as_sent(accepted, *opened(one))) == canonical(normalised(accepted))
    check_hidden(drafted, one)


def normalised(accepted: Event) -> dict[str, Any]:
    """The event as it was sent, its persons in their one spelling."""
    sent: dict[str, Any] = msgspec.json.decode(canonical({**accepted.attributes, "data": accepted.data}))
    for person in accepted.persons:
        *parents, last = person.path
        place: Any = sent["data"]
        for name in parents:
            place = place[name]
        place[last] = person.identifier
    return sent


def check_hidden(drafted: Draft, one: LinkedEntry) -> None:
    """No sealed text of more than three characters, and no identifier, stands in the leaf, unless the very same text
    stands in a public field of its own right.
    """
    public = set(strings(drafted.event))
    sealed = {text for value in drafted.sealed for text in strings(value.value)}
    sealed |= {identifier for _, identifier in drafted.persons}
    sealed |= {identifier.partition(":")[2] for _, identifier in drafted.persons}
    for text in sealed - public:
        if len(text) > 3 and not any(text in shown for shown in public):
            assert canonical(text)[1:-1] not in one.leaf


@pytest.mark.parametrize("registered", [NOTHING, Everything()], ids=["nothing known", "everything known"])
@pytest.mark.parametrize("short", sorted(BY_SHORT))
def test_every_type_opens_to_the_event_that_was_sealed(short: str, registered: RegisteredKeys) -> None:
    for data in (smallest(BY_SHORT[short]), complete(BY_SHORT[short])):
        check_round_trip(accept(encoded(event(short, data, **ATTRIBUTES))), registered)


def test_who_is_not_asked_stays_sealed() -> None:
    """The actor's key opens the actor's fields, the subject's the subject's; neither tells who the other is."""
    data = complete(BY_SHORT["data.accessed"]) | {
        "subjects": ["email:ann@example.eu"],
        "actor": {"id": "user:staff", "kind": "employee"},
        "source_ip": "192.0.2.7",
        "case_id": "c-1",
    }
    accepted = accept(encoded(event("data.accessed", data)))
    one = linked_one(draft(accepted, Everything()))
    of_actor, actor = opened(one, ["user:staff"])
    of_subject, subject = opened(one, ["email:ann@example.eu"])
    assert (actor, subject) == ({1: "user:staff"}, {0: "email:ann@example.eu"})
    assert of_actor["data"]["source_ip"] == "192.0.2.7"
    assert "source_ip" not in of_subject["data"]
    assert "id" in of_subject
    assert "id" not in of_actor


OWNERS = [
    (["subjects", "participants", "recipient_id", "actor"], ["subject"]),
    (["participants", "recipient_id", "actor"], ["participant"]),
    (["actor"], ["actor"]),
]


@pytest.mark.parametrize(("present", "owners"), OWNERS)
def test_without_a_subject_the_next_one_owns(present: list[str], owners: list[str]) -> None:
    persons = {
        "subjects": ["email:a@example.eu"],
        "participants": ["email:b@example.eu"],
        "actor": {"id": "user:staff", "kind": "employee"},
    }
    data = {"recording_id": "rec-1"} | {name: persons[name] for name in present if name in persons}
    if "participants" not in data:
        data["participants"] = []
    accepted = accept(encoded(event("recording.started", smallest(BY_SHORT["recording.started"]) | data)))
    one = linked_one(draft(accepted, Everything()))
    holders = {
        slot.role
        for slot in one.slots
        if any(parse_disclosure(text).name == "data.recording_id" for text in unsealed(slot))
    }
    assert holders == set(owners)


def test_a_services_fields_belong_to_every_subject() -> None:
    data = smallest(BY_SHORT["data.accessed"]) | {
        "subjects": ["email:a@example.eu", "email:b@example.eu"],
        "actor": {"id": "crm", "kind": "service"},
        "source_ip": "192.0.2.7",
    }
    one = linked_one(draft(accept(encoded(event("data.accessed", data))), Everything()))
    assert [slot.role for slot in one.slots] == ["subject", "subject"]
    for owner in ("email:a@example.eu", "email:b@example.eu"):
        assert opened(one, [owner])[0]["data"]["source_ip"] == "192.0.2.7"


def test_a_persons_value_is_never_anothers() -> None:
    """The list of subjects is not a field of any of them: each blob tells one identity."""
    data = smallest(BY_SHORT["data.accessed"]) | {
        "subjects": ["email:a@example.eu", "email:b@example.eu"],
        "actor": {"id": "user:staff", "kind": "employee", "on_behalf_of": "user:boss"},
    }
    one = linked_one(draft(accept(encoded(event("data.accessed", data))), Everything()))
    for owner in ("email:a@example.eu", "email:b@example.eu", "user:staff", "user:boss"):
        assert list(opened(one, [owner])[1].values()) == [owner]


def test_a_blob_opens_for_no_other_slot() -> None:
    data = smallest(BY_SHORT["data.accessed"]) | {
        "subjects": ["user:x"],
        "actor": {"id": "user:x", "kind": "employee"},
    }
    one = linked_one(draft(accept(encoded(event("data.accessed", data))), Everything()))
    subject, actor = one.slots
    assert (subject.j, actor.j) == (1, 2)
    with pytest.raises(SealBroken):
        unseal(key_of("user:x").cipher, subject.blob, associated_data(ORIGIN, "actor"))
    with pytest.raises(SealBroken):
        unseal(key_of("user:x").cipher, actor.blob, associated_data("ledger.example/log/eu", "actor"))


def test_without_anyone_what_must_be_sealed_is_refused() -> None:
    beat = event("source.heartbeat", {"coverage": complete(BY_SHORT["source.heartbeat"])["coverage"]})
    assert draft(accept(encoded(beat)), Everything()).event["id"] == beat["id"]
    rule = event("recipient.removed", {"recipient_id": "acme"})
    assert draft(accept(encoded(rule)), NOTHING).persons == ()
    told = event("notice.communicated", {"version": "7", "audience": "users"})
    with pytest.raises(Refused, match="register the values first"):
        draft(accept(encoded(told)), NOTHING)


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)
VALUES = st.fixed_dictionaries(
    {
        "subjects": st.lists(
            TEXTS.map(lambda text: "id:x" + text.strip()), min_size=1, max_size=5, unique=True
        ),
        "purpose": TEXTS,
        "data_categories": st.lists(TEXTS, min_size=1, max_size=4),
    },
    optional={
        "justification": TEXTS,
        "case_id": TEXTS,
        "source_ip": TEXTS,
        "session_id": TEXTS,
        "corrects": st.fixed_dictionaries({"source": TEXTS, "id": TEXTS}),
        "store": TEXTS,
        "record_count": st.integers(0, 2**53 - 1),
        "notice_version": TEXTS,
    },
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(VALUES, st.sets(TEXTS, max_size=4))
def test_any_accepted_access_opens_to_itself(values: dict[str, Any], known: set[str]) -> None:
    """Whatever the texts are: among them control characters, other scripts, quotation marks, `unregistered` itself."""
    data = smallest(BY_SHORT["data.accessed"]) | values
    try:
        accepted = accept(encoded(event("data.accessed", data)))
    except Refused:
        return
    registered = RegisteredKeys(
        (section, key) for section in ("purposes", "sources", "stores") for key in known
    )
    check_round_trip(accepted, registered)


@cache
def month() -> tuple[Event, ...]:
    """The accepted events of a small month, in order."""
    found = []
    for line in generate(seed=5, days=12, persons=25):
        try:
            found.append(accept(line.value))
        except Refused:
            continue
    return tuple(found)


def test_the_example_month_opens_to_itself_and_shows_nothing_sealed() -> None:
    """In every leaf of it: no identifier of anyone in the month, no sealed text."""
    registered = RegisteredKeys()
    everyone = {person.identifier for accepted in month() for person in accepted.persons}
    names = {each.partition(":")[2] for each in everyone} | everyone
    assert len(everyone) > 25
    seen: set[str] = set()
    for accepted in month():
        check_round_trip(accepted, registered)
        leaf = linked_one(draft(accepted, registered)).leaf
        shown = " ".join(strings(msgspec.json.decode(leaf)["event"]))
        assert not [name for name in names if len(name) > 3 and name in shown]
        registered.add(registrations(accepted))
        seen.add(accepted.type.short)
    assert len(seen) > 40


def test_the_size_is_foretold_and_is_a_bound() -> None:
    """`fits` says what `prepare` does, for events at the limit and everywhere else."""
    refused = taken = 0
    for count in (1, 200, 230, 240, 256):
        for categories in (1, 100, 200, 300, 900):
            data = smallest(BY_SHORT["data.accessed"]) | {
                "subjects": [f"id:{number}" for number in range(count - 1)],
                "actor": {"id": "user:staff", "kind": "employee"},
                "data_categories": ["x"] * categories,
            }
            if count == 1:
                data["subjects"] = ["id:0"]
            drafted = draft(accept(encoded(event("data.accessed", data))), NOTHING)
            if not fits(drafted, VIA, ORIGIN):
                with pytest.raises(Refused, match="too large"):
                    linked_one(drafted)
                refused += 1
                continue
            one = linked_one(drafted)
            roles = [slot.role for slot in one.prepared.slots]
            assert len(one.leaf) <= largest(one.prepared.event, VIA, ORIGIN, roles) <= MAX_LEAF_BYTES
            taken += 1
    assert refused
    assert taken


def test_nothing_small_can_be_too_large() -> None:
    """The worker does not even ask about events below a size: the worst of them, whatever its type, fits."""
    from streams.prepare import _SURELY_SMALL  # noqa: PLC0415

    names = [chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"\\']
    short = names + [a + b for a in "abc" for b in names]
    worst = 0
    for count in (1, 64, 128, 200, 255):
        data = smallest(BY_SHORT["recording.started"])
        data |= {"participants": short[:count], "actor": {"id": "a", "kind": "guest"}, "data_categories": []}
        sent = event("recording.started", data, source="s", id="i", time="2026-01-01T00:00:00Z")
        while len(encoded(sent)) < _SURELY_SMALL:
            sent["data"]["data_categories"].append("y")
            sent["data"]["data_categories"] = sent["data"]["data_categories"][:1024]
        accepted = accept(encoded(sent))
        via = VIA.replace(b"1790000000000", b"9007199254740991").replace(
            b'"offset":7', b'"offset":9007199254740991'
        )
        via = via.replace(b"privacy.access", b"p" * 249)
        drafted = draft(accepted, NOTHING)
        assert fits(drafted, via, "o" * 239)
        worst = max(worst, count)
    assert worst == 255


def test_every_rule_of_every_type_is_judged() -> None:
    """No field of any type is public by oversight: whatever is neither ruled public nor known is sealed."""
    for found in EVENT_TYPES.values():
        sealed = {".".join(field.path) for field in found.fields if isinstance(field.rule, Sealed)}
        accepted = accept(encoded(event(found.short, complete(found))))
        names = {value.name.removeprefix("data.") for value in draft(accepted, Everything()).sealed}
        assert sealed & {path for path in sealed if path in _paths(accepted.data)} <= names


def _paths(data: Any, path: tuple[str, ...] = ()) -> set[str]:
    if not isinstance(data, dict):
        return {".".join(path)}
    return {".".join(path)} | {each for name, inner in data.items() for each in _paths(inner, (*path, name))}


def test_the_same_event_never_gives_the_same_bytes_twice() -> None:
    drafted = draft(accept(encoded(event("data.accessed", complete(BY_SHORT["data.accessed"])))), NOTHING)
    one, two = (linked_one(drafted) for _ in range(2))
    assert leaf_hash(one.leaf) != leaf_hash(two.leaf)
    digests = [msgspec.json.decode(each.leaf)["event"]["data"]["_sd"] for each in (one, two)]
    assert digests[0] == sorted(digests[0])
    assert not set(digests[0]) & set(digests[1])
    assert not {slot.blob for slot in one.slots} & {slot.blob for slot in two.slots}
