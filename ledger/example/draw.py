"""Numbers drawn from a seed, the same on every machine and every Python.

Only `random.Random.random()` is used: it is the one method whose sequence the standard library promises to keep for a
given seed. Nothing transcendental is computed from it, so no platform's mathematics library can change a bit.
"""

from collections.abc import Sequence
from random import Random
from typing import Final, TypeVar

T = TypeVar("T")
_HALF: Final = 1 << 37


class Draw:
    """One stream of numbers, named by the seed and a path: streams do not disturb one another."""

    __slots__ = ("_next",)

    def __init__(self, seed: int, *path: str | int) -> None:
        self._next = Random("/".join(map(str, (seed, *path)))).random  # noqa: S311 - to be repeatable is the point

    def below(self, limit: int) -> int:
        """An integer from 0 to `limit` - 1."""
        return int(self._next() * limit)

    def between(self, low: int, high: int) -> int:
        """An integer from `low` to `high`, both included."""
        return low + int(self._next() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        return self._next() < probability

    def pick(self, choices: Sequence[T]) -> T:
        return choices[int(self._next() * len(choices))]

    def count(self, expected: float) -> int:
        """A whole number whose mean is `expected`: its floor, or one more."""
        whole = int(expected)
        return whole + (self._next() < expected - whole)

    def bits74(self) -> int:
        """The random bits of a UUIDv7 (RFC 9562 section 5.7)."""
        return int(self._next() * _HALF) << 37 | int(self._next() * _HALF)

    def token(self, prefix: str) -> str:
        """An opaque identifier of a case, a call, a request: the prefix and twelve hexadecimal digits."""
        return f"{prefix}-{int(self._next() * (1 << 48)):012x}"
