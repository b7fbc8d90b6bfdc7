"""Logs of the long-running parts: structlog on stderr, without personal data.

An exception's text may quote a value (PostgreSQL's and the JSON parser's do), so of an unexpected one only its type
and the places in the code are written, unless LEDGER_DEBUG=1.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any

import structlog

from ledger.core.errors import LedgerError

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor


_OURS = ("ledger", "streams")
_SELDOM_SECONDS = 10.0
_MOST_MESSAGES = 1_000


def configure() -> None:
    """Sends our log and, from WARNING on, the libraries' to stderr: lines for people on a terminal, else JSON."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_values,
    ]
    rendered: Processor = (
        structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, rendered],
        )
    )
    handler.addFilter(_unspoken)
    handler.addFilter(_Seldom())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for ours in _OURS:
        logging.getLogger(ours).setLevel(logging.INFO)


def _unspoken(record: logging.LogRecord) -> bool:
    """Leaves out the steps that Faust's services announce, and of an exception among a message's arguments all but its
    type: what it quotes may be a value of an event.
    """
    if record.levelno < logging.WARNING and isinstance(record.msg, str) and record.msg.startswith("[^"):
        return False
    if isinstance(record.args, tuple):
        record.args = tuple(
            type(each).__qualname__
            if isinstance(each, BaseException) and not isinstance(each, LedgerError)
            else each
            for each in record.args
        )
    return True


class _Seldom(logging.Filter):
    """Lets the same message of a library through once in a while, with how often it was left out: a broker that is gone
    makes its client say so a hundred times a second.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith(_OURS):
            return True
        key = (record.name, str(record.msg))
        last, left_out = self._said.get(key, (float("-inf"), 0))
        if record.created - last < _SELDOM_SECONDS:
            self._said[key] = (last, left_out + 1)
            return False
        if len(self._said) >= _MOST_MESSAGES:
            self._said.clear()
        self._said[key] = (record.created, 0)
        if left_out:
            record.msg, record.args = f"{record.getMessage()} (and {left_out} times more)", ()
        return True


def _without_values(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Replaces an exception by its type and the places that it passed."""
    given = event.pop("exc_info", None)
    if not given:
        return event
    error = (
        given
        if isinstance(given, BaseException)
        else (given[1] if isinstance(given, tuple) else sys.exc_info()[1])
    )
    if error is None:
        return event
    if os.environ.get("LEDGER_DEBUG") == "1":
        event["exception"] = "".join(traceback.format_exception(error))
        return event
    places = [
        f"{each.filename}:{each.lineno} {each.name}" for each in traceback.extract_tb(error.__traceback__)
    ]
    event["exception"] = {"type": type(error).__qualname__, "at": places[-12:]}
    return event
