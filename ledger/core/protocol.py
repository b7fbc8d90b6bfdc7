"""The append protocol's named points. Production passes through them and does nothing; fault tests stop there.

What has happened when a process dies at a point: up to `copied`, nothing is persisted; at `committing`, the outcome
is unknown until the fence tells; from `committed` on, everything is persisted.
"""

from __future__ import annotations

from typing import Literal

Point = Literal[
    "leased",
    "fetched",
    "prepared",
    "locked",
    "fenced",
    "copied half",
    "copied",
    "committing",
    "committed",
    "hinted",
    "erasure started",
    "erasure destroyed",
    "erasure appended",
]


class Protocol:
    """The no-op that production runs with."""

    async def reach(self, point: Point) -> None:
        """Called at each point, in order."""
