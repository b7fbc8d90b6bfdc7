"""UUID version 7 (RFC 9562 section 5.7): ids whose time part keeps the ledger's index of seen events local."""

import secrets
import threading
import time
import uuid
from typing import Final

_RANDOM_BITS: Final = 74
_STEP_BITS: Final = 32


class Uuid7:
    """A source of ids that only rise, also when the clock stands still or goes back (RFC 9562 section 6.2)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._millisecond = 0
        self._random = 0

    def next(self) -> str:
        """The next id, in the usual lower-case form."""
        with self._lock:
            now = time.time_ns() // 1_000_000
            if now > self._millisecond:
                # The top bit stays clear, so that a busy millisecond has room to rise.
                self._millisecond, self._random = now, secrets.randbits(_RANDOM_BITS - 1)
            else:
                self._random += 1 + secrets.randbits(_STEP_BITS)
                if self._random >> _RANDOM_BITS:
                    self._millisecond, self._random = (
                        self._millisecond + 1,
                        secrets.randbits(_RANDOM_BITS - 1),
                    )
            return _written(self._millisecond, self._random)


def _written(millisecond: int, random: int) -> str:
    high, low = random >> 62, random & (1 << 62) - 1
    return str(uuid.UUID(int=millisecond << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low))


_process: Final = Uuid7()


def uuid7() -> str:
    """An id that is greater than every one this process got before."""
    return _process.next()
