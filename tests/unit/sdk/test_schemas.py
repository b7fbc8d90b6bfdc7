from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from accountability_ledger import schemas
from accountability_ledger.catalog import BY_SHORT
from accountability_ledger.fields import visibility
from accountability_ledger.json_schema import data_schema, envelope_schema
from tests.unit.sdk.samples import accessed, complete, event, smallest

CHECKED_IN = Path(__file__).parents[3] / "schemas"


def test_the_files_checked_in_are_those_that_the_types_generate() -> None:
    generated = dict(schemas.documents())
    assert {
        name for name, content in generated.items() if (CHECKED_IN / name).read_bytes() != content
    } == set()
    assert {path.name for path in (CHECKED_IN / "events").iterdir()} == {
        name.removeprefix("events/") for name in generated if name.startswith("events/")
    }


def test_the_command_writes_them_and_wants_a_directory(tmp_path: Path) -> None:
    assert schemas.main([]) == 2
    assert schemas.main([str(tmp_path)]) == 0
    assert (tmp_path / "asyncapi.json").read_bytes() == (CHECKED_IN / "asyncapi.json").read_bytes()


@pytest.mark.parametrize("short", sorted(BY_SHORT))
def test_each_schema_takes_what_is_accepted_and_says_what_becomes_of_each_field(short: str) -> None:
    event_type = BY_SHORT[short]
    schema = data_schema(event_type)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    for data in (smallest(event_type), complete(event_type)):
        validator.validate(data)
        for name in event_type.shape.required:
            assert not validator.is_valid({key: value for key, value in data.items() if key != name})
        assert not validator.is_valid({**data, "seq": 7})
    for field in event_type.fields:
        found = at(schema, field.path)
        assert visibility(field.rule).items() <= found.items(), field


def at(schema: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    place = schema
    for name in path:
        if "$ref" in place:
            place = schema["$defs"][place["$ref"].rpartition("/")[2]]
        place = place["properties"][name]
    return place


def test_an_act_needs_subjects_or_a_population_and_not_both() -> None:
    validator = Draft202012Validator(data_schema(BY_SHORT["data.accessed"]))
    population = {"dataset": "crm", "record_count": 3}
    assert validator.is_valid(accessed())
    assert validator.is_valid(accessed(subjects=None, population=population))
    assert not validator.is_valid(accessed(population=population))
    assert not validator.is_valid(accessed(subjects=None))


def test_the_envelope_schema_takes_an_event_and_refuses_a_person_in_the_context() -> None:
    Draft202012Validator.check_schema(envelope_schema())
    validator = Draft202012Validator(envelope_schema())
    assert validator.is_valid(event("data.accessed", accessed(), sequence=1))
    assert not validator.is_valid(event("data.accessed", accessed(), subject="email:ann@example.eu"))
    assert not validator.is_valid(event("data.accessed", accessed(), type="data.accessed"))


def test_no_pattern_is_in_a_dialect_of_its_own() -> None:
    assert b"\\\\Z" not in b"".join(content for _, content in schemas.documents())


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = msgspec.json.decode((CHECKED_IN / "asyncapi.json").read_bytes())
    references = list(refs(document))
    assert len(references) > 3 * len(BY_SHORT)
    for reference in references:
        if reference.startswith("./"):
            assert (CHECKED_IN / reference).is_file()
        else:
            place = document
            for name in reference.removeprefix("#/").split("/"):
                place = place[name]
    out = {
        topic
        for topic in document["channels"]
        if not topic.startswith("privacy.") or topic == "privacy.rejected"
    }
    assert out == {"privacy.rejected", "ledger.appended", "ledger.findings"}


def refs(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if "$ref" in value else []
        return own + [found for member in value.values() for found in refs(member)]
    if isinstance(value, list):
        return [found for item in value for found in refs(item)]
    return []


def test_the_typescript_types_name_every_event() -> None:
    text = (CHECKED_IN / "events.d.ts").read_text("utf-8")
    for found in BY_SHORT.values():
        assert f'CloudEvent<"{found.name}", {found.data.__name__}>' in text
        assert f"export interface {found.data.__name__} {{" in text
    assert '  operation: "create" | "delete" | "export" | "query" | "read" | "update";' in text
    assert "  store?: string;" in text
