"""The event loop of long-running parts: uvloop where there is one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio


def loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    """Uvloop's loop, or None for Python's own, where uvloop does not run."""
    if sys.platform == "win32":
        return None
    import uvloop  # noqa: PLC0415 -- not on every platform

    return uvloop.Loop
