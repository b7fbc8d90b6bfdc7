"""The Faust app, built by a factory: it hosts the append service, and its agents and timers do what may be late.

Nothing whose loss matters rests on a Faust acknowledgement or a Faust table. An app without an agent crashes, so the
one here follows `ledger.appended`, the hint that the log grew. Timers wake what is due; an exception in a timer would
crash the worker, so each is wrapped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import faust
import msgspec
import structlog
from prometheus_client import Gauge

from ledger.core.errors import LedgerError
from streams.hint import Hint
from streams.kafka import aiokafka_options

if TYPE_CHECKING:
    from streams.parts import Parts

_log = structlog.get_logger(__name__)
_HINTED = Gauge("ledger_hinted_size", "Leaves in the log, as the last hint on ledger.appended says")
_SLICE_SECONDS = 30.0


def make_app(parts: Parts) -> Any:
    """The worker's Faust app for one ledger. Its topics are made beforehand: auto-creation is off."""
    settings = parts.settings
    app = faust.App(
        # A group of its own for each worker: it only follows hints, and in a shared group a worker could neither start
        # to follow nor stop for a minute after another had been killed.
        f"accountability-ledger-{settings.name}-{uuid4().hex}",
        broker=";".join(f"aiokafka://{host}" for host in parts.bootstrap.split(",")),
        broker_credentials=_credentials(parts),
        store="memory://",
        datadir=str(settings.run_directory / "faust"),
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        stream_wait_empty=False,
        autodiscover=False,
        consumer_auto_offset_reset="latest",
    )

    async def follow(stream: Any) -> None:
        async for value in stream:
            try:
                hint = msgspec.json.decode(value, type=Hint)
            except msgspec.MsgspecError:
                _log.warning("follow.hint_not_understood")
                continue
            if hint.ledger == settings.name:
                _HINTED.set(hint.size)

    app.agent(app.topic(parts.topics.appended, value_serializer="raw"), name=f"follow-{settings.name}")(
        follow
    )

    async def advance_slice() -> None:
        try:
            await parts.intake.advance_slice(settings.slice_leaves)
        except LedgerError as error:
            _log.warning("timer.advance_slice", code=error.code)

    app.timer(interval=_SLICE_SECONDS)(advance_slice)
    return app


def _credentials(parts: Parts) -> Any:
    """Faust's form of the settings for SASL and TLS; None for a plain listener."""
    options = aiokafka_options(parts.settings, parts.bootstrap)
    context = options.get("ssl_context")
    if mechanism := options.get("sasl_mechanism"):
        return faust.SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context else None
