"""What only who holds the vault can check: that a link, a blob and the memory of an event are of the person they are
said to be of. Persons whose keys are destroyed are passed over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from ledger.core import base64url, disclosure, seal
from ledger.core.leaf import ROLES
from ledger.core.tag import tag
from ledger.core.verifier.read_leaf import OWN_PREFIX, hash_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from uuid import UUID

    from ledger.core.entry import PersonKey
    from ledger.core.verifier.read_leaf import Leaf
    from ledger.core.verifier.stored import LinkRow, SealedRow, SeenRow
    from ledger.core.verifier.verdicts import Findings


class Living:
    """Checks one chunk with the keys of its living persons. `identity(source, id)` is the keyed digest of an event's
    identity, 16 bytes. `absent` collects the key ids that the links name and the vault does not hold.
    """

    def __init__(
        self,
        findings: Findings,
        origin: str,
        keys: Mapping[bytes, PersonKey],
        identity: Callable[[str, str], bytes],
    ) -> None:
        self._findings = findings
        self._keys = keys
        self._identity = identity
        self._bound_to = {role: seal.associated_data(origin, role) for role in ROLES}
        self.absent: dict[UUID, int] = {}

    def check(
        self,
        seq: int,
        leaf: Leaf,
        sealed: Sequence[SealedRow],
        links: Sequence[LinkRow],
        seen: Sequence[SeenRow],
    ) -> None:
        """Checks one entry whose leaf, blobs and links fit each other already."""
        found: dict[str, Any] = {}
        blobs = {row.slot: row.blob for row in sealed}
        for link in links:
            if not 0 <= link.slot < len(leaf.who):
                continue
            key = self._keys.get(link.key_id.bytes)
            if key is None:
                self.absent.setdefault(link.key_id, seq)
                continue
            person = leaf.who[link.slot]
            if hash_text(tag(key.tag_key, link.seg, link.j)) != person.t:
                self._findings.add(
                    "changed-link",
                    seq,
                    f"The link of slot {link.slot} is not of the person whose tag the leaf has.",
                )
            elif (blob := blobs.get(link.slot)) is not None:
                self._open(seq, leaf, link.slot, key, blob, found)
        self._check_identity(seq, leaf, found, seen)

    def _open(
        self, seq: int, leaf: Leaf, slot: int, key: PersonKey, blob: bytes, found: dict[str, Any]
    ) -> None:
        """Opens a blob, and compares each disclosure in it with the digests of the leaf."""
        person = leaf.who[slot]
        if hash_text(seal.blob_digest(blob)) != person.s:
            return  # it has its verdict
        try:
            texts = seal.unseal(key.cipher, blob, self._bound_to[person.r])
        except seal.SealBroken:
            self._findings.add(
                "changed-vault", seq, f"The blob of slot {slot} does not open under its person's key."
            )
            return
        for text in texts:
            digest = disclosure.digest(text)
            try:
                disclosed = disclosure.parse(text)
            except disclosure.DisclosureMismatch:
                self._findings.add("disclosure-mismatch", seq, f"A disclosure of slot {slot} cannot be read.")
                continue
            if not self._fits(leaf, slot, key, disclosed, digest):
                self._findings.add(
                    "disclosure-mismatch", seq, f"A disclosure of slot {slot} does not belong to the leaf."
                )
            found[disclosed.name] = disclosed.value

    @staticmethod
    def _fits(leaf: Leaf, slot: int, key: PersonKey, disclosed: disclosure.Disclosed, digest: str) -> bool:
        """Whether a disclosure belongs to this leaf, and where it says whose the slot is, says so truly."""
        if disclosed.name == "person":
            value = disclosed.value if isinstance(disclosed.value, dict) else {}
            whose = (value.get("id"), value.get("tag_key"))
            return digest == leaf.who[slot].n and whose == (key.identifier, base64url.encode(key.tag_key))
        if digest not in leaf.event.data.get("_sd", ()):
            return False
        return disclosed.name != f"who.{slot}" or disclosed.value == key.identifier

    def _check_identity(
        self, seq: int, leaf: Leaf, found: Mapping[str, Any], seen: Sequence[SeenRow]
    ) -> None:
        """The memory of the event seen is that of the id which the entry discloses, or has in clear."""
        event = leaf.event
        if leaf.via.api is not UNSET or event.type.startswith(OWN_PREFIX) or len(seen) != 1:
            return
        source = found.get("source", event.source)
        event_id = found.get("id") if event.id is UNSET else event.id
        if source == disclosure.UNREGISTERED or not isinstance(event_id, str):
            return  # nobody who could open it is left
        if seen[0].id_digest != self._identity(str(source), event_id):
            self._findings.add("changed-seen", seq, "The row of the event seen is that of another event.")
