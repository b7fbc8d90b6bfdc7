from __future__ import annotations

import json
from typing import Any

import pytest

from accountability_ledger.accept import accept
from accountability_ledger.catalog import BY_SHORT
from accountability_ledger.errors import REASONS, Refused
from accountability_ledger.moment import microseconds
from accountability_ledger.restricted_json import canonical
from tests.unit.sdk.samples import ANN, BEN, CRM, STAFF, accessed, complete, encoded, event, smallest


def reason(value: bytes | None, **how: Any) -> str:
    with pytest.raises(Refused) as refused:
        accept(value, **how)
    return refused.value.reason


def persons(data: dict[str, Any], short: str = "data.accessed") -> list[tuple[str, str]]:
    return [(person.role, person.identifier) for person in accept(encoded(event(short, data))).persons]


@pytest.mark.parametrize("short", sorted(BY_SHORT))
def test_the_smallest_and_the_complete_event_of_every_type_are_accepted(short: str) -> None:
    for data in (smallest(BY_SHORT[short]), complete(BY_SHORT[short])):
        sent = event(short, data)
        accepted = accept(encoded(sent), topic=BY_SHORT[short].topic)
        assert accepted.type is BY_SHORT[short]
        assert accepted.canonical == canonical(sent)
        assert accepted.data == data
        assert accepted.attributes == {name: value for name, value in sent.items() if name != "data"}


@pytest.mark.parametrize("short", sorted(BY_SHORT))
def test_each_required_field_is_missed_and_every_other_field_unknown(short: str) -> None:
    data = smallest(BY_SHORT[short])
    for name in BY_SHORT[short].shape.required:
        without = {key: value for key, value in data.items() if key != name}
        assert reason(encoded(event(short, without))) == "missing-field"
    assert reason(encoded(event(short, {**data, "seq": 7}))) == "unknown-field"
    assert reason(encoded(event(short, {**data, "actor": {**STAFF, "name": "Ann"}}))) == "unknown-field"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"specversion": "0.3"}, "envelope"),
        ({"specversion": 1}, "envelope"),
        ({"id": ""}, "envelope"),
        ({"id": None}, "envelope"),
        ({"id": "x" * 257}, "envelope"),
        ({"source": "my crm"}, "envelope"),
        ({"subject": ANN}, "envelope"),
        ({"prev": "x"}, "envelope"),
        ({"data_base64": "e30="}, "envelope"),
        ({"dataschema": "event.json"}, "envelope"),
        ({"datacontenttype": "text/plain"}, "envelope"),
        ({"sequence": "-1"}, "envelope"),
        ({"sequence": True}, "envelope"),
        ({"sequence": "\u0667"}, "envelope"),
        ({"data": []}, "envelope"),
        ({"data": None}, "envelope"),
        ({"time": 1}, "envelope"),
        ({"type": "org.accountability-ledger.data.accessed.v2"}, "unknown-type"),
        ({"type": "org.accountability-ledger.ledger.queried.v1"}, "unknown-type"),
        ({"type": "data.accessed"}, "unknown-type"),
        ({"time": "2026-10-01T09:30:00+00:00"}, "time"),
        ({"time": "2016-12-31T23:59:60Z"}, "time"),
        ({"recordedtime": "yesterday"}, "time"),
    ],
)
def test_a_bad_envelope_is_refused(changes: dict[str, Any], expected: str) -> None:
    assert reason(encoded({**event("data.accessed", accessed()), **changes})) == expected


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type", "time", "data"])
def test_an_envelope_misses_none_of_its_attributes(name: str) -> None:
    sent = event("data.accessed", accessed())
    del sent[name]
    assert reason(encoded(sent)) == "envelope"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (accessed(operation="peek"), "wrong-value"),
        (accessed(outcome=True), "wrong-value"),
        (accessed(processing_role="Controller"), "wrong-value"),
        (accessed(actor={"id": "user:a", "kind": "robot"}), "wrong-value"),
        (accessed(actor={"id": "user:a"}), "missing-field"),
        (accessed(purpose=7), "wrong-value"),
        (accessed(purpose="x" * 257), "wrong-value"),
        (accessed(record_count=-1), "wrong-value"),
        (accessed(subjects="email:ann@example.eu"), "wrong-value"),
        (accessed(subjects=["email:nobody"]), "wrong-value"),
        (accessed(subjects=[]), "missing-field"),
        (accessed(subjects=None), "missing-field"),
        (accessed(population={"dataset": "d", "record_count": 3}), "wrong-value"),
        (accessed(corrects={"source": "crm"}), "missing-field"),
        (accessed(subjects=[ANN, " email:ANN@Example.eu"]), "duplicate-subject"),
        (accessed(subjects=[f"id:{number}" for number in range(256)]), "too-many-persons"),
        (accessed(subjects=None, operation="peek", who="x"), "unknown-field"),
        (accessed(subjects=None, operation="peek"), "missing-field"),
        (accessed(subjects=[ANN, ANN], operation="peek"), "wrong-value"),
    ],
)
def test_bad_data_is_refused_for_its_first_fault(data: dict[str, Any], expected: str) -> None:
    assert reason(encoded(event("data.accessed", data))) == expected


