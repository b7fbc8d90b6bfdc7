"""Questions: who accessed a person's data, what an account did, what the log holds.

Every question is appended to the ledger before it is answered; where that append fails, there is no answer. An answer
is computed at one size of the tree, and its later pages, asked for by cursor, at the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, cast

from accountability_ledger.catalog import BY_SHORT
from accountability_ledger.errors import Refused
from accountability_ledger.identifier import normalise
from accountability_ledger.moment import microseconds, of_microseconds, written
from accountability_ledger.restricted_json import MAX_INTEGER
from ledger.core import base64url, own
from ledger.core.answer import Answer, Period, Pin, Question, TouchedSoFar, entry_json
from ledger.core.answer_cursor import Cursor, Cursors
from ledger.core.answer_open import read_leaf
from ledger.core.entry import SealedValue
from ledger.core.errors import BadInput, Inconclusive
from ledger.core.merkle import leaf_hash
from ledger.core.randomness import system_randomness
from ledger.storage.closure import closure
from ledger.storage.database import translated
from ledger.storage.first_page import first_page
from ledger.storage.own_entries import OwnEntry
from ledger.storage.reading import BEGINNING, Place, Snapshot, milliseconds, open_rows, snapshot
from ledger.storage.sql import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence

    import asyncpg

    from ledger.core.answer import Touched
    from ledger.core.answer_open import OpenedEntry
    from ledger.storage.opening import OpenLedger
    from ledger.storage.own_entries import Placed
    from ledger.storage.reading import Row

_SQL = load("questions")
QUERIED = own.type_name("ledger.queried")
EXPORTED = own.type_name("ledger.exported")
MAX_LIMIT = 10_000
_CHUNK = 1000
_CONCERNED = ("subject", "participant", "recipient", "old", "new")
# A read of the ledger about a person is an access to that person's data too.
_ACCESSES = (
    *(
        kind.name
        for short, kind in BY_SHORT.items()
        if short.split(".", 1)[0] in ("data", "recording", "share")
    ),
    QUERIED,
    EXPORTED,
)


class ErasureUnderWay(Inconclusive):
    """Part of the person asked about is being erased right now."""

    code = "erasure-under-way"


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: `actor` is a typed identifier (`user:<login>`), `via` the way in; reason and case are sealed to him."""

    actor: str
    via: Literal["cli", "http"]
    reason: str | None = None
    case: str | None = None


@dataclass(frozen=True, slots=True)
class LogEntries:
    """One page of the log itself: `{"seq", "appended", "time", "type", "leaf_hash", "leaf", "event", "who"}` an entry,
    with nothing unsealed. `leaf` are the bytes that were hashed (base64url), the rest is read out of them.
    """

    ledger: str
    query_seq: int
    pin: Pin
    entries: tuple[dict[str, Any], ...]
    next_cursor: str | None

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": "urn:accountability-ledger:schema:answer.entries.v1",
            "ledger": self.ledger,
            "query_seq": self.query_seq,
            "checkpoint": self.pin.to_json(),
            "entries": list(self.entries),
            "next_cursor": self.next_cursor,
        }


async def who_accessed(
    ledger: OpenLedger,
    asker: Asker,
    subject: str,
    *,
    since: datetime | None,
    until: datetime | None,
    known_at: datetime | None,
    limit: int = 1000,
    cursor: str | None = None,
) -> Answer:
    """Every act on a person's data: the `data.*`, `recording.*` and `share.*` entries in which the person, under any
    identifier known to be his, is subject, participant or recipient, and the ledger's own reads about him (GDPR
    Article 15(1)). Ordered by the event's time, then by seq; the period is half-open.

    Appends `ledger.queried` first. Raises BadInput (times, limit, cursor, identifier), BadAnswer where an entry does
    not open as its leaf says, Unreachable where the append fails.
    """
    period = Period(since, until, known_at)
    asked = _Asked("who-accessed", _identifier(subject), period, _CONCERNED, _ACCESSES)
    return await _answer(ledger, asker, asked, limit, cursor)


async def actor_activity(
    ledger: OpenLedger,
    asker: Asker,
    actor: str,
    *,
    since: datetime | None,
    until: datetime | None,
    known_at: datetime | None = None,
    limit: int = 1000,
    cursor: str | None = None,
) -> Answer:
    """What an account did: every entry in which it acted or in whose name another acted, with what it touched.

    The account is the subject of the `ledger.queried` entry that is appended first. A name without a type that is a
    registered source means the service, which is no person: the entry names it in clear. Raises as `who_accessed`.
    """
    period = Period(since, until, known_at)
    identifier = _identifier(actor)
    service = identifier.removeprefix("id:")
    with translated():
        known = await ledger.reader.fetchval(_SQL.is_source, ledger.ledger_id, service)
    if known and identifier.startswith("id:"):
        asked = _Asked("actor", service, period, (), None, service=True)
    else:
        asked = _Asked("actor", identifier, period, ("actor",), None)
    return await _answer(ledger, asker, asked, limit, cursor)


