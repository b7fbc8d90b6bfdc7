from __future__ import annotations

import pytest

from accountability_ledger.catalog import ATTRIBUTE_RULES, BY_SHORT, EVENT_TYPES, TOPICS, full_name
from accountability_ledger.fields import Owner, Person, Public, Registered, Sealed, Vocabulary

TOPIC_OF = {
    "privacy.access": "data.collected data.accessed data.anonymised recording.started recording.joined recording.left"
    " recording.stop_requested recording.stopped decision.automated",
    "privacy.sharing": "data.disclosed share.granted share.revoked authority.requested authority.answered"
    " business_transfer.disclosed",
    "privacy.transfer": "data.transferred",
    "privacy.consent": "consent.requested consent.given consent.refused consent.withdrawn consent.renewed"
    " consent.invalidated objection.raised objection.upheld objection.overruled marketing.unsubscribed",
    "privacy.rights": "rights.received rights.identity_requested rights.identity_verified rights.clarification_requested"
    " rights.clarified rights.extended rights.forwarded rights.fulfilled rights.declined rights.withdrawn"
    " erasure.executed erasure.failed erasure.acknowledged recipient.told restriction.placed restriction.lifted"
    " rectification.executed portability.delivered identity.linked identity.unlinked account.blocked child.detected"
    " special_category.detected complaint.received complaint.concluded",
    "privacy.governance": "notice.published notice.communicated party.registered recipient.registered"
    " recipient.changed recipient.removed store.registered importer.certified importer.lapsed mechanism.adopted"
    " mechanism.suspended mechanism.invalidated instruction.documented instruction.withdrawn"
    " processing_contract.concluded processing_contract.ended joint_arrangement.concluded subprocessor.announced"
    " subprocessor.objected subprocessor.authorised assessment.recorded retention.rule_set legal_hold.placed"
    " legal_hold.released breach.detected breach.assessed breach.notified breach.communicated breach.concluded"
    " security_measure.set source.heartbeat import.declared register.row_set register.row_ended",
}
NOT_REGISTERING = {"notice.communicated", "legal_hold.placed", "legal_hold.released"}

# Linking identifiers, free text and addresses: each of them must be sealed wherever it stands.
SEALED: dict[str, Owner] = {
    "case_id": "subject",
    "resource": "subject",
    "law_ref": "subject",
    "consent_id": "subject",
    "recording_id": "subject",
    "request_id": "subject",
    "share_id": "subject",
    "disclosure_id": "subject",
    "onward_of": "subject",
    "authority_request_id": "subject",
    "complaint_id": "subject",
    "breach_id": "subject",
    "hold_id": "subject",
    "evidence_digest": "subject",
    "predicate_digest": "subject",
    "logic": "subject",
    "forum": "subject",
    "consequences": "subject",
    "measures": "subject",
    "age_band": "subject",
    "source_ip": "actor",
    "session_id": "actor",
    "justification": "actor",
}


def test_every_type_has_its_one_topic() -> None:
    expected = {short: topic for topic, shorts in TOPIC_OF.items() for short in shorts.split()}
    assert {short: found.topic for short, found in BY_SHORT.items()} == expected
    assert set(TOPICS) == set(TOPIC_OF)


def test_full_names_carry_the_version() -> None:
    assert full_name("data.accessed") == "org.accountability-ledger.data.accessed.v1"
    assert all(EVENT_TYPES[full_name(short)] is found for short, found in BY_SHORT.items())
    assert BY_SHORT["data.accessed"].schema_uri == "urn:accountability-ledger:schema:data.accessed.v1"


def test_registering_types_are_those_of_governance_that_protect_nobody() -> None:
    registering = {short for short, found in BY_SHORT.items() if found.registers}
    governance = set(TOPIC_OF["privacy.governance"].split())
    assert registering == {s for s in governance if not s.startswith("breach.")} - NOT_REGISTERING


def test_acts_are_the_types_on_data() -> None:
    assert {short for short, found in BY_SHORT.items() if found.is_act} == {
        short for short in BY_SHORT if short.startswith("data.")
    }


@pytest.mark.parametrize("short", sorted(BY_SHORT))
def test_linking_identifiers_texts_and_addresses_are_sealed(short: str) -> None:
    for field in BY_SHORT[short].fields:
        name = field.path[-1]
        if name in SEALED:
            assert field.rule == Sealed(SEALED[name]), field
        if field.path == ("corrects", "id"):
            assert field.rule == (Public() if BY_SHORT[short].registers else Sealed("subject"))


@pytest.mark.parametrize("short", sorted(short for short, found in BY_SHORT.items() if not found.registers))
def test_what_is_always_in_clear_is_an_enumeration_a_time_a_count_or_a_boolean(short: str) -> None:
    public = {".".join(field.path) for field in BY_SHORT[short].fields if isinstance(field.rule, Public)}
    assert public <= {
        "population.record_count",
        "chunk.of",
        "chunk.i",
        "actor.kind",
        "processing_role",
        "record_count",
        "assurance",
        "origin",
        "operation",
        "outcome",
        "side",
        "target",
        "remote_access",
        "explicit",
        "valid",
        "told_complaint",
        "told_remedy",
        "expires",
        "aware_at",
        "began",
        "ended",
        "person_count",
        "risk",
        "period",
        "effective_from",
    }
    if "outcome" in public:
        assert short == "data.accessed"


@pytest.mark.parametrize("short", sorted(short for short, found in BY_SHORT.items() if found.registers))
def test_registering_types_are_public_but_for_persons_and_what_seals_a_person(short: str) -> None:
    own = {field.path[0]: field.rule for field in BY_SHORT[short].fields}
    assert not [rule for rule in own.values() if isinstance(rule, Registered | Vocabulary)]
    sealed = {name for name, rule in own.items() if isinstance(rule, Sealed)}
    assert sealed == {
        "law_ref",
        "justification",
        "case_id",
        "source_ip",
        "resource",
        "session_id",
    } | {"population"}


def test_persons_stand_where_the_contract_says() -> None:
    rules = {field.path: field.rule for field in BY_SHORT["data.disclosed"].fields}
    assert rules["subjects",] == Person("subject")
    assert rules["actor", "id"] == Person("actor")
    assert rules["actor", "on_behalf_of"] == rules["recipient_id",] == Registered("parties")
    assert rules["actor", "org"] == Registered("parties")
    joined = {field.path: field.rule for field in BY_SHORT["recording.joined"].fields}
    assert joined["participants",] == Person("participant")


def test_context_attributes_have_rules_too() -> None:
    sealed = {name for name, rule in ATTRIBUTE_RULES.items() if isinstance(rule, Sealed)}
    assert sealed == {"id", "correlationid", "traceparent", "dataref"}
