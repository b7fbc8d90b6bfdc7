"""Answers: what a question gives back, in the shapes that other people's scripts read.

Two fields are there already and always empty in this version: `legal_basis_established` (null) and `findings` ([]).
They are filled by the verdicts, which judge what a producer claims; until then only the claim is told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from accountability_ledger.moment import written
from ledger.core import base64url
from ledger.core.checkpoint import tree_hash_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from ledger.core.answer_open import OpenedEntry

Question = Literal["who-accessed", "actor", "entries"]

_SHOWN = (
    "processing_role",
    "special_basis",
    "law_ref",
    "instruction_id",
    "reason_code",
    "subject_categories",
    "origin",
    "channel",
    "side",
    "disclosure_id",
    "onward_of",
    "share_id",
    "recording_id",
    "exporter_id",
    "importer_id",
    "origin_country",
    "remote_access",
    "source_country",
    "resource",
    "notice_version",
    "corrects",
    "population",
    "assurance",
)
_ACTORS_OWN = ("justification", "source_ip", "session_id")


def schema(question: str) -> str:
    """The name of an answer's shape; another version has another name."""
    return f"urn:accountability-ledger:schema:answer.{question}.v1"


@dataclass(frozen=True, slots=True)
class Period:
    """What is asked about: [since, until) of the events' `time`, None for no bound; knowledge up to `known_at`."""

    since: datetime | None = None
    until: datetime | None = None
    known_at: datetime | None = None

    def to_json(self) -> dict[str, str | None]:
        return {"from": _time(self.since), "to": _time(self.until), "known_at": _time(self.known_at)}


@dataclass(frozen=True, slots=True)
class Pin:
    """The tree that an answer speaks of: it saw everything below `size`, and nothing after it."""

    size: int
    root: bytes

    def to_json(self) -> dict[str, Any]:
        """The root in standard base64, as a checkpoint has it (C2SP tlog-checkpoint)."""
        return {"size": self.size, "root": tree_hash_text(self.root)}


