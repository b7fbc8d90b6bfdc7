"""Lines that must be refused, one maker for each reason that a file of lines can carry."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from ledger.example.acts import PROFILE, SERVICE
from ledger.example.draw import Draw
from ledger.example.line import Author, Malformed, Planned, encode

OF_EACH: Final = 3
_TOPIC: Final = "privacy.access"

Change = Callable[[dict[str, Any]], None]


def _value(change: Change) -> Callable[[dict[str, Any]], bytes]:
    def make(event: dict[str, Any]) -> bytes:
        change(event)
        return encode(event)

    return make


def _text(old: bytes, new: bytes) -> Callable[[dict[str, Any]], bytes]:
    """Bytes that no encoder would write: one place of the canonical text replaced."""

    def make(event: dict[str, Any]) -> bytes:
        return encode(event).replace(old, new, 1)

    return make


def _nested(event: dict[str, Any]) -> bytes:
    return encode(event).replace(b'"outcome"', b'"deep":' + b"[" * 40 + b"]" * 40 + b',"outcome"', 1)


def _crowded(event: dict[str, Any]) -> None:
    event["data"]["subjects"] = [f"email:seat{number}@example.com" for number in range(257)]


def _nobody(event: dict[str, Any]) -> None:
    """Free text, and no one whose key could seal it."""
    event["type"] = event["type"].replace("data.accessed", "breach.detected")
    event["data"] = {"breach_id": "breach-nobody", "consequences": "Somebody's recordings were read"}


_MAKERS: Final[tuple[tuple[str, Callable[[dict[str, Any]], bytes]], ...]] = (
    ("not-json", _text(b'"data":{', b'"data":{,')),
    ("not-json", lambda event: encode(event)[:-20]),
    ("duplicate-key", _text(b'"outcome":"allowed"', b'"outcome":"denied","outcome":"allowed"')),
    ("duplicate-key", _text(b'"outcome":"allowed"', b'"outcome":"denied","outc\\u006fme":"allowed"')),
    ("number", _text(b'"record_count":3', b'"record_count":3.0')),
    ("number", _text(b'"record_count":3', b'"record_count":9007199254740993')),
    ("string", _text(b"user:support-1", b"user:support-1\\u0000")),
    ("string", _text(b"user:support-1", b"user:support-1\\ud800")),
    ("nesting", _nested),
    ("key-name", _text(b'"outcome"', b'"Out-come":1,"outcome"')),
    ("envelope", _value(lambda event: event.update(subject="email:inheader@example.com"))),
    ("envelope", _value(lambda event: event.update(specversion="0.3"))),
    ("unknown-type", _value(lambda event: event.update(type="org.accountability-ledger.data.sold.v1"))),
    ("unknown-type", _value(lambda event: event.update(type="org.accountability-ledger.data.accessed.v9"))),
    ("unknown-field", _value(lambda event: event["data"].update(mood="hurried"))),
    ("missing-field", _value(lambda event: event["data"].pop("purpose"))),
    ("missing-field", _value(lambda event: event["data"].pop("subjects"))),
    ("wrong-value", _value(lambda event: event["data"].update(operation="borrow"))),
    ("time", _value(lambda event: event.update(time=event["time"].replace("T", "t")))),
    ("time", _value(lambda event: event.update(time="2026-10-32T09:00:00Z"))),
    ("time", _value(lambda event: event.update(time="2016-12-31T23:59:60Z"))),
    ("future", _value(lambda event: event.update(time="2099-01-01T00:00:00Z"))),
    ("duplicate-subject", _value(lambda event: event["data"]["subjects"].append("email:Twice@example.com"))),
    ("too-many-persons", _value(_crowded)),
    ("no-owner", _value(_nobody)),
    ("too-large", _value(lambda event: event["data"].update(resource="x" * 50_000))),
)
REASONS: Final = tuple(dict.fromkeys(reason for reason, _ in _MAKERS))


def malformed(seed: int, start: int, end: int) -> Iterator[Malformed]:
    """A few of each kind, spread evenly, in order of time."""
    author = Author(Draw(seed, "malformed"), "app")
    total = OF_EACH * len(_MAKERS)
    for number in range(total):
        reason, make = _MAKERS[number % len(_MAKERS)]
        at = start + (2 * number + 1) * (end - start) // (2 * total)
        topic = "privacy.governance" if reason == "no-owner" else _TOPIC
        yield Malformed(at, make(_good(author, at).envelope()), reason, topic)


def _good(author: Author, at: int) -> Planned:
    """What the line would have been."""
    return author.plan(
        at,
        "data.accessed",
        operation="read",
        outcome="allowed",
        system="app",
        store="primary",
        actor={"id": "user:support-1", "kind": "employee"},
        subjects=["email:twice@example.com"],
        data_categories=PROFILE,
        record_count=3,
        **SERVICE,
    )
