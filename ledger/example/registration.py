"""A register (`register: 1`) as the governance events that state it.

One row becomes one event; a party's certifications become one `importer.certified` each, since they lapse on their
own. The order is that of dependence: who is named comes before what names him. Values are not judged here (the
register's schema does that); a row is only put into the shape of its event type.
"""

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from typing import Any, Final

import msgspec
import orjson

from ledger.example import yaml12

Row = Mapping[str, Any]


class Registration(msgspec.Struct, frozen=True):
    """One governance event without its envelope.

    `label` is `section/key`, by which scenarios name it; `short` the type's short name; `data` the event's data.
    """

    label: str
    short: str
    data: dict[str, Any]


_VALIDITY: Final = ("valid_from", "valid_to")


def read_register(version: str | None = None) -> dict[str, Any]:
    """The example company's register; with a notice's version, as it stood under that notice (later notices left out).

    Raises `KeyError` for a version that the example does not have.
    """
    register: dict[str, Any] = yaml12.load(
        resources.files("ledger.example").joinpath("register.yaml").read_bytes()
    )
    if version is not None:
        last = register["notices"][version]["effective_from"]
        register["notices"] = {
            key: row for key, row in register["notices"].items() if str(row["effective_from"]) <= str(last)
        }
    return register


def registrations(register: Row) -> Iterator[Registration]:
    """Every row of a register as a governance event, in order of dependence. Missing sections are empty."""
    if "controller" in register:
        yield from _controller(register["controller"])
    for section, turn in _SECTIONS.items():
        for key, row in register.get(section, {}).items():
            yield from turn(section, str(key), row)
    for number, row in enumerate(register.get("retention", ())):
        yield Registration(f"retention/{number}", "retention.rule_set", _plain(row))


def keyed_rows(value: Any) -> Any:
    """Maps as arrays of `{key, value}` rows, at every depth: the form in which governance events carry them."""
    if isinstance(value, Mapping):
        return [{"key": str(key), "value": keyed_rows(inner)} for key, inner in value.items()]
    if isinstance(value, list | tuple):
        return [keyed_rows(inner) for inner in value]
    return value


def _plain(row: Row, **renamed: str) -> dict[str, Any]:
    """A row's columns, some under the name that the event type has for them."""
    return {renamed.get(column, column): keyed_rows(value) for column, value in row.items()}


def _digest(row: Row) -> str:
    """What stands for a text that a register does not hold: base64url of the SHA-256 of the row's canonical JSON."""
    canonical = orjson.dumps(row, option=orjson.OPT_SORT_KEYS)
    return base64.urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()


def _row_set(section: str, key: str, row: Any) -> Iterator[Registration]:
    """`register.row_set`: a plain value (a parameter, a policy) stands under the key `value`."""
    columns = row if isinstance(row, Mapping) else {"value": row}
    inner = {column: value for column, value in columns.items() if column not in _VALIDITY}
    validity = {column: columns[column] for column in _VALIDITY if column in columns}
    yield Registration(
        f"{section}/{key}",
        "register.row_set",
        {"section": section, "key": key, "row": keyed_rows(inner), **validity},
    )


def _controller(row: Row) -> Iterator[Registration]:
    """The controller is a party like others; what no party has (time zone, holidays) is a row of its own."""
    own = ("time_zone", "holidays")
    party = {column: value for column, value in row.items() if column not in (*own, "id")}
    yield from _party("controller", row["id"], {"role": "controller", **party})
    validity = {column: row[column] for column in _VALIDITY if column in row}
    yield from _row_set(
        "controller", row["id"], {column: row[column] for column in own if column in row} | validity
    )


def _party(section: str, key: str, row: Row) -> Iterator[Registration]:
    columns = {column: value for column, value in row.items() if column != "certifications"}
    yield Registration(f"{section}/{key}", "party.registered", {"party_id": key, **_plain(columns)})
    for number, certification in enumerate(row.get("certifications", ())):
        label = f"{section}/{key}/certifications/{number}"
        yield Registration(label, "importer.certified", {"importer_id": key, **_plain(certification)})


def _store(section: str, key: str, row: Row) -> Iterator[Registration]:
    yield Registration(f"{section}/{key}", "store.registered", {"store_id": key, **_plain(row)})


def _mechanism(section: str, key: str, row: Row) -> Iterator[Registration]:
    data = {"mechanism_id": key, **_plain(row, exporter="exporter_id", importer="importer_id")}
    yield Registration(f"{section}/{key}", "mechanism.adopted", data)


def _notice(section: str, key: str, row: Row) -> Iterator[Registration]:
    columns = {column: value for column, value in row.items() if column != "purposes"}
    purposes = [{"key": purpose, "bases": list(bases)} for purpose, bases in row.get("purposes", {}).items()]
    data = {
        "version": key,
        "digest": _digest(row),
        **_plain(columns, controller="controller_id"),
        "purposes": purposes,
    }
    yield Registration(f"{section}/{key}", "notice.published", data)


def _instruction(section: str, key: str, row: Row) -> Iterator[Registration]:
    data = {"instruction_id": key, **_plain(row, controller="controller_id")}
    yield Registration(f"{section}/{key}", "instruction.documented", data)


def _assessment(section: str, key: str, row: Row) -> Iterator[Registration]:
    data = {"assessment_id": key, "digest": _digest(row), **_plain(row)}
    yield Registration(f"{section}/{key}", "assessment.recorded", data)


def _joint_arrangement(section: str, key: str, row: Row) -> Iterator[Registration]:
    yield Registration(
        f"{section}/{key}", "joint_arrangement.concluded", {"arrangement_id": key, **_plain(row)}
    )


_SECTIONS: Final[Mapping[str, Callable[[str, str, Any], Iterator[Registration]]]] = {
    "sources": _row_set,
    "purposes": _row_set,
    "data_categories": _row_set,
    "recording_policy": _row_set,
    "parameters": _row_set,
    "parties": _party,
    "stores": _store,
    "notices": _notice,
    "mechanisms": _mechanism,
    "instructions": _instruction,
    "assessments": _assessment,
    "joint_arrangements": _joint_arrangement,
}