@pytest.mark.parametrize(
    ("short", "changes", "expected"),
    [
        ("identity.linked", {"subjects": [ANN]}, "wrong-value"),
        ("identity.linked", {"subjects": [ANN, BEN, "id:3"]}, "wrong-value"),
        ("identity.linked", {"subjects": [ANN, "email:ANN@example.eu"]}, "duplicate-subject"),
        ("consent.withdrawn", {"subjects": []}, "missing-field"),
        ("consent.given", {"valid": None}, "missing-field"),
        ("consent.given", {"expires": "2023-02-29"}, "wrong-value"),
        ("breach.detected", {"aware_at": "2026-10-01"}, "wrong-value"),
        ("child.detected", {"age_band": "under 12"}, "wrong-value"),
        ("child.detected", {"age_band": "0-12\n"}, "wrong-value"),
        ("retention.rule_set", {"period": "P"}, "wrong-value"),
        ("retention.rule_set", {"period": "PT"}, "wrong-value"),
        ("assessment.recorded", {"kind": "TIA", "outcome": "passed"}, "wrong-value"),
        ("processing_contract.concluded", {"parties": ["parley"]}, "wrong-value"),
        ("recipient.registered", {"recipient_id": ANN}, "wrong-value"),
        ("recording.joined", {"participants": [ANN, ANN]}, "duplicate-subject"),
        ("import.declared", {"from": "2026-02-30T00:00:00Z"}, "wrong-value"),
    ],
)
def test_each_type_has_conditions_of_its_own(short: str, changes: dict[str, Any], expected: str) -> None:
    data = {**smallest(BY_SHORT[short]), **changes}
    assert reason(encoded(event(short, {k: v for k, v in data.items() if v is not None}))) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"legal_basis": "A6-1-z"},
        {"special_basis": "?"},
        {"source_country": "Atlantis"},
        {"data_categories": ["no.such.category"]},
        {"purpose": "unheard_of"},
        {"reason_code": "because"},
    ],
)
def test_values_of_standards_and_registers_are_left_to_the_rules(changes: dict[str, Any]) -> None:
    assert accept(encoded(event("data.accessed", accessed(**changes)))).data == accessed(**changes)


def test_a_type_belongs_on_its_topic() -> None:
    value = encoded(event("data.accessed", accessed()))
    assert reason(value, topic="privacy.sharing") == "wrong-topic"
    assert accept(value, topic="privacy.access").type.short == "data.accessed"


def test_five_minutes_ahead_of_the_broker_are_tolerated_and_not_a_microsecond_more() -> None:
    received_ms = microseconds("2026-10-01T09:30:00Z") // 1000
    on_time = event("data.accessed", accessed(), time="2026-10-01T09:35:00.000000Z")
    too_early = event("data.accessed", accessed(), time="2026-10-01T09:35:00.000001Z")
    assert accept(encoded(on_time), received_ms=received_ms).attributes["time"] == on_time["time"]
    assert reason(encoded(too_early), received_ms=received_ms) == "future"
    assert accept(encoded(too_early)).type.short == "data.accessed"


