"""TypeScript types of the events, generated from the same schemas."""

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from accountability_ledger.catalog import BY_SHORT

_HEADER: Final = """\
// Generated from the event types of accountability-ledger. JSON numbers are integers within +-(2^53-1).

/** CloudEvents 1.0 in structured JSON, with the extensions that the ledger takes. */
export interface CloudEvent<Type extends string, Data> {
  specversion: "1.0";
  id: string;
  source: string;
  type: Type;
  time: string;
  recordedtime?: string;
  dataschema?: string;
  datacontenttype?: "application/json";
  sequence?: string | number;
  correlationid?: string;
  traceparent?: string;
  dataref?: string;
  data: Data;
}
"""
_SCALARS: Final[Mapping[str, str]] = {"string": "string", "integer": "number", "boolean": "boolean"}


def declarations() -> str:
    """The text of `events.d.ts`."""
    structs = list(dict.fromkeys(found.data for found in BY_SHORT.values()))
    _, definitions = msgspec.json.schema_components(structs, ref_template="{name}")
    interfaces = "".join(_interface(name, definitions[name]) for name in sorted(definitions))
    members = "".join(
        f"\n  | CloudEvent<{json.dumps(found.name)}, {found.data.__name__}>" for found in BY_SHORT.values()
    )
    return f"{_HEADER}{interfaces}\n/** Every event that a service may publish. */\nexport type AccountabilityEvent ={members};\n"


def _interface(name: str, schema: Mapping[str, Any]) -> str:
    comment = f"/** {' '.join(schema['description'].split())} */\n" if "description" in schema else ""
    required = schema.get("required", [])
    members = "".join(
        f"  {key}{'' if key in required else '?'}: {_type(member)};\n"
        for key, member in schema["properties"].items()
    )
    return f"\n{comment}export interface {name} {{\n{members}}}\n"


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(_type(member) for member in schema["anyOf"])
    if schema["type"] == "array":
        return f"ReadonlyArray<{_type(schema['items'])}>"
    return _SCALARS[schema["type"]]
