"""A proxy that understands enough of Kafka's protocol to strike at a request by its name.

A client finds a broker by the address that the broker itself names, so the proxied broker has a second listener that
names the proxy (servers.py). A request begins with its size, the number of the API, its version and a correlation id;
a response with its size and that id. https://kafka.apache.org/protocol
"""

from __future__ import annotations

import asyncio
import enum
import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.faults.tcp_proxy import Link, TcpProxy, Way

if TYPE_CHECKING:
    from asyncio import StreamReader


class Api(enum.IntEnum):
    """The requests that tests strike at."""

    PRODUCE = 0
    FETCH = 1
    LIST_OFFSETS = 2
    METADATA = 3


class Fault(enum.Enum):
    """What happens to a request. The client learns nothing in either case."""

    DROP_BEFORE = "the connection is cut before the request is forwarded"
    DROP_REPLY = "the request is forwarded and answered, the connection cut instead of its answer"


@dataclass(eq=False)
class Strike:
    """A fault that waits for the `nth` request of this API."""

    fault: Fault
    api: Api
    nth: int
    struck: asyncio.Event = field(default_factory=asyncio.Event)


class KafkaProxy(TcpProxy):
    """Counts requests by API, and strikes at those that are armed."""

    def __init__(self, upstream: int | None = None) -> None:
        super().__init__(upstream)
        self.requests: Counter[int] = Counter()
        self._strikes: list[Strike] = []
        self._answers: dict[tuple[Link, int], Strike] = {}

    def arm(self, fault: Fault, api: Api, *, nth: int = 1) -> Strike:
        """Strikes once, at the `nth` such request from now on."""
        strike = Strike(fault, api, nth)
        self._strikes.append(strike)
        return strike

    async def chunk(self, reader: StreamReader) -> bytes:
        """One request or response, whole, with its size."""
        head = await reader.readexactly(4)
        return head + await reader.readexactly(struct.unpack(">i", head)[0])

    async def passing(self, link: Link, way: Way, data: bytes) -> bool:
        if way is Way.BACK:
            (correlation,) = struct.unpack_from(">i", data, 4)
            strike = self._answers.pop((link, correlation), None)
        else:
            api, _, correlation = struct.unpack_from(">hhi", data, 4)
            self.requests[api] += 1
            strike = self._due(api)
            if strike is not None and strike.fault is Fault.DROP_REPLY:
                self._answers[link, correlation] = strike
                return True
        if strike is None:
            return True
        link.cut()
        strike.struck.set()
        return False

    def _due(self, api: int) -> Strike | None:
        for strike in self._strikes:
            if strike.api == api:
                strike.nth -= 1
                if strike.nth == 0:
                    self._strikes.remove(strike)
                    return strike
        return None
