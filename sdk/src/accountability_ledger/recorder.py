"""The calls by which a service records what it does; a type checker knows the fields of each."""

from abc import ABC, abstractmethod
from datetime import datetime
from typing import Generic, TypeVar

from accountability_ledger.events.access import DataAccessed, DataCollected
from accountability_ledger.events.consent import ConsentChanged, ConsentGiven
from accountability_ledger.events.register import SourceHeartbeat
from accountability_ledger.events.rights import RightsReceived, RightsStep
from accountability_ledger.events.sharing import DataDisclosed, DataTransferred
from accountability_ledger.outgoing import Outgoing

ReceiptT = TypeVar("ReceiptT")


class Recorder(ABC, Generic[ReceiptT]):
    """What the Kafka producer and the HTTP client share. Types without a call of their own go through `send`."""

    @abstractmethod
    async def send(self, event: Outgoing) -> ReceiptT:
        """Validate and deliver one event; the receipt comes when it is durable. Raises `Refused`."""

    async def collected(self, data: DataCollected, *, time: datetime | None = None) -> ReceiptT:
        return await self.send(Outgoing(type="data.collected", data=data, time=time))

    async def accessed(self, data: DataAccessed, *, time: datetime | None = None) -> ReceiptT:
        return await self.send(Outgoing(type="data.accessed", data=data, time=time))

    async def disclosed(self, data: DataDisclosed, *, time: datetime | None = None) -> ReceiptT:
        return await self.send(Outgoing(type="data.disclosed", data=data, time=time))

    async def transferred(self, data: DataTransferred, *, time: datetime | None = None) -> ReceiptT:
        return await self.send(Outgoing(type="data.transferred", data=data, time=time))

    async def consent_requested(self, data: ConsentChanged, *, time: datetime | None = None) -> ReceiptT:
        return await self.send(Outgoing(type="consent.requested", data=data, time=time))

    async def consent_given(self, data: ConsentGiven, *, time: datetime | None = None) -> ReceiptT:
        return await self.send(Outgoing(type="consent.given", data=data, time=time))

    async def consent_renewed(self, data: ConsentGiven, *, time: datetime | None = None) -> ReceiptT:
        return await self.send(Outgoing(type="consent.renewed", data=data, time=time))

    async def consent_refused(self, data: ConsentChanged, *, time: datetime | None = None) -> ReceiptT:
        return await self.send(Outgoing(type="consent.refused", data=data, time=time))

    async def consent_withdrawn(self, data: ConsentChanged, *, time: datetime | None = None) -> ReceiptT:
        return await self.send(Outgoing(type="consent.withdrawn", data=data, time=time))

    async def right_received(self, data: RightsReceived, *, time: datetime | None = None) -> ReceiptT:
        return await self.send(Outgoing(type="rights.received", data=data, time=time))

    async def right_fulfilled(self, data: RightsStep, *, time: datetime | None = None) -> ReceiptT:
        return await self.send(Outgoing(type="rights.fulfilled", data=data, time=time))

    async def heartbeat(self, data: SourceHeartbeat | None = None) -> ReceiptT:
        """Tell that this source is alive where it had nothing else to say."""
        return await self.send(Outgoing(type="source.heartbeat", data=data or SourceHeartbeat()))
