"""Events that the oracle makes up by itself: sound ones, repeated ones, ones of the same name with other content,
and poison. Persons and places are invented."""

from __future__ import annotations

import json
import random
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = "oracle"
TOPIC = "privacy.access"
_REMEMBERED = (
    10_000  # earlier events that may be repeated or contradicted; a long run must not grow with them
)
_POISON = (b"", b"{", b'{"id":"1","id":"2"}', b"[]", b"\xff\xfe", b'{"x":1.5}', b'"text"')


@dataclass(frozen=True, slots=True)
class Made:
    """One value to be produced. `key` chooses the partition; `sound` says whether the ledger should accept it (a
    duplicate and a conflict are sound: they are accounted for without being refused)."""

    key: bytes
    value: bytes
    source: str
    id: str
    sound: bool


@dataclass(frozen=True, slots=True)
class Mix:
    """Of a thousand values, how many repeat an earlier one, contradict an earlier one, or are poison."""

    duplicates: int = 0
    conflicts: int = 0
    poison: int = 0


def events(
    count: int, seed: int, mix: Mix = Mix(), source: str = SOURCE, persons: int = 50
) -> Iterator[Made]:
    """`count` values in an order that depends on the seed alone; ids and times are of now."""
    draw = random.Random(seed)
    earlier: list[tuple[bytes, dict[str, Any]]] = []

    def remember(key: bytes, event: dict[str, Any]) -> None:
        if len(earlier) < _REMEMBERED:
            earlier.append((key, event))
        else:
            earlier[draw.randrange(_REMEMBERED)] = key, event

    for number in range(count):
        chance = draw.randrange(1000)
        key = b"%016x" % draw.getrandbits(64)
        if earlier and chance < mix.duplicates:
            key, event = draw.choice(earlier)
            yield made(key, event)
        elif earlier and chance < mix.duplicates + mix.conflicts:
            key, event = draw.choice(earlier)
            data = {**event["data"], "record_count": number + 1_000_000}
            other = {**event, "data": data}
            remember(key, other)
            yield made(key, other)
        elif chance < mix.duplicates + mix.conflicts + mix.poison:
            yield Made(key, draw.choice(_POISON), source, "", sound=False)
        else:
            event = access(draw.randrange(persons), number, source)
            remember(key, event)
            yield made(key, event)


def access(person: int, number: int, source: str = SOURCE) -> dict[str, Any]:
    """One `data.accessed` event, as an employee's look at a person's record."""
    return {
        "specversion": "1.0",
        "id": uuid7(),
        "source": source,
        "type": "org.accountability-ledger.data.accessed.v1",
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "data": {
            "subjects": [f"email:person{person}@example.com"],
            "actor": {"id": f"user:employee{number % 7}", "kind": "employee"},
            "processing_role": "controller",
            "purpose": "service",
            "legal_basis": "A6-1-b",
            "data_categories": ["user.contact.email"],
            "operation": "read",
            "outcome": "allowed",
            "system": "crm",
            "record_count": number,
        },
    }


def uuid7() -> str:
    """RFC 9562 section 5.7."""
    moment = time.time_ns() // 1_000_000
    bits = moment << 80 | 0x7 << 76 | random.getrandbits(12) << 64 | 0b10 << 62 | random.getrandbits(62)
    return str(uuid.UUID(int=bits))


def encode(event: dict[str, Any]) -> bytes:
    return json.dumps(event, sort_keys=True, separators=(",", ":")).encode()


def made(key: bytes, event: dict[str, Any]) -> Made:
    """A sound event as it is produced."""
    return Made(key, encode(event), event["source"], event["id"], sound=True)
