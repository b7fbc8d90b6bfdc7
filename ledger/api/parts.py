"""What the API is made of, built at the entry point and handed down."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram

from ledger.api.handles import Handles
from ledger.api.sending import Sender
from ledger.api.state import State
from ledger.api.token import load_token
from ledger.services import resolve
from ledger.storage.metrics import SHARED
from ledger.storage.opening import open_ledger
from streams.topics import Topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ledger.api.token import Token
    from ledger.settings import Settings
    from ledger.storage.opening import OpenLedger


class Metrics:
    """The API's metrics, in a registry of their own. Labels are routes as declared, never what a caller wrote."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "ledger_api_requests", "Requests answered", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "ledger_api_request_seconds", "Time to answer", ["route"], registry=self.registry
        )
        self.events = Counter("ledger_api_events", "Events sent in", ["outcome"], registry=self.registry)
        for each in SHARED:
            self.registry.register(each)


class ApiParts:
    """The parts of the API of one ledger. `require_reason`: a read without Ledger-Reason is refused (428).

    A plain class: the framework takes a dataclass apart and validates each field, an open ledger as well.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        ledger: OpenLedger,
        bootstrap: str,
        sender: Sender,
        token: Token,
        require_reason: bool = False,
    ) -> None:
        self.settings = settings
        self.ledger = ledger
        self.topics = Topics(settings, bootstrap)
        self.sender = sender
        self.token = token
        self.require_reason = require_reason
        self.handles = Handles()
        self.metrics = Metrics()
        self.state = State(settings, ledger, bootstrap, self.topics.inbound, self.metrics.registry)


@asynccontextmanager
async def assemble(settings: Settings, *, require_reason: bool = False) -> AsyncIterator[ApiParts]:
    """Opens the ledger; makes the token at the first start."""
    addresses = resolve(settings)
    token = load_token(settings.token_file)
    async with open_ledger(
        settings.name, addresses.database_url, addresses.vault_url, settings.keys_directory
    ) as ledger:
        sender = Sender(settings, addresses.kafka_bootstrap, ledger.keyring.message_key_salt)
        try:
            yield ApiParts(
                settings=settings,
                ledger=ledger,
                bootstrap=addresses.kafka_bootstrap,
                sender=sender,
                token=token,
                require_reason=require_reason,
            )
        finally:
            await sender.close()