async def log_entries(
    ledger: OpenLedger,
    asker: Asker,
    *,
    start: int = 0,
    kind: str | None = None,
    limit: int = 1000,
    cursor: str | None = None,
) -> LogEntries:
    """The log's entries from seq `start` on, of one full type name or of all. A chained read: leaves are
    pseudonymous personal data. Raises BadInput, BadAnswer, Unreachable.
    """
    _check_limit(limit)
    if not 0 <= start <= MAX_INTEGER:
        raise BadInput("An entry's seq is a number from 0 to 2^53-1.")
    cursors = _cursors(ledger)
    bound_to = {"question": "entries", "ledger": ledger.name, "type": kind}
    begun = cursors.read(cursor, bound_to) if cursor else None
    async with snapshot(ledger) as state:
        pin = Pin(begun.size, begun.root) if begun else state.pin
        first = begun.seq + 1 if begun else start
        rows = await state.entries(first, pin.size, kind, limit + 1)
        shown = [_log_entry(row, ledger.origin) for row in rows[:limit]]
    following = None
    if len(rows) > limit:
        following = cursors.write(Cursor(pin.size, pin.root, 0, rows[limit - 1].stored.seq), bound_to)
    data: dict[str, Any] = {"question": "entries", "count": len(shown)}
    placed = await record(ledger, asker, data, None)
    return LogEntries(ledger.name, placed.seq, pin, tuple(shown), following)


async def one_entry(ledger: OpenLedger, asker: Asker, seq: int) -> LogEntries:
    """One entry of the log, as `log_entries` shows it; none where the log is shorter. A chained read."""
    async with snapshot(ledger) as state:
        rows = await state.entries(seq, seq + 1, None, 1) if 0 <= seq < state.pin.size else []
        shown = tuple(_log_entry(row, ledger.origin) for row in rows)
    placed = await record(ledger, asker, {"question": "entries", "count": len(shown)}, None)
    return LogEntries(ledger.name, placed.seq, state.pin, shown, None)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question about one person: which roles he has in the entries wanted, and their types (None: any); or about a
    registered service, which has no key.
    """

    question: Question
    about: str
    period: Period
    roles: Sequence[str]
    types: Sequence[str] | None
    service: bool = False

    def bound_to(self, ledger: OpenLedger) -> dict[str, Any]:
        """What a cursor of this question is good for."""
        return {
            "question": self.question,
            "ledger": ledger.name,
            "about": self.about,
            **self.period.to_json(),
        }

    async def rows(
        self, state: Snapshot, keys: Collection[bytes], *, size: int, after: Place, limit: int
    ) -> list[Row]:
        """The entries that answer it."""
        if self.service:
            return await state.service_acts(self.about, self.period, size=size, after=after, limit=limit)
        return await state.acts(
            keys, self.roles, self.period, types=self.types, size=size, after=after, limit=limit
        )


async def _answer(ledger: OpenLedger, asker: Asker, asked: _Asked, limit: int, cursor: str | None) -> Answer:
    _check_limit(limit)
    _check_period(asked.period)
    cursors = _cursors(ledger)
    bound_to = asked.bound_to(ledger)
    begun = cursors.read(cursor, bound_to) if cursor else None
    # The vault is asked afresh: a key that this process remembers may be erased meanwhile.
    ledger.vault.forget()
    actor = _identifier(asker.actor)
    # In one look: the asker's key is needed soon, for the entry that says who asked.
    found = await ledger.vault.keys([actor] if asked.service else [asked.about, actor])
    person = None if asked.service else found[asked.about].key_id
    page = None
    if person is not None and asked.types is not None and begun is None and limit <= _CHUNK:
        page = await first_page(ledger, person, asked.roles, asked.types, asked.period, limit + 1)
    if person is not None and page:
        touched = None
        keys, pin, rows = {person}, page.pin, page.rows
        shown = rows[:limit]
        opened = await open_rows(ledger, shown, page.slots, keys, None)
    else:
        answer = await _within_snapshot(ledger, asked, person, begun, limit)
        keys, pin, rows, opened, touched = answer
    following = None
    if len(rows) > limit:
        last = rows[limit - 1].stored
        place = Cursor(pin.size, pin.root, microseconds(written(last.time)), last.seq, tuple(sorted(keys)))
        following = cursors.write(place, bound_to)
    entries = tuple(entry_json(entry, slots, asked.question) for entry, slots in opened)
    said = {name: text for name, text in asked.period.to_json().items() if text is not None}
    data = {"question": asked.question, **said, "count": len(entries)}
    if asked.service:
        data["service"] = asked.about
    placed = await record(ledger, asker, data, None if asked.service else asked.about)
    return Answer(
        asked.question, ledger.name, asked.about, asked.period, placed.seq, pin, entries, following, touched
    )


async def _within_snapshot(
    ledger: OpenLedger, asked: _Asked, person: bytes | None, begun: Cursor | None, limit: int
) -> tuple[set[bytes], Pin, list[Row], list[tuple[OpenedEntry, list[int]]], Touched | None]:
    """Keys of the person, the tree, the page's rows and one more, those of the page opened, and what was touched."""
    everyone = asked.question == "actor"
    async with snapshot(ledger) as state:
        pin = Pin(begun.size, begun.root) if begun else state.pin
        keys = set(begun.keys) if begun else await _closure(ledger, state, person, asked.period)
        await _check_living(ledger, keys, person)
        after = Place(of_microseconds(begun.time), begun.seq) if begun else BEGINNING
        rows = await asked.rows(state, keys, size=pin.size, after=after, limit=limit + 1)
        opened: list[tuple[OpenedEntry, list[int]]] = []
        for chunk in _chunks(rows[:limit]):
            opened += await state.open(chunk, keys, everyone=everyone)
        touched = await _touched(state, asked, keys, opened, rows, limit) if everyone and not begun else None
    return keys, pin, rows, opened, touched


