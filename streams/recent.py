"""The identities of the latest events, all of them: who is not among them, and belongs there, was never seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# An identity takes about 80 bytes here.
_CAPACITY = 400_000
OTHER_IDS = b"\xff" * 6


class RecentIdentities:
    """Every identity from `_lowest` on that the ledger has seen, or may have in a moment: identities begin with the time
    of a UUIDv7 id, so those of new events come last, and are known to be new without a look-up each. Of older ones,
    and of ids of other forms, nothing is known here.

    It is complete only for who alone appends: fill it after the lease is taken, and drop it with the lease.
    """

    def __init__(
        self, latest: Sequence[bytes] = (), *, all_there: bool = True, capacity: int = _CAPACITY
    ) -> None:
        """`latest` are the greatest identities seen, without those of other ids; `all_there` says that there are no
        smaller ones.
        """
        self._known = set(latest)
        self._lowest = b"" if all_there else min(latest)
        self._capacity = capacity

    def is_new(self, identity: bytes) -> bool:
        """Whether no event of this identity was ever seen; False where that is not known."""
        return self._lowest <= identity < OTHER_IDS and identity not in self._known

    def add(self, identities: Iterable[bytes]) -> None:
        """Notes identities that are about to be appended. Too many is no harm: what is noted is looked up."""
        self._known.update(identity for identity in identities if self._lowest <= identity < OTHER_IDS)
        if len(self._known) > self._capacity:
            kept = sorted(self._known)[len(self._known) // 2 :]
            self._known, self._lowest = set(kept), kept[0]
