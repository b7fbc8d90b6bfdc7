"""What the generator makes: events planned at a time, and the lines that they become."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import msgspec
import orjson

from ledger.example.draw import Draw

TYPE_PREFIX: Final = "org.accountability-ledger."
Expected = Literal["appended", "duplicate", "conflict", "rejected"]

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class GeneratedLine(msgspec.Struct, frozen=True):
    """One line of the file, and what the ledger is expected to make of it.

    `reason` is the reason of a refusal (`entry-format.md`), else None. `wave` is 0 for the register and the declared
    backfills, 1 for the month, 2 for what became known later. `topic` is where a line goes that has no readable type;
    None: the topic of its type.
    """

    value: bytes
    expect: Expected
    reason: str | None
    wave: int
    topic: str | None


class Planned(msgspec.Struct, frozen=True):
    """An event with its time in milliseconds since 1970: what a story writes."""

    at: int
    short: str
    data: dict[str, Any]
    source: str
    id: str
    delay: int = 1_000
    wave: int = 1

    def envelope(self) -> dict[str, Any]:
        """The CloudEvent (CloudEvents 1.0, JSON format)."""
        return {
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": f"{TYPE_PREFIX}{self.short}.v1",
            "time": rfc3339(self.at),
            "recordedtime": rfc3339(self.at + self.delay),
            "data": self.data,
        }


class Malformed(msgspec.Struct, frozen=True):
    """Bytes that the ledger must refuse, and the reason."""

    at: int
    value: bytes
    reason: str
    topic: str


def rfc3339(at: int) -> str:
    """Milliseconds since 1970 as RFC 3339 in UTC with three fraction digits."""
    return (_EPOCH + timedelta(milliseconds=at)).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def milliseconds(text: str) -> int:
    """A date or a time of the register (RFC 3339) as milliseconds since 1970; a bare date is 00:00 UTC."""
    moment = datetime.fromisoformat(text)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(milliseconds=1)


def uuid7(at: int, draw: Draw) -> str:
    """A UUIDv7 (RFC 9562 section 5.7) of the event's own time and bits from the seed, never of a clock."""
    bits = draw.bits74()
    head = f"{at:012x}7{bits >> 62:03x}"
    tail = f"{0b10 << 62 | bits & (1 << 62) - 1:016x}"
    return f"{head[:8]}-{head[8:12]}-{head[12:]}-{tail[:4]}-{tail[4:]}"


def encode(event: dict[str, Any]) -> bytes:
    """Canonical JSON: of restricted JSON, sorted output is RFC 8785."""
    return orjson.dumps(event, option=orjson.OPT_SORT_KEYS)


class Author:
    """Writes the events of one story: draws their identifiers and fills in what the writer's place decides."""

    __slots__ = ("draw", "source")

    def __init__(self, draw: Draw, source: str) -> None:
        self.draw = draw
        self.source = source

    def plan(self, at: int, short: str, /, **fields: Any) -> Planned:
        """An event of this story; a field given as None is left out.

        Beside the fields of its data: `source`, `delay` (milliseconds until it is written down) and `wave`, where they
        differ from the story's own. No type of event has a field of these names.
        """
        source = fields.pop("source", self.source)
        delay = fields.pop("delay", None)
        wave = fields.pop("wave", 1)
        return Planned(
            at=at,
            short=short,
            data={key: value for key, value in fields.items() if value is not None},
            source=source,
            id=uuid7(at, self.draw),
            delay=self.draw.between(40, 2_500) if delay is None else delay,
            wave=wave,
        )
