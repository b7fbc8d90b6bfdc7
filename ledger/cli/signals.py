"""SIGTERM and SIGINT as something to wait for, so that what runs can finish in order."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class StopRequest:
    """Set by the first signal; `interrupted` when that was Ctrl-C."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.interrupted = False

    def set(self, number: signal.Signals) -> None:
        if not self._event.is_set():
            self.interrupted = number is signal.SIGINT
            self._event.set()

    def is_set(self) -> bool:
        return self._event.is_set()

    async def wait(self, seconds: float | None = None) -> None:
        """Until it is set, or until `seconds` have passed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()

    def settle(self) -> None:
        """After an orderly end: Ctrl-C still reads as interrupted (exit code 130). Raises KeyboardInterrupt."""
        if self.interrupted:
            raise KeyboardInterrupt


@contextmanager
def stop_request() -> Iterator[StopRequest]:
    """The request to stop of this process, while the context is open. Needs a running loop in the main thread."""
    loop, request = asyncio.get_running_loop(), StopRequest()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, request.set, number)
    try:
        yield request
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