@dataclass(frozen=True, slots=True)
class Touched:
    """What an account touched, over the whole answer: of its allowed acts the distinct persons (as far as the vault
    still has them; `persons_erased` counts the slots that nobody can be named for), data categories, systems,
    destination countries, the countries it came from, and recipients; how many acts were allowed and denied; and each
    denied act with the first allowed one after it on the same person and data.
    """

    persons: tuple[str, ...]
    persons_erased: int
    data_categories: tuple[str, ...]
    systems: tuple[str, ...]
    countries: tuple[str, ...]
    source_countries: tuple[str, ...]
    recipients: tuple[str, ...]
    allowed: int
    denied: int
    denied_then_allowed: tuple[tuple[int, int], ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "persons": list(self.persons),
            "persons_erased": self.persons_erased,
            "data_categories": list(self.data_categories),
            "systems": list(self.systems),
            "countries": list(self.countries),
            "source_countries": list(self.source_countries),
            "recipients": list(self.recipients),
            "allowed": self.allowed,
            "denied": self.denied,
            "denied_then_allowed": [{"denied": one, "allowed": two} for one, two in self.denied_then_allowed],
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """One page of an answer. `query_seq` is the entry that records the asking; it lies behind the pinned tree.
    `touched` is told with the first page of an actor's answer, and is null on the others.
    """

    question: Question
    ledger: str
    about: str
    period: Period
    query_seq: int
    pin: Pin
    entries: tuple[dict[str, Any], ...]
    next_cursor: str | None
    touched: Touched | None = None

    def to_json(self) -> dict[str, Any]:
        """`{"schema", "ledger", "subject" or "actor", "from", "to", "known_at", "query_seq", "checkpoint", "entries",
        "next_cursor"}`, with the keys of `Touched` in an actor's answer.
        """
        about = {"actor": self.about} if self.question == "actor" else {"subject": self.about}
        touched: dict[str, Any] = {}
        if self.question == "actor":
            touched = self.touched.to_json() if self.touched else dict.fromkeys(Touched.__slots__)
        return {
            "schema": schema(self.question),
            "ledger": self.ledger,
            **about,
            **self.period.to_json(),
            "query_seq": self.query_seq,
            "checkpoint": self.pin.to_json(),
            **touched,
            "entries": list(self.entries),
            "next_cursor": self.next_cursor,
        }


def entry_json(opened: OpenedEntry, asked: Iterable[int], question: Question) -> dict[str, Any]:
    """One entry of an answer; `asked` are the slots of the person asked about.

    Always there: seq, time, appended, type, source, actor, actor_kind, operation, outcome, data_categories, purpose,
    legal_basis_claimed, legal_basis_established, recipient_id, destination_country, mechanism_id, controller_id,
    system, store, record_count, role, subjects, topic, partition, offset, leaf_hash (base64url), findings. Further
    fields of the event stand beside them where it has them. Who was erased is null, with `actor_erased` or
    `recipient_erased`.
    """
    data, event, via = opened.data, opened.event, opened.leaf["via"]
    actor = _actor(opened)
    recipient = _recipient(opened)
    shown = {
        "seq": opened.seq,
        "time": event["time"],
        "appended": opened.leaf["appended"],
        "type": event["type"],
        "source": event["source"],
        **actor,
        "operation": data.get("operation"),
        "outcome": data.get("outcome"),
        "data_categories": data.get("data_categories"),
        "purpose": data.get("purpose"),
        "legal_basis_claimed": data.get("legal_basis"),
        "legal_basis_established": None,
        **recipient,
        "destination_country": data.get("destination_country"),
        "mechanism_id": data.get("mechanism_id"),
        "controller_id": data.get("controller_id"),
        "system": data.get("system"),
        "store": data.get("store"),
        "record_count": data.get("record_count"),
        "role": ",".join(dict.fromkeys(opened.roles[slot] for slot in asked)),
        "subjects": sum(role == "subject" for role in opened.roles),
        "topic": via.get("topic"),
        "partition": via.get("partition"),
        "offset": via.get("offset"),
        "leaf_hash": base64url.encode(opened.leaf_hash),
        "findings": [],
    }
    if "id" in event:
        shown["event_id"] = event["id"]
    shown |= {name: data[name] for name in _SHOWN if name in data}
    if question == "actor":
        shown |= {name: data[name] for name in _ACTORS_OWN if name in data}
        shown["persons"] = sorted(persons_of(opened))
    if "question" in data:
        shown |= {"question": data["question"], "operation": "query"}
    return shown


def persons_of(opened: OpenedEntry) -> set[str]:
    """Whose data an entry is about, as far as they can be named: its subjects and participants."""
    return {
        identity
        for slot, identity in opened.identities.items()
        if opened.roles[slot] in ("subject", "participant")
    }


def _actor(opened: OpenedEntry) -> dict[str, Any]:
    """Who acted, and for whom. A service stands in clear; a person has a slot, the first of the role `actor`, and the
    person acted for the next one.
    """
    stated: Mapping[str, Any] = opened.data.get("actor") or {}
    slots = [slot for slot, role in enumerate(opened.roles) if role == "actor"]
    shown: dict[str, Any] = {"actor": stated.get("id"), "actor_kind": stated.get("kind")}
    if "org" in stated:
        shown["actor_org"] = stated["org"]
    if stated.get("kind") != "service" and slots:
        first = slots.pop(0)
        shown["actor"] = opened.identities.get(first)
        if shown["actor"] is None:
            shown["actor_erased"] = True
    if slots:
        shown["on_behalf_of"] = opened.identities.get(slots[0])
        if shown["on_behalf_of"] is None:
            shown["on_behalf_of_erased"] = True
    elif "on_behalf_of" in stated:
        shown["on_behalf_of"] = stated["on_behalf_of"]
    return shown


def _recipient(opened: OpenedEntry) -> dict[str, Any]:
    """Who received the data: an organisation in clear, a person from the slot, the importer of a transfer."""
    slot = next((slot for slot, role in enumerate(opened.roles) if role == "recipient"), None)
    if slot is None:
        return {"recipient_id": opened.data.get("recipient_id", opened.data.get("importer_id"))}
    identity = opened.identities.get(slot)
    return {"recipient_id": identity} if identity else {"recipient_id": None, "recipient_erased": True}


@dataclass(slots=True)
class TouchedSoFar:
    """Gathers `Touched` entry by entry, in the order of the answer."""

    _persons: set[str] = field(default_factory=set)
    _erased: int = 0
    _categories: set[str] = field(default_factory=set)
    _systems: set[str] = field(default_factory=set)
    _countries: set[str] = field(default_factory=set)
    _source_countries: set[str] = field(default_factory=set)
    _recipients: set[str] = field(default_factory=set)
    _allowed: int = 0
    _denied: int = 0
    _open_denials: list[tuple[int, set[str], set[str]]] = field(default_factory=list)
    _pairs: list[tuple[int, int]] = field(default_factory=list)

    def add(self, opened: OpenedEntry) -> None:
        """Counts acts on data (`data.*`) alone; a denied one touched nothing."""
        if not opened.event["type"].startswith("org.accountability-ledger.data."):
            return
        data = opened.data
        persons, categories = persons_of(opened), set(_texts(data.get("data_categories")))
        if data.get("outcome") == "denied":
            self._denied += 1
            self._open_denials.append((opened.seq, persons, categories))
            return
        self._allowed += 1
        self._pair(opened.seq, persons, categories)
        self._persons |= persons
        self._erased += sum(
            role in ("subject", "participant") and slot not in opened.identities
            for slot, role in enumerate(opened.roles)
        )
        self._categories |= categories
        self._systems.update(_texts([data.get("system"), data.get("store")]))
        self._countries.update(_texts([data.get("destination_country")]))
        self._source_countries.update(_texts([data.get("source_country")]))
        self._recipients.update(_texts([_recipient(opened)["recipient_id"]]))

    def _pair(self, allowed: int, persons: set[str], categories: set[str]) -> None:
        still = []
        for denial in self._open_denials:
            seq, whose, what = denial
            if whose & persons and what & categories:
                self._pairs.append((seq, allowed))
            else:
                still.append(denial)
        self._open_denials = still

    def result(self) -> Touched:
        return Touched(
            persons=tuple(sorted(self._persons)),
            persons_erased=self._erased,
            data_categories=tuple(sorted(self._categories)),
            systems=tuple(sorted(self._systems)),
            countries=tuple(sorted(self._countries)),
            source_countries=tuple(sorted(self._source_countries)),
            recipients=tuple(sorted(self._recipients)),
            allowed=self._allowed,
            denied=self._denied,
            denied_then_allowed=tuple(sorted(self._pairs)),
        )


def _texts(values: Sequence[Any] | None) -> Iterable[str]:
    return (each for each in values or () if isinstance(each, str))


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else written(moment)
