"""One complete and one smallest event of every type, built from the structs' own declarations."""

from __future__ import annotations

import json
from typing import Any

from msgspec import inspect

from accountability_ledger.catalog import BY_SHORT, EventType

ANN = "email:ann@example.eu"
BEN = "email:ben@example.com"
STAFF = {"id": "user:staff", "kind": "employee"}
CRM = {"id": "crm", "kind": "service"}

# What a type alone cannot tell: values with a form of their own, by field name.
_VALUES: dict[str, Any] = {
    "subjects": [ANN, BEN],
    "actor": STAFF,
    "age_band": "0-12",
    "period": "P30D",
    "rotation": "P7D",
    "forward_term": "P3D",
    "breach_term": "PT24H",
    "parties": ["parley", "acme"],
    "row": [{"key": "title", "value": "T"}, {"key": "flags", "value": ["art9", {"key": "a", "value": True}]}],
}
_TIMES = {"time": "2026-10-01T09:30:00Z", "time-or-date": "2026-10-01"}


def event(short: str, data: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "019a0000-0000-7000-8000-000000000001",
        "source": "crm",
        "type": BY_SHORT[short].name,
        "time": "2026-10-01T09:30:00.5Z",
        "data": data,
        **attributes,
    }


def encoded(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def accessed(**changes: Any) -> dict[str, Any]:
    """The data of a plain `data.accessed`; a change to None leaves the field out."""
    data = {
        "subjects": [ANN],
        "actor": STAFF,
        "processing_role": "controller",
        "purpose": "provide_service",
        "legal_basis": "A6-1-b",
        "data_categories": ["user.contact.email"],
        "operation": "read",
        "outcome": "allowed",
        **changes,
    }
    return {name: value for name, value in data.items() if value is not None}


def smallest(event_type: EventType) -> dict[str, Any]:
    """Required fields only, and somebody whose key can seal what is sealed."""
    data = _struct(inspect.type_info(event_type.data), event_type, (), required_only=True)
    if event_type.is_act:
        data["subjects"] = [ANN]
    data.setdefault("actor", STAFF)
    return data


def complete(event_type: EventType) -> dict[str, Any]:
    """Every field of the type, save `population`, which stands instead of `subjects`."""
    data = _struct(inspect.type_info(event_type.data), event_type, (), required_only=False)
    del data["population"]
    return data


def _struct(
    node: inspect.Type, event_type: EventType, path: tuple[str, ...], *, required_only: bool
) -> dict[str, Any]:
    assert isinstance(node, inspect.StructType)
    return {
        member.encode_name: _value(
            member.type, event_type, (*path, member.encode_name), required_only=required_only
        )
        for member in node.fields
        if member.required or not required_only
    }


def _value(node: inspect.Type, event_type: EventType, path: tuple[str, ...], *, required_only: bool) -> Any:
    if path[-1] in _VALUES:
        return _VALUES[path[-1]]
    if path == ("purposes",) and event_type.short == "notice.published":
        return [{"key": "provide_service", "bases": ["A6-1-b"]}]
    if path == ("attributes",):
        return _VALUES["row"]
    if path == ("outcome",) and event_type.short == "assessment.recorded":
        return "passed"
    check = dict(event_type.checks).get(path)
    if check is not None:
        return _TIMES[check]
    match node:
        case inspect.Metadata(type=inner):
            return _value(inner, event_type, path, required_only=required_only)
        case inspect.UnionType(types=types):
            return _value(types[0], event_type, path, required_only=required_only)
        case inspect.LiteralType(values=values):
            return "LIA" if "LIA" in values else values[0]
        case inspect.ListType(item_type=item):
            return [_value(item, event_type, path, required_only=required_only)]
        case inspect.StructType():
            return _struct(node, event_type, path, required_only=required_only)
        case inspect.IntType():
            return 3
        case inspect.BoolType():
            return True
    return "x-1"
