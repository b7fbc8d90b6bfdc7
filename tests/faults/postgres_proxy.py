"""A proxy that understands enough of PostgreSQL's protocol (version 3, no TLS) to strike in the midst of a COMMIT.

It stands between a client and the real server on 127.0.0.1. It knows which statements a transaction has sent, so that
a COMMIT of the append path can be told from one of another connection's. Tests wait for its events, never for time.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import re
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from tests.faults.tcp_proxy import Connection, End, Proxy

if TYPE_CHECKING:
    from asyncio import StreamReader

_SSL, _GSS, _CANCEL = 80877103, 80877104, 80877102
_COMMIT = re.compile(r"\s*(?:COMMIT|END)\b", re.IGNORECASE)
_BEGIN = re.compile(r"\s*(?:BEGIN|START\s+TRANSACTION)\b", re.IGNORECASE)


class Fault(enum.Enum):
    """What happens to a COMMIT. The client learns nothing in the first two; the server committed in the last two."""

    DROP_BEFORE = "the connection is cut before the COMMIT is forwarded: failed, not persisted"
    DROP_REPLY = (
        "the COMMIT is forwarded and done, the connection cut instead of its answer: failed, persisted"
    )
    HOLD_REPLY = "the COMMIT is forwarded and done, its answer held back until released"


@dataclass(eq=False)
class Strike:
    """A fault that waits for the `nth` COMMIT of a transaction one of whose statements matches `touching`."""

    fault: Fault
    touching: re.Pattern[str]
    nth: int
    seen: int = 0
    struck: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    abandoned: asyncio.Event = field(default_factory=asyncio.Event)
    """The client hung up before the held answer came."""

    def release(self) -> None:
        """Let the held answer through."""
        self.released.set()


class PostgresProxy(Proxy):
    """`async with PostgresProxy(url) as proxy:` gives `proxy.url`, the same database behind the proxy."""

    def __init__(self, url: str) -> None:
        """`url`: a libpq URL with host and port. Raises ValueError for any other."""
        parts = urlsplit(url)
        if not parts.hostname or not parts.port:
            raise ValueError("The proxy needs a database URL with a host and a port.")
        super().__init__()
        self._upstream = parts.hostname, parts.port
        self._parts = parts
        self._strikes: list[Strike] = []
        self.commits = 0

    async def reach(self) -> End:
        return await asyncio.open_connection(*self._upstream)

    def connect(self, client: End, server: End) -> Connection:
        return _Link(self, client, server)

    @property
    def url(self) -> str:
        login = self._parts.netloc.rpartition("@")[0]
        return urlunsplit(self._parts._replace(netloc=f"{login}@127.0.0.1:{self.port}"))

    def arm(self, fault: Fault, *, touching: str = "", nth: int = 1) -> Strike:
        """Strike once, at the `nth` matching COMMIT from now on."""
        strike = Strike(fault, re.compile(touching, re.IGNORECASE), nth)
        self._strikes.append(strike)
        return strike

    def strike_for(self, statements: list[str]) -> Strike | None:
        """Called by a link at each COMMIT: the fault that is due, if one is."""
        self.commits += 1
        for strike in self._strikes:
            if any(strike.touching.search(statement) for statement in statements):
                strike.seen += 1
                if strike.seen == strike.nth:
                    self._strikes.remove(strike)
                    return strike
        return None


class _Link:
    """One client's connection: two directions, and the transaction that is open on it."""

    def __init__(
        self,
        proxy: PostgresProxy,
        client: End,
        server: End,
    ) -> None:
        self._proxy = proxy
        self._client, self._to_client = client
        self._server, self._to_server = server
        self._prepared: dict[bytes, str] = {}
        self._statements: list[str] = []
        self._strike: Strike | None = None
        self._held: Strike | None = None

    async def run(self) -> None:
        try:
            if not await self._start():
                return
            both = [asyncio.create_task(self._forward()), asyncio.create_task(self._back())]
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in both:
                    task.cancel()
                await asyncio.gather(*both, return_exceptions=True)
        except (OSError, EOFError):
            pass
        finally:
            self.cut()
            if self._held is not None:
                self._held.abandoned.set()

    def cut(self) -> None:
        self._to_client.transport.abort()
        self._to_server.transport.abort()

    async def _start(self) -> bool:
        """The messages before the first typed one. False for a request to cancel, which has no answer."""
        while True:
            head = await self._client.readexactly(8)
            length, code = struct.unpack(">ii", head)
            rest = await self._client.readexactly(length - 8)
            if code in {_SSL, _GSS}:
                self._to_client.write(b"N")
                continue
            self._to_server.write(head + rest)
            await self._to_server.drain()
            if code == _CANCEL:
                await self._server.read()
                return False
            return True

    async def _forward(self) -> None:
        with contextlib.suppress(OSError, EOFError):
            while True:
                kind, message = await _read(self._client)
                strike = self._look(kind, message[5:])
                if strike is not None:
                    if strike.fault is Fault.DROP_BEFORE:
                        self.cut()
                        strike.struck.set()
                        return
                    self._strike = strike
                self._to_server.write(message)
                await self._to_server.drain()

    def _look(self, kind: bytes, body: bytes) -> Strike | None:
        """Follow what the client says; the strike, where this message is a COMMIT that one is due for."""
        if kind == b"P":
            name, query, _ = body.split(b"\0", 2)
            self._prepared[name] = query.decode(errors="replace")
            return None
        if kind == b"B":
            statement = self._prepared.get(body.split(b"\0", 2)[1], "")
        elif kind == b"Q":
            statement = body.rstrip(b"\0").decode(errors="replace")
        else:
            return None
        if _BEGIN.match(statement):
            self._statements = []
        self._statements.append(statement)
        return self._proxy.strike_for(self._statements) if _COMMIT.match(statement) else None

    async def _back(self) -> None:
        with contextlib.suppress(OSError, EOFError):
            while True:
                kind, message = await _read(self._server)
                strike = self._strike
                if strike is not None and kind == b"C" and message[5:] == b"COMMIT\0":
                    self._strike = None
                    if strike.fault is Fault.DROP_REPLY:
                        self.cut()
                        strike.struck.set()
                        return
                    strike.struck.set()
                    self._held = strike
                    await strike.released.wait()
                    self._held = None
                self._to_client.write(message)
                await self._to_client.drain()


async def _read(reader: StreamReader) -> tuple[bytes, bytes]:
    """One typed message, whole: its type, and its bytes with type and length."""
    head = await reader.readexactly(5)
    (length,) = struct.unpack(">i", head[1:])
    return head[:1], head + await reader.readexactly(length - 4)
