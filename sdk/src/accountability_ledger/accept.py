"""Whether an event is accepted, and what it says: the one gate for producers, the lint, the API and the worker."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from accountability_ledger import envelope, restricted_json
from accountability_ledger.catalog import EVENT_TYPES, EventType, Shape
from accountability_ledger.conditions import check_present, check_values
from accountability_ledger.errors import Refused
from accountability_ledger.fields import PersonRole, Sealed
from accountability_ledger.identifier import is_typed, normalise
from accountability_ledger.moment import is_time, is_time_or_date

MAX_PERSONS: Final = 256
FUTURE_TOLERANCE_MS: Final = 5 * 60 * 1000

_CHECKS: Final = {"time": is_time, "time-or-date": is_time_or_date}
_SEALED_ATTRIBUTES: Final = ("correlationid", "traceparent", "dataref")
_LISTED_ROLES: Final = ("subject", "participant")
_PATH: Final = re.compile(r"at `(?:key in )?\$\.?([^`]*)`")


class PersonRef(msgspec.Struct, frozen=True, gc=False):
    """A person named by an event: role, normalised identifier, and where in `data` it stands."""

    role: PersonRole
    identifier: str
    path: tuple[str | int, ...]


class Event(msgspec.Struct, frozen=True):
    """An accepted event. `canonical` are the bytes that two deliveries of one event share, whatever their mode; `time`
    is its time in microseconds since 1970.
    """

    type: EventType
    attributes: dict[str, str]
    data: dict[str, Any]
    canonical: bytes
    persons: tuple[PersonRef, ...]
    time: int


def accept(
    value: bytes | None,
    *,
    topic: str | None = None,
    received_ms: int | None = None,
    headers: Sequence[tuple[str, bytes]] = (),
) -> Event:
    """Judge one event as it came from Kafka, HTTP or a file.

    `topic` without a ledger's prefix, None where there is none; `received_ms` the broker's time stamp in milliseconds
    since 1970, None where the future is not judged; `headers` of the Kafka record. Raises `Refused`.
    """
    restricted_json.check_size(value)
    if value is None:
        raise Refused("empty", "send an event: the value is empty")
    stripped = restricted_json.strip(value)
    fast = _fast(stripped)
    if fast is not None:
        try:
            return _judge(fast, topic, received_ms, headers, canonical=stripped)
        except Refused:
            # The strict parser may know an earlier reason, a fraction for instance.
            pass
    return accept_strictly(value, topic=topic, received_ms=received_ms, headers=headers)


def accept_strictly(
    value: bytes,
    *,
    topic: str | None = None,
    received_ms: int | None = None,
    headers: Sequence[tuple[str, bytes]] = (),
) -> Event:
    """The same as `accept` without its short cut: the reference that the short cut is tested against."""
    return _judge(restricted_json.parse(value), topic, received_ms, headers, canonical=None)


def _fast(stripped: bytes) -> Any:
    """The parsed value where its bytes are their own canonical form, which rules out duplicate keys and -0; else None.

    What else restricted JSON forbids (fractions, large integers, other keys, depth) is not in the types' structs, and
    NUL is looked for here; so what passes the judgement passes the strict parser as well.
    """
    if b"\\" in stripped and b"\\u0000" in stripped:  # one byte is found out much sooner than six
        return None
    try:
        parsed = msgspec.json.decode(stripped)
        return parsed if restricted_json.canonical(parsed) == stripped else None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _judge(
    parsed: Any,
    topic: str | None,
    received_ms: int | None,
    headers: Sequence[tuple[str, bytes]],
    *,
    canonical: bytes | None,
) -> Event:
    """`canonical` are the bytes of `parsed` where they are known to be canonical."""
    if headers:
        envelope.check_headers(headers)
    if not isinstance(parsed, dict):
        raise Refused("envelope", "send one JSON object")
    if headers and envelope.is_binary(headers):
        attributes = envelope.from_headers(headers)
        data, canonical = parsed, None
    else:
        attributes = envelope.structured(parsed)
        data = parsed["data"]
        if "datacontenttype" in parsed or not isinstance(parsed.get("sequence", ""), str):
            canonical = None
    event_type = EVENT_TYPES.get(attributes["type"])
    if event_type is None:
        raise Refused("unknown-type", "use a type of the catalogue, with its version")
    if topic is not None and topic != event_type.topic:
        raise Refused("wrong-topic", f"publish {event_type.short} to {event_type.topic}")
    _check_shape(data, event_type)
    persons = _persons(data)
    time = envelope.check_times(attributes)
    if received_ms is not None and time > (received_ms + FUTURE_TOLERANCE_MS) * 1000:
        raise Refused(
            "future", "set the clock of the source: time is more than 5 minutes ahead of the broker"
        )
    _check_persons(persons)
    if not persons:
        _check_ownerless(event_type, attributes, data)
    if canonical is None:
        canonical = restricted_json.canonical({**attributes, "data": data})
    return Event(event_type, attributes, data, canonical, tuple(persons), time)


def _check_shape(data: dict[str, Any], event_type: EventType) -> None:
    try:
        msgspec.convert(data, event_type.data)
    except msgspec.ValidationError as error:
        if _has_unknown(data, event_type.shape):
            raise Refused(
                "unknown-field", f"remove the fields that {event_type.short} does not have; see its schema"
            ) from None
        missing = next(_missing(data, event_type.shape, "data"), None)
        if missing is not None:
            raise Refused("missing-field", f"add {missing} to {event_type.short}") from None
        check_present(event_type, data)
        found = _PATH.search(str(error))
        where = f"data.{found[1]}" if found and found[1] else "data"
        raise Refused(
            "wrong-value", f"{where} does not have a value that {event_type.short} allows; see its schema"
        ) from None
    check_present(event_type, data)
    check_values(event_type, data)
    _check_times(event_type, data)


def _check_times(event_type: EventType, data: Mapping[str, Any]) -> None:
    for path, check in event_type.checks:
        text = _value_at(data, path)
        if text is not None and not _CHECKS[check](text):
            raise Refused(
                "wrong-value", f"write data.{'.'.join(path)} as a UTC time such as 2026-10-01T09:30:00Z"
            )


def _value_at(data: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if not isinstance(data, dict) or name not in data:
            return None
        data = data[name]
    return data


def _has_unknown(value: Any, shape: Shape | None) -> bool:
    if shape is None:
        return False
    if isinstance(value, list):
        return any(_has_unknown(item, shape) for item in value)
    return isinstance(value, dict) and any(
        name not in shape.members or _has_unknown(member, shape.members[name])
        for name, member in value.items()
    )


def _missing(value: Any, shape: Shape | None, path: str) -> Iterator[str]:
    if shape is None or not isinstance(value, dict):
        return
    for name in sorted(shape.required - value.keys()):
        yield f"{path}.{name}"
    for name, member in value.items():
        yield from _missing(member, shape.members[name], f"{path}.{name}")


def _persons(data: Mapping[str, Any]) -> list[PersonRef]:
    """The persons in slot order: subjects, participants, recipient, actor, then who the actor acts for."""
    persons = [
        PersonRef("subject", normalise(subject), ("subjects", index))
        for index, subject in enumerate(data.get("subjects", ()))
    ]
    persons += [
        PersonRef("participant", normalise(participant), ("participants", index))
        for index, participant in enumerate(data.get("participants", ()))
    ]
    recipient = data.get("recipient_id")
    if recipient is not None and is_typed(recipient):
        persons.append(PersonRef("recipient", normalise(recipient), ("recipient_id",)))
    actor = data.get("actor")
    if actor is not None:
        if actor["kind"] != "service":
            persons.append(PersonRef("actor", normalise(actor["id"]), ("actor", "id")))
        principal = actor.get("on_behalf_of")
        if principal is not None and is_typed(principal):
            persons.append(PersonRef("actor", normalise(principal), ("actor", "on_behalf_of")))
    return persons


def _check_persons(persons: Sequence[PersonRef]) -> None:
    if len(persons) < 2:
        return
    named = [(person.role, person.identifier) for person in persons if person.role in _LISTED_ROLES]
    if len(set(named)) != len(named):
        raise Refused("duplicate-subject", "name a person once in a list")
    if len(persons) > MAX_PERSONS:
        raise Refused(
            "too-many-persons",
            f"name at most {MAX_PERSONS} persons; split the list into events with chunk and one correlationid",
        )


def _check_ownerless(event_type: EventType, attributes: Mapping[str, str], data: Mapping[str, Any]) -> None:
    # An empty `data`, as of most events without anyone, has nothing to seal.
    sealed = bool(data) and any(
        isinstance(field.rule, Sealed) and _value_at(data, field.path) is not None
        for field in event_type.fields
    )
    if sealed or any(name in attributes for name in _SEALED_ATTRIBUTES):
        raise Refused(
            "no-owner",
            "name a person, or leave out texts, linking identifiers and addresses: nobody's key could seal them",
        )
