"""Handles: what stands for a person in a URL, for a quarter of an hour, in this process alone.

A handle is random, so an access log that keeps it tells nothing, not even to who holds every key.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Literal

from ledger.core.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

Kind = Literal["subject", "actor"]
LIFE_SECONDS = 900
_MOST = 100_000


class HandleGone(NotFound):
    """A handle that never was, or is over."""

    code = "handle-gone"


class Handles:
    """The handles given out, oldest first; the oldest go when there are too many."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._given: OrderedDict[str, tuple[Kind, str, float]] = OrderedDict()

    def give(self, kind: Kind, identifier: str) -> str:
        self._forget()
        handle = secrets.token_urlsafe(24)
        self._given[handle] = (kind, identifier, self._clock() + LIFE_SECONDS)
        return handle

    def identifier(self, kind: Kind, handle: str) -> str:
        """Who a handle stands for. Raises HandleGone."""
        self._forget()
        found = self._given.get(handle)
        if found is None or found[0] != kind:
            raise HandleGone("This handle is not known, or its quarter of an hour is over: resolve again.")
        return found[1]

    def _forget(self) -> None:
        now = self._clock()
        while self._given and (len(self._given) >= _MOST or next(iter(self._given.values()))[2] <= now):
            self._given.popitem(last=False)
