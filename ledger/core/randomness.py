"""Random bytes for salts and nonces, drawn from the operating system in large slices."""

from __future__ import annotations

import os
from collections.abc import Callable

RandomBytes = Callable[[int], bytes]
_SLICE = 16_384


def system_randomness() -> RandomBytes:
    """A source that hands out each random byte once. Not shared between processes: a fork would repeat bytes."""
    pool = b""
    place = 0

    def draw(size: int) -> bytes:
        nonlocal pool, place
        if place + size > len(pool):
            pool, place = os.urandom(max(_SLICE, size)), 0
        place += size
        return pool[place - size : place]

    return draw
