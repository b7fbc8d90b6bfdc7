"""The example month as lines: the same bytes for the same seed, on any machine, at any size, in flat memory.

Wave 0 is to be published and acknowledged first (declared backfills, the register), then wave 1 (the month), then
wave 2 (what became known later). Stories that reach beyond the last day are cut off there.
"""

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from itertools import chain
from typing import IO, Any, Final

import msgspec

from ledger.example.arrivals import arrivals
from ledger.example.authorities import authorities
from ledger.example.compromise import breach_handling, compromised_night
from ledger.example.deletions import deletions
from ledger.example.governance import foundations
from ledger.example.line import DAY, Expected, GeneratedLine, Malformed, Planned, encode
from ledger.example.malformed import malformed
from ledger.example.office import heartbeats, office
from ledger.example.persons import Crowd
from ledger.example.regulators_person import clara
from ledger.example.requests import requests
from ledger.example.second_wave import believed, known_later
from ledger.example.twins import Twins
from ledger.example.wrongdoing import wrongdoing

DEFAULT_SEED: Final = 1
DEFAULT_DAYS: Final = 30
DEFAULT_PERSONS: Final = 200
DEFAULT_RATE: Final = 5.0
DEFAULT_START: Final = date(2026, 10, 1)
EARLIEST_START: Final = date(2025, 2, 1)
"""By then every row of the register holds."""
_NUMBERED: Final = "crm"
_HOLE: Final = 100


class Summary(msgspec.Struct, frozen=True):
    """What the ledger is expected to count. `rejected` is by reason, `types` by short name (appended lines only)."""

    lines: int
    bytes: int
    sha256: str
    expected: dict[Expected, int]
    rejected: dict[str, int]
    types: dict[str, int]
    waves: dict[int, int]


def generate(
    seed: int = DEFAULT_SEED,
    days: int = DEFAULT_DAYS,
    persons: int = DEFAULT_PERSONS,
    rate: float = DEFAULT_RATE,
    start: date = DEFAULT_START,
) -> Iterator[GeneratedLine]:
    """The lines in the order in which to publish them.

    `rate` is the number of events for each person and working day. Every `time` lies before the end of the last day.
    Raises `ValueError` for numbers that make no month.
    """
    if days < 1 or persons < 1 or not 0 <= rate <= 1_000:
        raise ValueError("give at least one day, one person, and a rate from 0 to 1000")
    if start < EARLIEST_START:
        raise ValueError(
            f"give at least {EARLIEST_START} as the first day: the register's rows begin before it"
        )
    return _lines(seed, days, persons, rate, start)


def _lines(seed: int, days: int, persons: int, rate: float, start: date) -> Iterator[GeneratedLine]:
    begins = int(datetime(start.year, start.month, start.day, tzinfo=UTC).timestamp()) * 1_000
    ends = begins + days * DAY
    crowd = Crowd(persons, begins, ends)
    twins = Twins(seed)
    numbers = Counter[str]()
    for planned in foundations(seed, ends):
        yield _line(planned, planned.envelope())
    for item in _month(seed, days, rate, crowd, begins, ends):
        if isinstance(item, Malformed):
            yield GeneratedLine(item.value, "rejected", item.reason, 1, item.topic)
        elif item.at < ends:
            event = _numbered(item, numbers)
            line = _line(item, event)
            yield line
            yield from twins.after(line, event)
    yield from twins.rest()
    for planned in known_later(seed, begins):
        if planned.at < ends:
            event = planned.envelope()
            line = _line(planned, event)
            yield line
            yield from twins.after(line, event)
    yield from twins.rest()


def _month(
    seed: int, days: int, rate: float, crowd: Crowd, begins: int, ends: int
) -> Iterator[Planned | Malformed]:
    """The first wave in order of time: scripted stories beside the streams that are as long as the month."""
    stories = sorted(
        chain(
            clara(seed, begins),
            deletions(seed, begins),
            requests(seed, begins),
            wrongdoing(seed, begins),
            authorities(seed, begins),
            believed(seed, begins),
            breach_handling(seed, crowd, begins),
        ),
        key=_time,
    )
    streams: tuple[Iterable[Planned | Malformed], ...] = (
        stories,
        arrivals(seed, crowd),
        compromised_night(seed, crowd, begins),
        office(seed, crowd, begins, days, rate),
        heartbeats(seed, begins, days),
        malformed(seed, begins, ends),
    )
    return heapq.merge(*streams, key=_time)


def _time(item: Planned | Malformed) -> int:
    return item.at


def _numbered(planned: Planned, numbers: Counter[str]) -> dict[str, Any]:
    """The event, with the next number of a source that numbers its events; the CRM loses one on the way (SOURCE_GAP)."""
    event = planned.envelope()
    if planned.source == _NUMBERED:
        numbers[_NUMBERED] += 2 if numbers[_NUMBERED] == _HOLE else 1
        event["sequence"] = str(numbers[_NUMBERED])
    return event


def _line(planned: Planned, event: dict[str, Any]) -> GeneratedLine:
    return GeneratedLine(encode(event), "appended", None, planned.wave, None)


def summarise(lines: Iterable[GeneratedLine]) -> Summary:
    """Counts what is given, one line at a time."""
    return _Tally().over(lines)


def summary(
    seed: int = DEFAULT_SEED,
    days: int = DEFAULT_DAYS,
    persons: int = DEFAULT_PERSONS,
    rate: float = DEFAULT_RATE,
    start: date = DEFAULT_START,
) -> Summary:
    """The expected counts of a month, by making it."""
    return summarise(generate(seed, days, persons, rate, start))


def write(
    out: IO[bytes],
    seed: int = DEFAULT_SEED,
    days: int = DEFAULT_DAYS,
    persons: int = DEFAULT_PERSONS,
    rate: float = DEFAULT_RATE,
    start: date = DEFAULT_START,
) -> Summary:
    """Writes the month as NDJSON, values only, and returns what was written."""
    return _Tally(out).over(generate(seed, days, persons, rate, start))


class _Tally:
    """Counts and digests lines as they pass, on their way to a file where there is one."""

    def __init__(self, out: IO[bytes] | None = None) -> None:
        self._out = out
        self._expected = Counter[Expected]()
        self._rejected = Counter[str]()
        self._types = Counter[str]()
        self._waves = Counter[int]()
        self._digest = hashlib.sha256()
        self._bytes = 0

    def over(self, lines: Iterable[GeneratedLine]) -> Summary:
        for line in lines:
            self._take(line)
        return Summary(
            lines=self._expected.total(),
            bytes=self._bytes,
            sha256=self._digest.hexdigest(),
            expected=dict(sorted(self._expected.items())),
            rejected=dict(sorted(self._rejected.items())),
            types=dict(sorted(self._types.items())),
            waves=dict(sorted(self._waves.items())),
        )

    def _take(self, line: GeneratedLine) -> None:
        row = line.value + b"\n"
        if self._out is not None:
            self._out.write(row)
        self._digest.update(row)
        self._bytes += len(row)
        self._expected[line.expect] += 1
        self._waves[line.wave] += 1
        if line.expect == "appended":
            self._types[short_name(line.value)] += 1
        elif line.reason is not None:
            self._rejected[line.reason] += 1


_TYPE_MARK: Final = b'"type":"org.accountability-ledger.'


def short_name(value: bytes) -> str:
    """The short name in a canonical line: `type` is the last key, so it is found from the end."""
    return value[value.rindex(_TYPE_MARK) + len(_TYPE_MARK) : value.rindex(b".v1")].decode()
