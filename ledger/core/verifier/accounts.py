"""What the ledger's own entries say of offsets, erasures and expiry, read out of their data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ledger.core.own import SKIPPED, type_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ledger.core.verifier.read_leaf import Leaf

SEALED_EXPIRED = type_name("ledger.sealed-expired")
PERSON_ERASED = type_name("ledger.person-erased")


def accounts(leaf: Leaf) -> list[tuple[str, tuple[str, int], int, int]]:
    """(topic, partition, start, end) of the offsets that an entry about duplicates or skipped offsets accounts for.
    Raises KeyError, TypeError or ValueError where its data is not of that form.
    """
    data: dict[str, Any] = leaf.event.data
    if leaf.event.type == SKIPPED:
        partition = (str(data["topic_id"]), int(data["partition"]))
        return [(str(data["topic"]), partition, int(data["from"]), int(data["to"]))]
    found = []
    for cover in data["covers"]:
        if len(cover["offsets"]) != len(cover["seqs"]):
            raise ValueError("as many seqs as offsets")
        partition = (str(cover["topic_id"]), int(cover["partition"]))
        found += [
            (str(cover["topic"]), partition, int(offset), int(offset) + 1) for offset in cover["offsets"]
        ]
    return found


def number_in(data: Mapping[str, Any], name: str) -> int | None:
    """A number that an entry may say; None where it does not."""
    value = data.get(name)
    return value if isinstance(value, int) else None
