"""Reads a stored leaf, and says whether its bytes are a leaf of version 1 (entry-format, "Leaf, version 1").

Decoding into these types and encoding them again gives the same bytes only where the leaf is canonical (RFC 8785) and
has exactly the keys of version 1; so the common case costs two passes in C.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, NoReturn

import msgspec
from msgspec import UNSET, UnsetType

from ledger.core.leaf import MAX_LEAF_BYTES, VERSION
from ledger.core.own import CONFLICT, REJECTED

if TYPE_CHECKING:
    from collections.abc import Iterable

_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
_HASHES = re.compile(r"(?:[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]\n)*")
_TOPIC_ID = re.compile(r"[A-Za-z0-9_-]{21}[AQgw]")
_CLOCK = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?Z")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_RANK = {"subject": 0, "old": 0, "participant": 1, "new": 1, "recipient": 2, "actor": 3}
OWN_PREFIX = "org.accountability-ledger.ledger."


class Slot(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    r: Literal["subject", "participant", "recipient", "actor", "old", "new"]
    s: str
    t: str
    n: str | UnsetType = UNSET


class Via(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A Kafka record's place, or `api` alone."""

    api: str | UnsetType = UNSET
    topic: str | UnsetType = UNSET
    topic_id: str | UnsetType = UNSET
    partition: _Count | UnsetType = UNSET
    offset: _Count | UnsetType = UNSET
    received: _Count | UnsetType = UNSET


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    type: str
    source: str
    time: str
    data: dict[str, Any]
    recordedtime: str | UnsetType = UNSET
    dataschema: str | UnsetType = UNSET
    sequence: str | UnsetType = UNSET
    id: str | UnsetType = UNSET


class Leaf(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    appended: str
    event: Event
    ledger: str
    prev: str
    seg: _Count
    seq: _Count
    v: Literal[1]
    via: Via
    who: list[Slot]


class Read(NamedTuple):
    """A leaf's hash, and what could be read of it. `seq` and `prev` are None where the bytes do not say; `leaf` is
    None where `fault` names a verdict.
    """

    hash: bytes
    seq: int | None
    prev: str | None
    leaf: Leaf | None
    fault: str = ""
    detail: str = ""


class _Malformed(Exception):  # noqa: N818 -- carries the sentence to `read`, and no further
    pass


def _refuse_float(_: str) -> NoReturn:
    raise ValueError("a leaf holds no floating-point numbers")


_leaf_decoder = msgspec.json.Decoder(Leaf, float_hook=_refuse_float)
decode_any = msgspec.json.Decoder(float_hook=_refuse_float).decode
encode = msgspec.json.Encoder(order="sorted").encode


def hash_text(digest: bytes) -> str:
    """base64url without padding of 32 bytes."""
    return b2a_base64(digest, newline=False)[:43].translate(_URL_SAFE).decode("ascii")


def in_order(roles: Iterable[str]) -> bool:
    """Whether slots of these roles stand in the order of version 1."""
    ranks = [_RANK[role] for role in roles]
    return ranks == sorted(ranks)


def read(data: bytes) -> Read:
    """Reads a stored leaf; what is wrong with it stands in the answer, nothing is raised."""
    digest = sha256(b"\x00" + data).digest()
    try:
        leaf = _leaf_decoder.decode(data)
        if encode(leaf) == data:
            _check_version_1(leaf, data)
            return Read(digest, leaf.seq, leaf.prev, leaf)
    except (msgspec.DecodeError, _Malformed, ValueError, RecursionError):
        pass
    return _explain(data, digest)


def _check_version_1(leaf: Leaf, data: bytes) -> None:
    """What the types do not say. Raises _Malformed with a sentence that holds no value of the leaf."""
    if len(data) > MAX_LEAF_BYTES:
        raise _Malformed("The leaf is longer than 65,535 bytes.")
    digests = [leaf.prev]
    for slot in leaf.who:
        digests += (slot.s, slot.t) if slot.n is UNSET else (slot.s, slot.t, slot.n)
    if not in_order(slot.r for slot in leaf.who):
        raise _Malformed("The leaf's slots are not in the order of their roles.")
    digests += _disclosure_digests(leaf.event.data)
    joined = "\n".join(digests) + "\n"
    if len(joined) != 44 * len(digests) or not _HASHES.fullmatch(joined):
        raise _Malformed("A hash in the leaf is not base64url of 32 bytes.")
    if not _CLOCK.fullmatch(leaf.appended) or not _TIME.fullmatch(leaf.event.time):
        raise _Malformed("A time in the leaf is not as version 1 writes it.")
    _check_via(leaf)


def _disclosure_digests(data: dict[str, Any]) -> list[str]:
    """`_sd`: sorted and distinct, with `_sd_alg` beside it, both absent where nothing is sealed."""
    sealed = data.get("_sd")
    if sealed is None and "_sd_alg" not in data:
        return []
    if not isinstance(sealed, list) or not sealed or data.get("_sd_alg") != "sha-256":
        raise _Malformed("The leaf's disclosure digests are not as version 1 has them.")
    try:
        if sorted(set(sealed)) != sealed:
            raise _Malformed("The disclosure digests are not sorted and distinct.")
        "".join(sealed)
    except TypeError as why:
        raise _Malformed("A disclosure digest is not a text.") from why
    return sealed


def _check_via(leaf: Leaf) -> None:
    via, own = leaf.via, leaf.event.type.startswith(OWN_PREFIX)
    place = (via.topic, via.topic_id, via.partition, via.offset, via.received)
    if via.api is UNSET:
        if UNSET in place or not _TOPIC_ID.fullmatch(str(via.topic_id)):
            raise _Malformed("The leaf does not say which Kafka record it is of.")
        if own and leaf.event.type not in (REJECTED, CONFLICT):
            raise _Malformed("An entry of the ledger's own claims to come from Kafka.")
    elif any(each is not UNSET for each in place):
        raise _Malformed("The leaf claims to come from Kafka and from the ledger itself.")
    elif not own or leaf.event.type in (REJECTED, CONFLICT):
        raise _Malformed("An event's entry does not say which Kafka record it is of.")
    if own and leaf.event.source != leaf.ledger:
        raise _Malformed("An entry of the ledger's own names another source than the origin.")


def _explain(data: bytes, digest: bytes) -> Read:
    """Why these bytes are not a leaf of version 1, and what of them can be read all the same."""
    try:
        found = decode_any(data)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return Read(digest, None, None, None, "changed-leaf", "The leaf is not JSON.")
    if not isinstance(found, dict):
        return Read(digest, None, None, None, "changed-leaf", "The leaf is not a JSON object.")
    seq, prev = found.get("seq"), found.get("prev")
    seq = seq if type(seq) is int else None
    prev = prev if type(prev) is str else None
    if found.get("v") != VERSION or type(found.get("v")) is not int:
        return Read(
            digest,
            seq,
            prev,
            None,
            "unknown-version",
            "The leaf is of a version that this verifier does not know.",
        )
    detail = "The leaf is not the canonical form of one object with the keys of version 1."
    try:
        leaf = _leaf_decoder.decode(data)
        _check_version_1(leaf, data)
    except _Malformed as why:
        detail = str(why)
    except (msgspec.DecodeError, ValueError, RecursionError):
        pass
    return Read(digest, seq, prev, None, "changed-leaf", detail)
