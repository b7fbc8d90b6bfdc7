"""Opens a stored entry for an answer: the bytes that were hashed, the columns beside them, and the blobs of its persons.

Nothing is skipped in silence: a column that differs from the leaf, a tag that is not the person's, a blob that was
changed or does not open, each raises BadAnswer.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from accountability_ledger.moment import written
from ledger.core import base64url, disclosure, leaf, seal
from ledger.core.batch import topic_id_text
from ledger.core.errors import BadAnswer
from ledger.core.merkle import leaf_hash
from ledger.core.tag import tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from ledger.core.entry import PersonKey


class ChangedColumn(BadAnswer):
    """A column beside a leaf is not a copy of it."""

    code = "changed-column"


class ChangedLeaf(BadAnswer):
    """A leaf is not the one that was hashed: the leaf after it speaks of another, or is missing."""

    code = "changed-leaf"


class ChangedLink(BadAnswer):
    """A person-to-entry link names a slot that the leaf does not give to that person."""

    code = "changed-link"


class SealedMissing(BadAnswer):
    """A blob that a leaf speaks of is gone."""

    code = "sealed-missing"


class StoredEntry(msgspec.Struct, frozen=True):
    """A row of `entry`: the leaf's bytes, the columns that are copies of its public fields, and what the leaf after it
    says of it: `next_prev`, base64url of a leaf hash, or None where none follows.
    """

    seq: int
    appended: datetime
    time: datetime
    type: str
    topic_id: UUID | None
    partition: int | None
    offset: int | None
    received: int | None
    leaf: bytes
    next_prev: str | None


class LivingSlot(msgspec.Struct, frozen=True):
    """A slot whose person has a key: the link's place in the person's chain of tags, and the blob where it was read."""

    slot: int
    role: str
    key: PersonKey
    seg: int
    j: int
    blob: bytes | None = None


class OpenedEntry(msgspec.Struct, frozen=True):
    """An entry with what its living slots disclose. `event` is the leaf's, disclosed values in their places;
    `identities` the persons by slot; `roles` the role of every slot, also of those that stay sealed.
    """

    seq: int
    leaf_hash: bytes
    leaf: Mapping[str, Any]
    event: Mapping[str, Any]
    identities: Mapping[int, str]
    roles: Sequence[str]

    @property
    def data(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.event["data"]
        return found


def read_leaf(stored: StoredEntry, origin: str) -> dict[str, Any]:
    """The leaf's object, held against the leaf that follows and the columns beside it. Raises MalformedLeaf, ChangedLeaf
    or ChangedColumn, naming the seq.

    The link is what binds an answer to its tree: a leaf whose public part was edited, which no column repeats and no
    seal covers, is not the leaf that the log went on from.
    """
    if base64url.encode(leaf_hash(stored.leaf)) != stored.next_prev:
        raise ChangedLeaf(f"The log did not go on from entry {stored.seq} as it is now: run `ledger verify`.")
    found = leaf.parse(stored.leaf)
    try:
        event, via = found["event"], found["via"]
        same = (
            found["v"] == leaf.VERSION
            and (found["ledger"], found["seq"], event["type"]) == (origin, stored.seq, stored.type)
            and found["appended"] == written(stored.appended)
            and datetime.fromisoformat(event["time"]) == stored.time
            and (via.get("topic_id"), via.get("partition"), via.get("offset"), via.get("received"))
            == (
                None if stored.topic_id is None else topic_id_text(stored.topic_id),
                stored.partition,
                stored.offset,
                stored.received,
            )
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise leaf.MalformedLeaf(
            f"Entry {stored.seq} is not a leaf of version 1: run `ledger verify`."
        ) from error
    if not same:
        raise ChangedColumn(f"The columns of entry {stored.seq} differ from its leaf: run `ledger verify`.")
    return found


def open_entry(stored: StoredEntry, slots: Iterable[LivingSlot], origin: str) -> OpenedEntry:
    """Opens an entry under the keys of the slots given. A slot without a blob contributes its person's identity alone,
    by the vault's word and the tag's. Raises BadAnswer (its subclasses), naming the seq and never a value.
    """
    found = read_leaf(stored, origin)
    who = found["who"]
    identities: dict[int, str] = {}
    texts: dict[str, None] = {}  # in order and once: every subject's blob holds the subjects' fields
    for living in slots:
        _check_link(stored.seq, found["seg"], who, living)
        identities[living.slot] = living.key.identifier
        if living.blob is not None:
            texts.update(dict.fromkeys(_unsealed(stored.seq, who[living.slot], living, origin)))
    event, disclosed = disclosure.open_event(found, texts)
    if any(identities.get(slot, identity) != identity for slot, identity in disclosed.items()):
        raise ChangedLink(
            f"A link of entry {stored.seq} names another person than its slot: run `ledger verify`."
        )
    return OpenedEntry(
        stored.seq,
        leaf_hash(stored.leaf),
        found,
        event,
        identities | disclosed,
        tuple(slot["r"] for slot in who),
    )


def _check_link(seq: int, seg: int, who: Sequence[Mapping[str, Any]], living: LivingSlot) -> None:
    """The tag is the person's own: a link that was moved to another person, slot or entry does not fit."""
    if (
        living.slot >= len(who)
        or living.seg != seg
        or living.role != who[living.slot]["r"]
        or who[living.slot]["t"] != base64url.encode(tag(living.key.tag_key, living.seg, living.j))
    ):
        raise ChangedLink(f"A link of entry {seq} does not fit its leaf: run `ledger verify`.")


def _unsealed(seq: int, slot: Mapping[str, Any], living: LivingSlot, origin: str) -> Iterable[str]:
    """The disclosures of a blob, without the one that introduces the key: its digest is the slot's `n`."""
    blob = living.blob or b""
    if base64url.encode(seal.blob_digest(blob)) != slot["s"]:
        raise seal.SealBroken(f"A sealed blob of entry {seq} was changed: run `ledger verify`.")
    texts = seal.unseal(living.key.cipher, blob, seal.associated_data(origin, living.role))
    introducing = slot.get("n")
    if introducing is None:
        return texts
    kept = [each for each in texts if disclosure.digest(each) != introducing]
    if len(kept) != len(texts) - 1:
        raise disclosure.DisclosureMismatch(
            f"A blob of entry {seq} does not introduce its key as the leaf says: run `ledger verify`."
        )
    return kept
