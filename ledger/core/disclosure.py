"""Disclosures: salted values whose digests stand in a leaf (RFC 9901 section 4.2)."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

import msgspec

from accountability_ledger.restricted_json import canonical, canonical_lines
from ledger.core import base64url
from ledger.core.errors import BadAnswer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ledger.core.randomness import RandomBytes

SALT_BYTES = 16
UNREGISTERED = "unregistered"
_DECODER = msgspec.json.Decoder(tuple[str, str, Any])
_RESERVED = ("_sd", "...")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)


class DisclosureMismatch(BadAnswer):
    """A disclosure that does not belong to the leaf it is shown with."""

    code = "disclosure-mismatch"


class Disclosed(msgspec.Struct, frozen=True):
    """One opened disclosure: the salt as base64url text, the dotted path in `event` (or `who.<i>`), the value."""

    salt: str
    name: str
    value: Any


def disclose(salt: bytes, name: str, value: Any) -> str:
    """The text of a disclosure: base64url(JSON [salt, name, value]); salt is 128 random bits."""
    return base64url.encode(canonical((base64url.encode(salt), name, value)))


def digest(disclosure: str) -> str:
    """base64url(SHA-256(text of the disclosure)), as it stands in `_sd`."""
    return base64url.encode(hashlib.sha256(disclosure.encode("ascii")).digest())


# The text, its digest (32 bytes), and the digest as it stands in `_sd`.
Disclosure = tuple[bytes, bytes, bytes]


def disclose_all(names: Iterable[str], values: Sequence[Any], random: RandomBytes) -> Iterator[Disclosure]:
    """`disclose` and `digest` of every value under its name, each with a salt of its own."""
    drawn = random(SALT_BYTES * len(values))
    cuts = range(0, len(drawn), SALT_BYTES)
    salts = base64url.encode_lines([drawn[cut : cut + SALT_BYTES] for cut in cuts]).decode("ascii")
    triples = [*zip(salts.splitlines(), names, values, strict=True)]
    texts = base64url.encode_lines(canonical_lines(triples)).splitlines()
    digests = [hashlib.sha256(text).digest() for text in texts]
    return zip(texts, digests, base64url.encode_lines(digests).splitlines(), strict=True)


def parse(disclosure: str) -> Disclosed:
    """Reads one disclosure's text; raises DisclosureMismatch where it is not one."""
    try:
        salt, name, value = _DECODER.decode(base64url.decode(disclosure))
    except Exception as error:
        raise DisclosureMismatch(
            "A disclosure is not base64url of the JSON array [salt, name, value]."
        ) from error
    if not _is_path(name) or _holds_reserved(value):
        raise DisclosureMismatch("A disclosure uses a reserved name.")
    return Disclosed(salt, name, value)


def open_event(leaf: Mapping[str, Any], disclosures: Iterable[str]) -> tuple[dict[str, Any], dict[int, str]]:
    """The leaf's `event` with the disclosed values in their places, and the identities disclosed, by slot.

    Refused (DisclosureMismatch): a disclosure without its digest in `_sd`, one given twice, a digest that occurs
    twice, a name that is already in clear, or disclosed already, or within another disclosure's value. `_sd` and
    `_sd_alg` are taken out; what stays sealed is absent.
    """
    # A copy by way of JSON, which it came from, costs a tenth of one by way of Python.
    event: dict[str, Any] = msgspec.json.decode(canonical(leaf["event"]))
    data: dict[str, Any] = event["data"]
    digests = data.pop("_sd", [])
    data.pop("_sd_alg", None)
    if len(set(digests)) != len(digests):
        raise DisclosureMismatch("A digest occurs twice in the leaf.")
    missing = set(digests)
    names: set[str] = set()
    persons: dict[int, str] = {}
    for text in disclosures:
        disclosed = parse(text)
        found = digest(text)
        if found not in missing:
            raise DisclosureMismatch("A disclosure has no digest in the leaf, or is shown twice.")
        missing.remove(found)
        if disclosed.name in names:
            raise DisclosureMismatch("Two disclosures give one name.")
        names.add(disclosed.name)
        if disclosed.name.startswith("who."):
            persons[_slot(disclosed.name, leaf)] = _identity(disclosed.value)
        else:
            _place(event, disclosed)
    if any("." in name and _reaches_into(name, names) for name in names):
        raise DisclosureMismatch("A disclosure reaches into another's value.")
    return event, persons


def _slot(name: str, leaf: Mapping[str, Any]) -> int:
    number = name.removeprefix("who.")
    if not _INDEX.fullmatch(number) or int(number) >= len(leaf["who"]):
        raise DisclosureMismatch("A disclosure names a slot that the leaf does not have.")
    return int(number)


def _identity(value: Any) -> str:
    if not isinstance(value, str):
        raise DisclosureMismatch("A person's identity is not a text.")
    return value


def _is_path(name: str) -> bool:
    """Whether a name is a dotted path without empty or reserved parts; `...` is nothing but empty ones."""
    parts = name.split(".")
    return "" not in parts and not any(each in parts for each in _RESERVED)


def _reaches_into(name: str, names: set[str]) -> bool:
    parts = name.split(".")
    return any(".".join(parts[:end]) in names for end in range(1, len(parts)))


def _place(event: dict[str, Any], disclosed: Disclosed) -> None:
    """Puts a value where its dotted path says; a number in the path is an index of a list that is in clear."""
    *parents, last = disclosed.name.split(".")
    place: Any = event
    for part in parents:
        if isinstance(place, dict):
            place = place.setdefault(part, {})
        elif isinstance(place, list) and _INDEX.fullmatch(part) and int(part) < len(place):
            place = place[int(part)]
        else:
            raise DisclosureMismatch("A disclosure's name does not fit the leaf.")
    if isinstance(place, list) and _INDEX.fullmatch(last) and int(last) < len(place):
        if place[int(last)] == UNREGISTERED:
            place[int(last)] = disclosed.value
            return
    elif isinstance(place, dict) and place.get(last, UNREGISTERED) == UNREGISTERED:
        place[last] = disclosed.value
        return
    raise DisclosureMismatch("A disclosure's name is already in clear.")


def _holds_reserved(value: Any) -> bool:
    if isinstance(value, dict):
        return any(key in _RESERVED or _holds_reserved(inner) for key, inner in value.items())
    return isinstance(value, list) and any(map(_holds_reserved, value))
