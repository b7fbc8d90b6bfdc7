"""The register as YAML, and as the governance events that state it."""

from __future__ import annotations

import pytest
import yaml

from accountability_ledger.accept import accept
from ledger.example import yaml12
from ledger.example.draw import Draw
from ledger.example.line import Author, encode, milliseconds, uuid7
from ledger.example.registration import keyed_rows, read_register, registrations


def by_label(version: str | None = None) -> dict[str, tuple[str, dict[str, object]]]:
    return {row.label: (row.short, row.data) for row in registrations(read_register(version))}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"),
        ("yes", "yes"),
        ("on", "on"),
        ("off", "off"),
        ("2020-01-21", "2020-01-21"),
        ("2020-07-16T00:00:00Z", "2020-07-16T00:00:00Z"),
        ("12:30:45", "12:30:45"),
        ("1_000", "1_000"),
        ("true", True),
        ("False", False),
        ("012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("-3", -3),
        ("1.5", 1.5),
        ("~", None),
        ("", None),
        ("=", "="),
        ("<<", "<<"),
    ],
)
def test_yaml_is_read_by_the_core_schema(text: str, value: object) -> None:
    found = yaml12.load(f"{{key: {text}}}")["key"]
    assert (found, type(found)) == (value, type(value))


def test_a_key_that_occurs_twice_is_an_error_with_its_line() -> None:
    with pytest.raises(yaml.YAMLError) as caught:
        yaml12.load("purposes:\n  sell: 1\n  sell: 2\n")
    assert "line 3" in str(caught.value)


def test_yaml_makes_no_python_objects() -> None:
    with pytest.raises(yaml.YAMLError):
        yaml12.load("!!python/object/apply:os.getcwd []")


def test_every_row_is_an_event_that_the_ledger_accepts() -> None:
    author = Author(Draw(0, "test"), "governance")
    rows = list(registrations(read_register()))
    assert len(rows) > 100
    for row in rows:
        event = accept(encode(author.plan(milliseconds("2026-10-01"), row.short, **row.data).envelope()))
        assert event.type.registers
        assert event.persons == ()


def test_what_is_named_is_registered_before() -> None:
    known: set[object] = set()
    for row in registrations(read_register()):
        for column in ("controller_id", "exporter_id", "importer_id"):
            if column in row.data:
                assert row.data[column] in known
        for column in ("covers", "parties"):
            assert set(row.data.get(column, ())) <= known
        known |= {row.label.split("/")[1]}


def test_rows_take_the_shape_of_their_types() -> None:
    found = by_label()
    assert found["controller/parley"] == (
        "register.row_set",
        {
            "section": "controller",
            "key": "parley",
            "row": [{"key": "time_zone", "value": "America/New_York"}, {"key": "holidays", "value": []}],
        },
    )
    short, cloud = found["parties/cloud1"]
    assert short == "party.registered"
    assert (cloud["party_id"], cloud["contract"], cloud["reports"]) == ("cloud1", "dpa-1", False)
    assert cloud["attributes"] == [{"key": "sector", "value": "commercial"}]
    assert found["parties/cloud1/certifications/1"] == (
        "importer.certified",
        {
            "importer_id": "cloud1",
            "framework": "eu-us-dpf",
            "data_types": ["non_hr"],
            "valid_from": "2023-07-17",
        },
    )
    assert found["mechanisms/scc-cloud1"][1]["importer_id"] == "cloud1"
    assert found["instructions/i-acme"][1]["controller_id"] == "acme"
    assert found["stores/primary"][1]["backups"] == ["nightly"]
    assert found["recording_policy/US-NY"][1]["row"] == [{"key": "value", "value": "one_party"}]
    assert found["parameters/occasional"][1]["row"] == [
        {"key": "count", "value": 2},
        {"key": "period", "value": "P365D"},
    ]
    notice = found["notices/2020-01-21"][1]
    assert notice["purposes"][0] == {"key": "provide_service", "bases": ["A6-1-b"]}  # type: ignore[index]
    assert found["purposes/newsletter"][1] == {
        "section": "purposes",
        "key": "newsletter",
        "row": [
            {"key": "title", "value": "Marketing messages"},
            {"key": "kind", "value": "direct_marketing"},
            {"key": "needs_assessment", "value": True},
        ],
        "valid_from": "2017-01-01",
    }


def test_maps_become_rows_at_every_depth() -> None:
    assert keyed_rows({"a": {"b": [1, {"c": "d"}]}}) == [
        {"key": "a", "value": [{"key": "b", "value": [1, [{"key": "c", "value": "d"}]]}]}
    ]


def test_the_register_under_an_earlier_notice() -> None:
    assert set(read_register()["notices"]) == {"2020-01-21", "2024-03-01"}
    assert set(read_register("2020-01-21")["notices"]) == {"2020-01-21"}
    with pytest.raises(KeyError):
        read_register("1999-01-01")


def test_nine_processors_stand_for_the_nine_of_the_notice() -> None:
    contracts = {f"dpa-{number}" for number in range(1, 10)}
    parties = read_register()["parties"]
    assert {row["contract"] for row in parties.values() if row.get("contract") in contracts} == contracts


def test_identifiers_are_uuid7_of_the_event_time() -> None:
    at = milliseconds("2026-10-03T01:00:00Z")
    text = uuid7(at, Draw(3, "ids"))
    assert int(text.replace("-", "")[:12], 16) == at
    assert (text[14], text[19] in "89ab", len(text)) == ("7", True, 36)
