"""The events that are measured with: the example month, drawn large enough that no run sees the same part of it."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from accountability_ledger.accept import accept
from accountability_ledger.errors import Refused
from accountability_ledger.message_key import message_key
from ledger.example.month import DEFAULT_DAYS, generate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ledger.example.line import GeneratedLine

SEED = 1
# The example month gives a person about a hundred events, whatever the number of persons.
_EVENTS_A_PERSON = 95
_FEWEST_PERSONS = 100
_DEFAULT_TOPIC = "privacy.access"
# Keys only choose the partition here; a fixed salt gives every run the same spread over partitions.
_SALT = b"of a benchmark: no secret"


class _Data(msgspec.Struct):
    subjects: list[str] = []


class _Subjects(msgspec.Struct):
    data: _Data


class Event(NamedTuple):
    """One record to send: topic without prefix, message key, value."""

    topic: str
    key: bytes | None
    value: bytes


class Stream:
    """The example month with as many persons as give it at least `size` events: first what registers purposes, parties
    and systems, then the acts. Lines that must be rejected or recognised as duplicates are part of it.
    """

    def __init__(self, size: int) -> None:
        self._lines = generate(SEED, DEFAULT_DAYS, _FEWEST_PERSONS + size // _EVENTS_A_PERSON)
        self._foundations: list[Event] = []
        self._first_act: GeneratedLine | None = None

    def foundations(self) -> list[Event]:
        """What must be in a log before the acts, so that their values are known. To be asked for before any act."""
        if self._foundations:
            return self._foundations
        for line in self._lines:
            if line.wave:
                self._first_act = line
                break
            self._foundations.append(_event(line))
        return self._foundations

    def take(self, count: int) -> list[Event]:
        """The next `count` events; fewer at the end of the month."""
        return list(self.following(count))

    def skip(self, count: int) -> None:
        """Passes over the next `count` events."""
        if count and self._first_act is not None:
            self._first_act = None
            count -= 1
        deque(islice(self._lines, count), maxlen=0)

    def following(self, count: int) -> Iterator[Event]:
        """The next `count` events, one at a time."""
        if count and self._first_act is not None:
            first, self._first_act = self._first_act, None
            count -= 1
            yield _event(first)
        for line in islice(self._lines, count):
            yield _event(line)


def _event(line: GeneratedLine) -> Event:
    try:
        event = accept(line.value)
    except Refused:
        return Event(line.topic or _DEFAULT_TOPIC, None, line.value)
    key = message_key(event.persons[0].identifier, _SALT) if event.persons else None
    return Event(event.type.topic, key, line.value)


def persons_of(events: Iterable[Event], count: int) -> list[str]:
    """The identifiers of the first `count` persons whose data the events are about, each once."""
    found: dict[str, None] = {}
    for event in events:
        if len(found) >= count:
            break
        data = msgspec.json.decode(event.value, type=_Subjects).data if event.key else None
        found.update(dict.fromkeys(data.subjects if data else ()))
    return list(found)[:count]
