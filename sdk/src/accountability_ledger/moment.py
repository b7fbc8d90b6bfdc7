"""Points in time as events write them: RFC 3339 in UTC, kept as sent."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?Z"
)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - naive on purpose: the difference of two naive UTC times is exact
_AWARE_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(text: str) -> int:
    """Microseconds since 1970-01-01T00:00:00Z; negative before it.

    Upper-case T and Z, at most six fraction digits, no leap second, a date of the calendar, years 0001 to 9999
    (RFC 3339 section 5.6, narrowed). Raises `ValueError`.
    """
    if _TIME.fullmatch(text) is None:
        raise ValueError("not a time in UTC such as 2026-10-01T09:30:00Z")
    since = datetime.fromisoformat(text[:-1]) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def is_time(text: str) -> bool:
    """Whether `microseconds` accepts the text."""
    try:
        microseconds(text)
    except ValueError:
        return False
    return True


def is_time_or_date(text: str) -> bool:
    """A time, or a bare date (00:00 UTC of that day)."""
    if _DATE.fullmatch(text) is None:
        return is_time(text)
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def written(moment: datetime) -> str:
    """An aware `datetime` as an event's time: UTC, six fraction digits. Raises `ValueError` for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("give an aware datetime, for example datetime.now(UTC)")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def to_microseconds(moment: datetime) -> int:
    """Microseconds since 1970 of an aware `datetime`, exactly; the reverse of `of_microseconds`."""
    return (moment - _AWARE_EPOCH) // timedelta(microseconds=1)


def of_microseconds(value: int) -> datetime:
    """The aware `datetime` of microseconds since 1970."""
    return _AWARE_EPOCH + timedelta(microseconds=value)