async def _closure(ledger: OpenLedger, state: Snapshot, key_id: bytes | None, period: Period) -> set[bytes]:
    """The person's keys, by the identity links of this very snapshot; none for a service."""
    if key_id is None:
        return set()
    known = None if period.known_at is None else milliseconds(period.known_at)
    connection = cast("asyncpg.Pool", state.connection)  # it answers `fetch` just as a pool does
    return await closure(connection, ledger.ledger_id, [key_id], known)


async def _check_living(ledger: OpenLedger, keys: Collection[bytes], asked: bytes | None) -> None:
    """An answer that could not open one of the person's keys would leave entries out in silence."""
    others = set(keys) - {asked}
    if others and len(await ledger.vault.by_key_id(others)) != len(others):
        raise ErasureUnderWay(
            "This person, or an identifier joined with his, is being erased: ask again without a cursor in a moment."
        )


async def _touched(
    state: Snapshot,
    asked: _Asked,
    keys: Collection[bytes],
    opened: list[tuple[OpenedEntry, list[int]]],
    rows: Sequence[Row],
    limit: int,
) -> Touched:
    """What the account touched, over the whole answer: the page that is open already, and all that follows it."""
    so_far = TouchedSoFar()
    for entry, _ in opened:
        so_far.add(entry)
    if len(rows) > limit:
        last = rows[limit - 1].stored
        async for chunk in _following(state, asked, keys, Place(last.time, last.seq)):
            for entry, _ in await state.open(chunk, keys, everyone=True):
                so_far.add(entry)
    return so_far.result()


async def _following(
    state: Snapshot, asked: _Asked, keys: Collection[bytes], after: Place
) -> AsyncIterator[list[Row]]:
    while True:
        rows = await asked.rows(state, keys, size=state.pin.size, after=after, limit=MAX_LIMIT)
        for chunk in _chunks(rows):
            yield chunk
        if len(rows) < MAX_LIMIT:
            return
        after = Place(rows[-1].stored.time, rows[-1].stored.seq)


def _chunks(rows: Sequence[Row]) -> Sequence[list[Row]]:
    return [list(rows[at : at + _CHUNK]) for at in range(0, len(rows), _CHUNK)]


async def record(ledger: OpenLedger, asker: Asker, data: dict[str, Any], about: str | None = None) -> Placed:
    """Appends a `ledger.queried` entry: `data` in clear, the person asked about as subject, the asker as actor, his
    reason and case sealed to him. Whatever this raises, the answer must not leave.
    """
    persons = [("subject", about)] if about else []
    return await ledger.own.append(
        OwnEntry(
            QUERIED,
            data,
            asker.via,
            persons=[*persons, ("actor", _identifier(asker.actor))],
            sealed=sealed_of(asker),
        )
    )


def sealed_of(asker: Asker) -> list[SealedValue]:
    """The asker's reason and case, sealed to him: what somebody looked for tells of the person looked at."""
    given = (("data.reason", asker.reason), ("data.case", asker.case))
    return [SealedValue(name, value, "actor") for name, value in given if value]


def _log_entry(row: Row, origin: str) -> dict[str, Any]:
    found = read_leaf(row.stored, origin)
    return {
        "seq": row.stored.seq,
        "appended": found["appended"],
        "time": found["event"]["time"],
        "type": found["event"]["type"],
        "leaf_hash": base64url.encode(leaf_hash(row.stored.leaf)),
        "leaf": base64url.encode(row.stored.leaf),
        "event": found["event"],
        "via": found["via"],
        "who": found["who"],
    }


def _cursors(ledger: OpenLedger) -> Cursors:
    return Cursors(ledger.keyring.blind_index, system_randomness())


def _identifier(text: str) -> str:
    try:
        return normalise(text)
    except Refused as error:
        raise BadInput(f"The identifier cannot be used: {error.message}.") from error


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_LIMIT:
        raise BadInput(f"The limit is a number from 1 to {MAX_LIMIT}.")


def _check_period(period: Period) -> None:
    moments = (period.since, period.until, period.known_at)
    if any(each is not None and each.utcoffset() != timedelta(0) for each in moments):
        raise BadInput("Give times in UTC, such as 2026-10-01T09:30:00Z.")
    if period.since and period.until and period.since >= period.until:
        raise BadInput("The period is empty: its beginning must lie before its end.")
