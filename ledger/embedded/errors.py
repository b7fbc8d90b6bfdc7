"""The one error that the embedded servers raise."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ledger.core.errors import Unreachable

if TYPE_CHECKING:
    from pathlib import Path


class EmbeddedError(Unreachable):
    """An embedded server cannot be started or stopped; the message says what to do and ends with its log's tail."""

    code: ClassVar[str] = "embedded-server-unavailable"


def with_log_tail(message: str, log: Path, lines: int = 15) -> str:
    """`message` followed by the last `lines` lines of `log`, or by the log's place when it holds nothing."""
    try:
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
    except OSError:
        tail = []
    if not tail:
        return f"{message} Its log is {log}."
    return "\n".join([f"{message} The end of its log {log}:", *(f"  {line}" for line in tail)])
