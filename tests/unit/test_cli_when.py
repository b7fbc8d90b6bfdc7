"""Times as people write them on the command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.cli.when import moment, period
from ledger.core.errors import BadInput

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("2026-10-01", datetime(2026, 10, 1, tzinfo=UTC)),
        ("2026-10-01T09:30:00Z", datetime(2026, 10, 1, 9, 30, tzinfo=UTC)),
        ("2026-10-01T09:30:00.123456Z", datetime(2026, 10, 1, 9, 30, 0, 123456, tzinfo=UTC)),
        ("2026-10-01T09:30:00+02:00", datetime(2026, 10, 1, 7, 30, tzinfo=UTC)),
        (" 2026-10-01 ", datetime(2026, 10, 1, tzinfo=UTC)),
        ("-7d", NOW - timedelta(days=7)),
        ("-2w", NOW - timedelta(weeks=2)),
        ("-36h", NOW - timedelta(hours=36)),
        ("-90m", NOW - timedelta(minutes=90)),
        ("-15s", NOW - timedelta(seconds=15)),
    ],
)
def test_a_time_is_read_as_utc(text: str, expected: datetime) -> None:
    found = moment(text, "--from", NOW)
    assert found == expected
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-10-01T09:30:00",
        "2026-13-01",
        "2026-10-01 09:30",
        "7d",
        "-7y",
        "-999999w",
        "20261001",
    ],
)
def test_what_is_no_time_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(BadInput, match="--known-at") as refused:
        moment(text, "--known-at", NOW)
    assert not text or f"'{text}'" not in str(refused.value)
    assert "-7d" in str(refused.value)


def test_a_period_may_be_open_at_both_ends() -> None:
    found = period(None, None, now=NOW)
    assert (found.since, found.until, found.known_at) == (None, None, None)


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_period_ends_after_it_begins(one: int, two: int) -> None:
    begins, ends = (NOW - timedelta(minutes=each) for each in (one, two))
    if begins < ends:
        found = period(f"-{one}m", f"-{two}m", now=NOW)
        assert (found.since, found.until) == (begins, ends)
    else:
        with pytest.raises(BadInput, match="before --to"):
            period(f"-{one}m", f"-{two}m", now=NOW)
