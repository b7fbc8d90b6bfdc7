"""What is said on `ledger.appended`: how far a log is. A hint, on which nothing rests: losing it costs a delay."""

from __future__ import annotations

import msgspec


class Hint(msgspec.Struct, frozen=True):
    """The log of this ledger has so many leaves."""

    ledger: str
    size: int
