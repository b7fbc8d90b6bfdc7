"""Times as people write them on a command line: RFC 3339, a date, or how long ago."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from ledger.core.errors import BadInput

_RELATIVE = re.compile(r"-(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_HOW = "write it as 2026-10-01T09:30:00Z, as the date 2026-10-01 (00:00 UTC), or as -7d (s, m, h, d, w)"


@dataclass(frozen=True, slots=True)
class Period:
    """A half-open period of time, and what was known when; None leaves an end open. All in UTC."""

    since: datetime | None
    until: datetime | None
    known_at: datetime | None


def moment(text: str, option: str, now: datetime) -> datetime:
    """A point in time, in UTC. Raises BadInput, which names the option and never repeats the text."""
    text = text.strip()
    if text == "now":
        return now
    if found := _RELATIVE.fullmatch(text):
        try:
            return now - timedelta(**{_UNITS[found[2]]: int(found[1])})
        except OverflowError:
            raise BadInput(f"{option} lies before the year 1: {_HOW}.") from None
    try:
        if len(text) == len("2026-10-01"):
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        if "T" in text.upper():
            parsed = datetime.fromisoformat(text)
            if parsed.tzinfo is not None:
                return parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise BadInput(f"{option} is not a time: {_HOW}.")


def period(
    since: str | None, until: str | None, known_at: str | None = None, *, now: datetime | None = None
) -> Period:
    """The period of `--from`, `--to`, `--known-at`. Raises BadInput where it ends before it begins."""
    now = now or datetime.now(UTC)
    begins, ends, known = (
        moment(text, option, now) if text is not None else None
        for text, option in ((since, "--from"), (until, "--to"), (known_at, "--known-at"))
    )
    if begins is not None and ends is not None and begins >= ends:
        raise BadInput("--from must lie before --to: the period holds its first moment, not its last.")
    return Period(begins, ends, known)
