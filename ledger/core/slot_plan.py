"""What follows from the roles of an entry's slots alone, made ready once for each combination of roles that occurs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from ledger.core import leaf, seal

if TYPE_CHECKING:
    from collections.abc import Sequence

_OWNERS = ("subject", "actor")
_OWNERS_WITHOUT_SUBJECT = ("participant", "recipient", "actor")
# A combination takes about a kilobyte for an event of a few persons, sixty for one of 256.
_COMBINATIONS = 1024


@dataclass(frozen=True, slots=True)
class SlotPlan:
    """The slots of one combination of roles. `names` are those of the identities' disclosures; `owned[i]` are the
    owners (`subject`, `actor`) whose fields the blob of slot i holds, `owned_sets` each of these once; `bound_to[i]` is its associated data; `bytes`
    is the most that the slots and the leaf's own parts can take (`leaf.largest` without event and via).
    """

    names: tuple[str, ...]
    owned: tuple[tuple[str, ...], ...]
    owned_sets: tuple[tuple[str, ...], ...]
    bound_to: tuple[bytes, ...]
    bytes: int


@lru_cache(_COMBINATIONS)
def slot_plan(origin: str, roles: tuple[str, ...]) -> SlotPlan:
    holders = {owner: _holders(owner, roles) for owner in _OWNERS}
    owned = tuple(tuple(owner for owner in _OWNERS if index in holders[owner]) for index in range(len(roles)))
    return SlotPlan(
        names=tuple(f"who.{index}" for index in range(len(roles))),
        owned=owned,
        owned_sets=tuple(dict.fromkeys(owned)),
        bound_to=tuple(seal.associated_data(origin, role) for role in roles),
        bytes=leaf.largest(b"", b"", origin, list(roles)),
    )


def _holders(owner: str, roles: Sequence[str]) -> tuple[int, ...]:
    """The slots whose blobs hold a field: its owner's; a service's fields belong to every subject; without a subject
    the participants own it, else the recipient, else the actor.
    """
    order = (owner, "old", "subject", *_OWNERS_WITHOUT_SUBJECT)
    return next(
        (slots for role in order if (slots := tuple(i for i, found in enumerate(roles) if found == role))),
        (),
    )
