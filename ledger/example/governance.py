"""What stands before the month: the declared backfill, and the register as it came about over the years."""

from collections.abc import Iterator
from typing import Any, Final

from ledger.example.draw import Draw
from ledger.example.line import Author, Planned, milliseconds, rfc3339
from ledger.example.registration import read_register, registrations

FOUNDED: Final = "2017-01-01"
UNDECLARED: Final = frozenset({"forms"})
"""Sources without a declared backfill: what they send late is late."""
_PAST: Final = "1970-01-01T00:00:00Z"
_ANNOUNCED: Final = "2024-01-15"


def foundations(seed: int, end: int) -> Iterator[Planned]:
    """Wave 0, in the order in which to publish: a backfill of each source up to the end, then each row of the register.

    A row's event has the time when it began to hold, so that it was recorded then, not made up afterwards.
    """
    author = Author(Draw(seed, "governance"), "governance")
    register = read_register()
    for source in register["sources"]:
        if source not in UNDECLARED:
            declared: dict[str, Any] = {"of_source": source, "from": _PAST, "to": rfc3339(end)}
            yield author.plan(end - 60_000, "import.declared", wave=0, delay=0, **declared)
    for row in registrations(register):
        since = row.data.get("valid_from") or row.data.get("effective_from") or FOUNDED
        yield author.plan(milliseconds(since), row.short, wave=0, delay=0, **row.data)
    for key, party in register["parties"].items():
        # Indus Desk is left out: customers were never told of it.
        if party["role"] == "processor" and key != "indus":
            yield author.plan(
                milliseconds(_ANNOUNCED),
                "subprocessor.announced",
                wave=0,
                delay=0,
                subprocessor_id=key,
                valid_from=_ANNOUNCED,
            )
