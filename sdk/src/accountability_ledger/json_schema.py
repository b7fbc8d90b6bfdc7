"""JSON Schemas (2020-12) of the event types' `data`, and of the envelope, generated from the structs."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from accountability_ledger import envelope
from accountability_ledger.catalog import BY_SHORT, EventType
from accountability_ledger.fields import Field, Public, Rule, visibility

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
ENVELOPE_URI: Final = "urn:accountability-ledger:schema:envelope.v1"
_REF: Final = "#/$defs/{name}"
_PERSON_IF_TYPED: Final[Mapping[tuple[str, ...], str]] = {
    ("recipient_id",): "recipient",
    ("actor", "on_behalf_of"): "actor",
}

Schema = dict[str, Any]


def data_schema(event_type: EventType) -> Schema:
    """The schema of `data`. Every field says what becomes of it: `x-visibility`, and `x-owner` where it is sealed."""
    [root], definitions = msgspec.json.schema_components([event_type.data], ref_template=_REF)
    name = root["$ref"].rpartition("/")[2]
    schema = _portable(definitions.pop(name))
    definitions = _portable(definitions)
    for found in event_type.fields:
        _annotate(schema, definitions, found, registers=event_type.registers)
    schema.pop("title", None)
    result: Schema = {"$schema": DIALECT, "$id": event_type.schema_uri, "title": event_type.short, **schema}
    result.update(_conditions(event_type, schema))
    if definitions:
        result["$defs"] = definitions
    return result


def written(document: Schema) -> bytes:
    """A schema as the bytes of its file. Descriptions are docstrings, whose indentation some Pythons keep."""
    return msgspec.json.format(msgspec.json.encode(_dedented(document)), indent=2) + b"\n"


def _dedented(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: inspect.cleandoc(member)
            if name == "description" and isinstance(member, str)
            else _dedented(member)
            for name, member in value.items()
        }
    return [_dedented(each) for each in value] if isinstance(value, list) else value


def envelope_schema() -> Schema:
    """The schema of a structured event: context attributes and `data`, whose own schema the type names."""
    text: Schema = {"type": "string", "minLength": 1, "maxLength": 256}
    time: Schema = {
        "type": "string",
        "format": "date-time",
        "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$",
    }
    uri: Schema = {"type": "string", "minLength": 1, "maxLength": 1024}
    properties: Schema = {
        "specversion": {"const": "1.0"},
        "id": text,
        "source": {**text, "pattern": r"^\S+$"},
        "type": {"enum": [found.name for found in BY_SHORT.values()]},
        "time": time,
        "recordedtime": time,
        "dataschema": {**uri, "format": "uri"},
        "datacontenttype": {"const": "application/json"},
        "sequence": {
            "anyOf": [{"type": "string", "pattern": "^[0-9]{1,18}$"}, {"type": "integer", "minimum": 0}]
        },
        "correlationid": text,
        "traceparent": text,
        "dataref": {**uri, "format": "uri-reference"},
        "data": {"type": "object"},
    }
    return {
        "$schema": DIALECT,
        "$id": ENVELOPE_URI,
        "title": "CloudEvent",
        "type": "object",
        "properties": properties,
        "required": [*envelope.REQUIRED, "data"],
        "additionalProperties": False,
    }


def _annotate(schema: Schema, definitions: Schema, found: Field, *, registers: bool) -> None:
    for place in _places(schema, definitions, found.path):
        for key in [key for key in place if key.startswith("x-")]:
            del place[key]
        items = place.get("items")
        if isinstance(items, dict):
            for key in [key for key in items if key.startswith("x-")]:
                del items[key]
        place.update(_shown(found.path, found.rule, registers=registers))


def _shown(path: tuple[str, ...], rule: Rule, *, registers: bool) -> Schema:
    role = _PERSON_IF_TYPED.get(path)
    if role is None or registers or isinstance(rule, Public):
        return visibility(rule)
    return {**visibility(rule), "x-person-if-typed": role}


def _places(schema: Schema, definitions: Schema, path: tuple[str, ...]) -> Iterator[Schema]:
    head, *rest = path
    place: Schema = schema["properties"][head]
    if not rest:
        yield place
        return
    reference = place["$ref"] if "$ref" in place else place["items"]["$ref"]
    yield from _places(definitions[reference.rpartition("/")[2]], definitions, tuple(rest))


def _conditions(event_type: EventType, schema: Schema) -> Schema:
    """What `conditions.py` demands, as far as a schema can say it."""
    subjects = schema["properties"]["subjects"]
    if event_type.is_act:
        subjects["minItems"] = 1
        return {"oneOf": [{"required": ["subjects"]}, {"required": ["population"]}]}
    if event_type.short.startswith("identity."):
        subjects |= {"minItems": 2, "maxItems": 2}
    elif "subjects" in event_type.shape.required:
        subjects["minItems"] = 1
    return {}


def _portable(value: Any) -> Any:
    r"""Python's end of text `\Z` becomes `$`, which in ECMA-262, the dialect of JSON Schema, means the same."""
    if isinstance(value, dict):
        return {
            key: member.replace(r"\Z", "$") if key == "pattern" else _portable(member)
            for key, member in value.items()
        }
    if isinstance(value, list):
        return [_portable(item) for item in value]
    return value