def test_persons_are_listed_in_slot_order() -> None:
    data = {
        "actor": {"id": "user:agent", "kind": "agent", "on_behalf_of": "email:BOSS@example.com"},
        "recipient_id": "phone:+49 30 123456",
        "subjects": [BEN, ANN],
        "processing_role": "controller",
        "purpose": "p",
        "data_categories": [],
        "disclosure_id": "d",
        "channel": "email",
        "side": "source",
    }
    accepted = accept(encoded(event("data.disclosed", data)))
    assert [(person.role, person.identifier, person.path) for person in accepted.persons] == [
        ("subject", BEN, ("subjects", 0)),
        ("subject", ANN, ("subjects", 1)),
        ("recipient", "phone:+4930123456", ("recipient_id",)),
        ("actor", "user:agent", ("actor", "id")),
        ("actor", "email:boss@example.com", ("actor", "on_behalf_of")),
    ]


def test_services_and_organisations_are_not_persons() -> None:
    assert persons(accessed(actor={**CRM, "on_behalf_of": "acme"})) == [("subject", ANN)]
    assert persons({"share_id": "s", "recipient_id": "acme", "actor": STAFF}, "share.granted") == [
        ("actor", "user:staff")
    ]
    assert persons({"recording_id": "r", "participants": [BEN]}, "recording.joined") == [("participant", BEN)]


def test_a_person_in_two_roles_has_two_slots() -> None:
    assert persons(accessed(actor={"id": ANN, "kind": "customer"})) == [("subject", ANN), ("actor", ANN)]


def test_256_persons_fit_and_257_do_not() -> None:
    many = [f"id:{number}" for number in range(255)]
    assert len(persons(accessed(subjects=many))) == 256
    assert (
        reason(encoded(event("data.accessed", accessed(subjects=[*many, "id:last"])))) == "too-many-persons"
    )


@pytest.mark.parametrize(
    ("attributes", "data", "expected"),
    [
        ({}, {}, None),
        ({"sequence": "1"}, {"assurance": "observed", "record_count": 3}, None),
        ({}, {"actor": CRM}, None),
        ({}, {"justification": "because"}, "no-owner"),
        ({}, {"source_ip": "192.0.2.1"}, "no-owner"),
        ({}, {"corrects": {"source": "crm", "id": "1"}}, None),
        ({"correlationid": "c"}, {}, "no-owner"),
        ({"traceparent": "00-1-1-00"}, {}, "no-owner"),
        ({"dataref": "https://example.com/d"}, {}, "no-owner"),
        ({"correlationid": "c"}, {"justification": "because", "actor": STAFF}, None),
        ({"correlationid": "c"}, {"justification": "because", "actor": CRM}, "no-owner"),
    ],
)
def test_what_must_be_sealed_needs_somebody_to_seal_it_for(
    attributes: dict[str, Any], data: dict[str, Any], expected: str | None
) -> None:
    value = encoded(event("source.heartbeat", data, **attributes))
    if expected is None:
        assert accept(value).data == data
    else:
        assert reason(value) == expected


def test_an_integer_sequence_and_its_digits_are_one_event() -> None:
    as_integer = accept(encoded(event("data.accessed", accessed(), sequence=12)))
    as_text = accept(encoded(event("data.accessed", accessed(), sequence="12")))
    assert as_integer == as_text
    assert as_integer.attributes["sequence"] == "12"


def test_white_space_and_the_order_of_keys_make_no_difference() -> None:
    sent = event("data.accessed", accessed())
    plain = accept(canonical(sent))
    assert accept(b"\r\n " + json.dumps(dict(reversed(sent.items())), indent=2).encode() + b"\t") == plain


