"""An event on its way out: what the caller says, and what the client adds."""

from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from accountability_ledger.catalog import BY_SHORT
from accountability_ledger.events.act import EventData
from accountability_ledger.moment import written
from accountability_ledger.restricted_json import canonical
from accountability_ledger.uuid7 import uuid7


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """`type` is a short name (`data.accessed`), `data` its struct. `time` is when it happened; left out, it is now."""

    type: str
    data: EventData
    time: datetime | None = None
    id: str | None = None
    correlationid: str | None = None
    traceparent: str | None = None


class Envelopes:
    """Puts events of one source into canonical CloudEvents.

    `next_sequence` is the number of the next event; None leaves `sequence` out. A service that numbers its events
    keeps the number over restarts, because the ledger takes a hole for a finding.
    """

    def __init__(self, source: str, next_sequence: int | None = None) -> None:
        self._source = source
        self.next_sequence = next_sequence

    def wrap(self, event: Outgoing) -> bytes:
        """The event as canonical JSON. Raises `ValueError` where the struct is not that of the type."""
        event_type = BY_SHORT.get(event.type)
        if event_type is None or not isinstance(event.data, event_type.data):
            raise ValueError("give a type of the catalogue and the struct that belongs to it")
        now = datetime.now(UTC)
        attributes = {
            "specversion": "1.0",
            "id": event.id or uuid7(),
            "source": self._source,
            "type": event_type.name,
            "time": written(event.time or now),
            "recordedtime": written(now),
            "dataschema": event_type.schema_uri,
        }
        if self.next_sequence is not None:
            attributes["sequence"] = str(self.next_sequence)
        if event.correlationid is not None:
            attributes["correlationid"] = event.correlationid
        if event.traceparent is not None:
            attributes["traceparent"] = event.traceparent
        return canonical({**attributes, "data": msgspec.to_builtins(event.data)})

    def used(self) -> None:
        """The number of the last event went out with it; a refused event takes none."""
        if self.next_sequence is not None:
            self.next_sequence += 1
