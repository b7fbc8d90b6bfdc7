from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from accountability_ledger.accept import accept
from accountability_ledger.events.access import DataAccessed
from accountability_ledger.events.act import Actor
from accountability_ledger.events.consent import ConsentChanged
from accountability_ledger.events.register import ImportDeclared
from accountability_ledger.outgoing import Envelopes, Outgoing
from tests.unit.sdk.samples import ANN

READ = DataAccessed(
    subjects=[ANN],
    actor=Actor(id="user:staff", kind="employee"),
    processing_role="controller",
    purpose="provide_service",
    data_categories=["user.contact.email"],
    operation="read",
    outcome="allowed",
)


def test_an_event_gets_its_envelope() -> None:
    before = datetime.now(UTC)
    accepted = accept(Envelopes("crm").wrap(Outgoing(type="data.accessed", data=READ, correlationid="c")))
    assert accepted.type.short == "data.accessed"
    assert accepted.attributes["source"] == "crm"
    assert accepted.attributes["dataschema"] == "urn:accountability-ledger:schema:data.accessed.v1"
    assert accepted.attributes["time"] == accepted.attributes["recordedtime"]
    assert datetime.fromisoformat(accepted.attributes["time"]) >= before.replace(
        microsecond=before.microsecond
    )
    assert accepted.attributes["correlationid"] == "c"
    assert "sequence" not in accepted.attributes
    assert accepted.data == msgspec.to_builtins(READ)


def test_what_happened_earlier_keeps_its_time_and_its_id() -> None:
    happened = datetime.now(UTC) - timedelta(days=3)
    outgoing = Outgoing(type="data.accessed", data=READ, time=happened, id="018f-1")
    accepted = accept(Envelopes("crm").wrap(outgoing))
    assert datetime.fromisoformat(accepted.attributes["time"]) == happened
    assert accepted.attributes["recordedtime"] > accepted.attributes["time"]
    assert accepted.attributes["id"] == "018f-1"


def test_numbers_are_used_up_one_by_one() -> None:
    envelopes = Envelopes("crm", next_sequence=41)
    outgoing = Outgoing(type="data.accessed", data=READ)
    assert accept(envelopes.wrap(outgoing)).attributes["sequence"] == "41"
    assert accept(envelopes.wrap(outgoing)).attributes["sequence"] == "41"
    envelopes.used()
    assert accept(envelopes.wrap(outgoing)).attributes["sequence"] == "42"


def test_a_renamed_field_is_written_under_its_own_name() -> None:
    data = ImportDeclared(of_source="crm", from_="2026-09-01T00:00:00Z", to="2026-10-01T00:00:00Z")
    accepted = accept(Envelopes("crm").wrap(Outgoing(type="import.declared", data=data)))
    assert accepted.data == {"of_source": "crm", "from": "2026-09-01T00:00:00Z", "to": "2026-10-01T00:00:00Z"}


@pytest.mark.parametrize("short", ["consent.given", "data.unheard_of"])
def test_a_type_goes_with_its_own_struct(short: str) -> None:
    data = ConsentChanged(subjects=[ANN], consent_id="c", purposes=["newsletter"])
    with pytest.raises(ValueError, match="type of the catalogue"):
        Envelopes("crm").wrap(Outgoing(type=short, data=data))