def binary(sent: dict[str, Any], **changes: bytes) -> list[tuple[str, bytes]]:
    headers = {f"ce_{name}": str(value).encode() for name, value in sent.items() if name != "data"}
    return [*{**headers, "content-type": b"application/json", **changes}.items()]


def test_the_binary_form_is_the_same_event() -> None:
    sent = event("data.accessed", accessed(resource="Zürich"), sequence="7", correlationid="Größe %41")
    structured = accept(encoded(sent))
    assert accept(encoded(sent["data"]), headers=binary(sent)) == structured
    assert accept(encoded({**sent, "datacontenttype": "application/json"})) == structured
    assert structured.attributes["correlationid"] == "Größe %41"


def test_a_structured_event_may_have_headers() -> None:
    value = encoded(event("data.accessed", accessed()))
    headers = [("content-type", b"application/cloudevents+json; charset=utf-8"), ("trace", b"\xff")]
    assert accept(value, headers=headers) == accept(value)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"ce_id": b""}, "envelope"),
        ({"ce_id": b"\xff"}, "not-utf8"),
        ({"ce_id": b"a\0b"}, "string"),
        ({"ce_subject": b"email:ann@example.eu"}, "envelope"),
        ({"ce_specversion": b"2.0"}, "envelope"),
        ({"content-type": b"application/avro"}, "envelope"),
        ({"content-type": b"application/cloudevents-batch+json"}, "envelope"),
        ({f"x{number}": b"" for number in range(10_000)}, "envelope"),
    ],
)
def test_bad_headers_are_refused(changes: dict[str, bytes], expected: str) -> None:
    sent = event("data.accessed", accessed())
    assert reason(encoded(sent["data"]), headers=binary(sent, **changes)) == expected


def test_a_header_counts_once() -> None:
    sent = event("data.accessed", accessed())
    assert reason(encoded(sent["data"]), headers=[*binary(sent), ("ce_id", b"2")]) == "envelope"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "empty"),
        (b"", "empty"),
        (b"null", "envelope"),
        (b"[]", "envelope"),
        (b'"x"', "envelope"),
        (canonical(event("data.accessed", accessed())).replace(b'"read"', b'"read","store":1.5'), "number"),
        (canonical(event("data.accessed", accessed())).replace(b'"read"', rb'"r\u0000"'), "string"),
        (canonical(event("data.accessed", accessed(record_count=2**53))), "number"),
        (canonical(event("data.accessed", accessed(_sd=["x"]))), "key-name"),
        (encoded(event("data.accessed", accessed(resource="x" * 50_000))), "too-large"),
    ],
)
def test_what_is_not_restricted_json_is_refused_before_its_meaning_is_judged(
    value: bytes | None, expected: str
) -> None:
    assert reason(value) == expected


def test_right_to_left_and_decomposed_text_is_kept_as_sent() -> None:
    data = accessed(resource="e\u0301\u202eabc")
    assert accept(encoded(event("data.accessed", data))).data["resource"] == "e\u0301\u202eabc"


def test_no_message_repeats_what_was_sent() -> None:
    marker = "zanzibar"
    bad = [
        event("data.accessed", accessed(operation=marker)),
        event("data.accessed", accessed(**{marker: 1})),
        event("data.accessed", accessed(subjects=[f"email:{marker}"])),
        event("data.accessed", accessed(), **{marker: marker}),
        event("data.accessed", accessed(), time=marker),
        event("data.accessed", accessed(), type=marker),
        event("consent.given", {**smallest(BY_SHORT["consent.given"]), "expires": marker}),
        event("data.accessed", accessed(actor={**STAFF, marker: marker})),
    ]
    for sent in bad:
        with pytest.raises(Refused) as refused:
            accept(encoded(sent))
        assert marker not in str(refused.value)
        assert refused.value.__cause__ is None
        assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_a_reason_is_one_of_the_list() -> None:
    with pytest.raises(ValueError, match="REASONS"):
        Refused("strange", "x")
    assert len(set(REASONS)) == len(REASONS) == 21
