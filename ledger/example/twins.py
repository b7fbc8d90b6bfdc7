"""Lines that come again: the same bytes, the same event written otherwise, the same identity with other content."""

import heapq
from collections.abc import Iterator
from itertools import count
from typing import Any, Final

import msgspec
import orjson

from ledger.example.draw import Draw
from ledger.example.line import GeneratedLine, encode

_AGAIN: Final = 1 / 250
_ALTERED: Final = 1 / 1_200
_FARTHEST: Final = 900


class Twins:
    """Sends a few lines again, up to 900 lines later; holds only those that are due."""

    __slots__ = ("_draw", "_due", "_lines", "_order")

    def __init__(self, seed: int) -> None:
        self._draw = Draw(seed, "twins")
        self._due: list[tuple[int, int, GeneratedLine]] = []
        self._order = count()
        self._lines = 0

    def after(self, line: GeneratedLine, event: dict[str, Any]) -> Iterator[GeneratedLine]:
        """To be called with every line that is new; yields what is due to come again behind it."""
        draw = self._draw
        self._lines += 1
        if draw.chance(_AGAIN):
            self._later(
                msgspec.structs.replace(line, value=self._rewritten(line.value, event), expect="duplicate")
            )
        if "subjects" in event["data"] and "corrects" not in event["data"] and draw.chance(_ALTERED):
            self._alter(line, event)
        while self._due and self._due[0][0] <= self._lines:
            yield heapq.heappop(self._due)[2]

    def rest(self) -> Iterator[GeneratedLine]:
        """What has not come again yet."""
        while self._due:
            yield heapq.heappop(self._due)[2]

    def _later(self, line: GeneratedLine, behind: int = 0) -> int:
        due = max(self._lines, behind) + self._draw.between(1, _FARTHEST)
        heapq.heappush(self._due, (due, next(self._order), line))
        return due

    def _rewritten(self, value: bytes, event: dict[str, Any]) -> bytes:
        """Six in ten byte for byte; the others with white space, or with their keys in another order."""
        style = self._draw.below(10)
        if style < 6:
            return value
        if style < 8:
            return b" " + value.replace(b'{"data"', b'{ "data"', 1) + b" \t"
        return orjson.dumps(dict(reversed(event.items())))

    def _alter(self, line: GeneratedLine, event: dict[str, Any]) -> None:
        """The same identity with another count: a conflict; every second one is seen once more, then a duplicate of it."""
        data = event["data"] | {"record_count": self._draw.between(100_000, 999_999)}
        altered = msgspec.structs.replace(line, value=encode(event | {"data": data}), expect="conflict")
        due = self._later(altered)
        if self._draw.chance(0.5):
            self._later(msgspec.structs.replace(altered, expect="duplicate"), behind=due)
