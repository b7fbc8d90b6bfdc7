"""The ledger's own entries: what it says about itself, in the same chain. `source` is the origin."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from accountability_ledger.moment import microseconds
from accountability_ledger.restricted_json import canonical
from ledger.core.entry import Draft, PreparedEntry, SealedValue
from ledger.core.leaf import encode_clock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.core.batch import RecordPlace

_PREFIX = "org.accountability-ledger."


def type_name(short: str) -> str:
    """The full name of one of the ledger's own types: `ledger.queried` and so on."""
    return f"{_PREFIX}{short}.v1"


REJECTED = type_name("ledger.event-rejected")
CONFLICT = type_name("ledger.event-conflict")
DUPLICATE = type_name("ledger.events-duplicate")
SKIPPED = type_name("ledger.offsets-skipped")
CLOCK_ACCEPTED = type_name("ledger.clock-accepted")
APPEND_VIA = canonical({"api": "append"})


def received_text(received_ms: int) -> str:
    """A broker's time stamp in milliseconds as RFC 3339 with three fraction digits."""
    seconds, milliseconds = divmod(received_ms, 1000)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{milliseconds:03d}Z"


def clock_text(moment: datetime) -> str:
    return encode_clock(moment).decode("ascii")


def own_draft(
    kind: str,
    *,
    origin: str,
    time: str,
    data: dict[str, Any],
    persons: Sequence[tuple[str, str]] = (),
    sealed: Sequence[SealedValue] = (),
) -> Draft:
    """A draft of one of the ledger's own entries; `data` is public, `sealed` goes into its persons' blobs alone."""
    return Draft({"type": kind, "source": origin, "time": time, "data": data}, tuple(sealed), tuple(persons))


def plain_entry(
    kind: str, *, origin: str, time: str, data: dict[str, Any], via: bytes = APPEND_VIA
) -> PreparedEntry:
    """An entry of the ledger's own without persons: nothing is sealed, nothing has to be looked up."""
    event = {"type": kind, "source": origin, "time": time, "data": data}
    return PreparedEntry(kind, microseconds(time), canonical(event), via, ())


def refusal(
    kind: str, *, origin: str, received_ms: int, reason: str, digest: str, via: bytes
) -> PreparedEntry:
    """A rejected event, or a conflict: why, and the salted digest of the value, which lies in the dead letters."""
    data = {"reason": reason, "digest": digest}
    return plain_entry(kind, origin=origin, time=received_text(received_ms), data=data, via=via)


def offsets_skipped(
    *, origin: str, now: datetime, place: RecordPlace, start: int, end: int, reason: str
) -> PreparedEntry:
    """Offsets [start, end) of a partition that hold no record for us, and why."""
    data = {
        "topic": place.topic,
        "topic_id": place.topic_id_text,
        "partition": place.partition,
        "from": start,
        "to": end,
        "reason": reason,
    }
    return plain_entry(SKIPPED, origin=origin, time=clock_text(now), data=data)
