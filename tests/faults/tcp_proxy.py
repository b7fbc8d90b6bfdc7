"""Bytes between clients and one server on this machine, over a wire that can be cut, closed, slow, or lead one way only.

It knows no protocol; kafka_proxy.py and postgres_proxy.py know one each.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter

_CHUNK = 256 * 1024
_IN_FLIGHT = 64  # chunks on a slow wire


class Way(enum.Enum):
    """A direction of the wire."""

    OUT = "from the client to the server"
    BACK = "from the server to the client"


class Connection(Protocol):
    """One client's connection through a proxy."""

    async def run(self) -> None:
        """Until either end closes; then both are closed."""

    def cut(self) -> None:
        """Resets it."""


End = tuple["StreamReader", "StreamWriter"]
"""What is read from, and written to, one side of a connection."""


class Proxy(ABC):
    """Listens on a port of its own and makes a connection to the server for each client; `refusing` turns new clients
    away, `cut` resets those that are open. What passes, and how, is `connect`'s.
    """

    def __init__(self) -> None:
        self.refusing = False
        self.refused = asyncio.Event()  # someone came while it was refusing
        self._server: asyncio.Server | None = None
        self._links: dict[Connection, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        await asyncio.gather(*self._links.values(), return_exceptions=True)

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def cut(self) -> None:
        """Resets every connection that is open now."""
        for link in list(self._links):
            link.cut()

    @abstractmethod
    async def reach(self) -> End:
        """A connection to the server; raises OSError."""

    @abstractmethod
    def connect(self, client: End, server: End) -> Connection:
        """Joins a client to the server."""

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        if self.refusing:
            writer.transport.abort()
            self.refused.set()
            return
        try:
            server = await self.reach()
        except OSError:
            writer.transport.abort()
            return
        link = self.connect((reader, writer), server)
        task = asyncio.current_task()
        assert task is not None
        self._links[link] = task
        try:
            await link.run()
        finally:
            del self._links[link]


class TcpProxy(Proxy):
    """`async with TcpProxy(5432) as proxy:` listens on `proxy.port` and forwards.

    `refusing` turns new clients away; `delay` (seconds) holds back every byte, each way; `stall` holds what goes one
    way until `flow`, while connections stay up and new ones are accepted, as a broken route does; `cut` resets them.
    """

    def __init__(self, upstream: int | None = None) -> None:
        """`upstream`: the server's port on 127.0.0.1; it may be set, and changed, later."""
        super().__init__()
        self.upstream = upstream
        self.delay = 0.0
        self.held = asyncio.Event()  # something was held back by a stall
        self._flows = {way: asyncio.Event() for way in Way}
        self.flow()

    async def __aexit__(self, *_: object) -> None:
        self.flow()
        await super().__aexit__()

    async def reach(self) -> End:
        return await asyncio.open_connection("127.0.0.1", self.upstream)

    def connect(self, client: End, server: End) -> Connection:
        return Link(self, client, server)

    def stall(self, *ways: Way) -> None:
        for way in ways or Way:
            self._flows[way].clear()
        self.held.clear()

    def flow(self) -> None:
        """Ends every stall; what was held back arrives."""
        for event in self._flows.values():
            event.set()

    async def open(self, way: Way) -> None:
        """Waits while this way is stalled."""
        if not self._flows[way].is_set():
            self.held.set()
            await self._flows[way].wait()

    async def chunk(self, reader: StreamReader) -> bytes:
        """The next bytes that belong together; empty at the end of the stream."""
        return await reader.read(_CHUNK)

    async def passing(self, link: Link, way: Way, data: bytes) -> bool:  # noqa: ARG002 -- for those who override it
        """Called with each chunk before it is forwarded; False drops it. For those who know a protocol."""
        return True


class Link:
    """One client's connection."""

    def __init__(
        self,
        proxy: TcpProxy,
        client: End,
        server: End,
    ) -> None:
        self._proxy = proxy
        self._ends = {Way.OUT: (client[0], server[1]), Way.BACK: (server[0], client[1])}

    def cut(self) -> None:
        for _, writer in self._ends.values():
            writer.transport.abort()

    async def run(self) -> None:
        """Until either end closes; then both are closed."""
        tasks = [
            asyncio.create_task(part)
            for way in Way
            for queue in [asyncio.Queue[tuple[float, bytes]](_IN_FLIGHT)]
            for part in (self._take(way, queue), self._give(way, queue))
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.cut()

    async def _take(self, way: Way, queue: asyncio.Queue[tuple[float, bytes]]) -> None:
        """Never ends by itself: what was taken is still to be given."""
        reader = self._ends[way][0]
        data = b"begun"
        while data:
            data = b""
            with contextlib.suppress(OSError, EOFError):
                data = await self._proxy.chunk(reader)
            await queue.put((asyncio.get_running_loop().time() + self._proxy.delay, data))
        await asyncio.Event().wait()

    async def _give(self, way: Way, queue: asyncio.Queue[tuple[float, bytes]]) -> None:
        writer = self._ends[way][1]
        while True:
            due, data = await queue.get()
            await self._proxy.open(way)
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            if not data:
                return
            if await self._proxy.passing(self, way, data):
                writer.write(data)
                try:
                    await writer.drain()
                except OSError:
                    return
