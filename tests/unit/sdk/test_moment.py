from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from accountability_ledger.moment import is_time, is_time_or_date, microseconds, of_microseconds, written


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000001Z", 1),
        ("1969-12-31T23:59:59.9Z", -100_000),
        ("2024-02-29T23:59:59.123456Z", 1_709_251_199_123_456),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
    ],
)
def test_a_time_is_counted_in_microseconds(text: str, value: int) -> None:
    assert microseconds(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "2026-10-01t09:30:00Z",
        "2026-10-01T09:30:00z",
        "2026-10-01 09:30:00Z",
        "2026-10-01T09:30:00+00:00",
        "2026-10-01T09:30:00",
        "2026-10-01T09:30Z",
        "2026-10-01T09:30:60Z",
        "2016-12-31T23:59:60Z",
        "2026-10-01T24:00:00Z",
        "2026-10-01T09:30:00.Z",
        "2026-10-01T09:30:00.1234567Z",
        "2026-10-01T09:30:00,5Z",
        "2023-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "12026-01-01T00:00:00Z",
        "٢٠٢٦-10-01T09:30:00Z",
        "2026-10-01T09:30:00Z\n",
        "",
    ],
)
def test_what_is_not_a_time_is_refused(text: str) -> None:
    assert not is_time(text)
    with pytest.raises(ValueError):
        microseconds(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-02-29", True),
        ("2026-10-01T09:30:00Z", True),
        ("2023-02-29", False),
        ("2026-10", False),
        ("20261001", False),
        ("2026-W40-4", False),
        ("2026-10-01\n", False),
    ],
)
def test_a_bare_date_may_stand_for_its_first_moment(text: str, *, expected: bool) -> None:
    assert is_time_or_date(text) is expected


def test_a_datetime_is_written_in_utc() -> None:
    moment = datetime(2026, 10, 1, 11, 30, tzinfo=timezone(timedelta(hours=2)))
    assert written(moment) == "2026-10-01T09:30:00.000000Z"
    assert of_microseconds(microseconds(written(moment))) == moment
    with pytest.raises(ValueError, match="aware"):
        written(datetime.now(UTC).replace(tzinfo=None))
