"""What the worker and its preparing process say to each other: length-prefixed MessagePack over a pair of sockets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from ledger.core.batch import Batch  # noqa: TC001 -- a field, which the decoder must find
from streams.carried import Change  # noqa: TC001 -- likewise

if TYPE_CHECKING:
    import socket

_LENGTH_BYTES = 4


class Start(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """To the preparing process, once: the worker's settings as JSON."""

    settings: str


class Begin(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """To the preparing process: read under this epoch from now on; whatever ran before is over."""

    run: int
    epoch: int


class Halt(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """To the preparing process: stop reading."""


class Outcome(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """To the preparing process: a batch is appended, or PostgreSQL refuses a value of it."""

    run: int
    number: int
    refused: bool


class Prepared(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """From the preparing process: a batch."""

    run: int
    number: int
    batch: Batch


class Anew(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """From the preparing process: batches after a refused one are meant again."""

    run: int


class Ended(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """From the preparing process: a run is over. `kind` is `again` (nothing is wrong), `unreachable` (a server does not
    answer), `broken` (an invariant; `code` says which) or `fault` (our own).
    """

    run: int
    kind: str
    code: str
    message: str


class Beat(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """From the preparing process: it lives, and what it counted since the last time."""

    changes: list[Change] = []


Message = Start | Begin | Halt | Outcome | Prepared | Anew | Ended | Beat


class Channel:
    """One end. One task at a time receives, and one sends, and neither is cancelled in the middle of a message."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._end = end
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(Message)

    async def send(self, message: Message) -> None:
        """Raises OSError when the other end is gone."""
        # In one piece: the worker's messages are small, and whoever sends one may be cancelled at any wait.
        text = bytearray(_LENGTH_BYTES)
        self._encoder.encode_into(message, text, _LENGTH_BYTES)
        text[:_LENGTH_BYTES] = (len(text) - _LENGTH_BYTES).to_bytes(_LENGTH_BYTES, "big")
        await asyncio.get_running_loop().sock_sendall(self._end, text)

    async def receive(self) -> Message:
        """The next message; raises EOFError when the other end is gone."""
        length = int.from_bytes(await self._exactly(_LENGTH_BYTES), "big")
        message: Message = self._decoder.decode(await self._exactly(length))
        return message

    async def _exactly(self, length: int) -> memoryview:
        whole = memoryview(bytearray(length))
        filled = 0
        loop = asyncio.get_running_loop()
        while filled < length:
            try:
                count = await loop.sock_recv_into(self._end, whole[filled:])
            except ConnectionError as error:
                raise EOFError from error
            if not count:
                raise EOFError
            filled += count
        return whole

    def close(self) -> None:
        self._end.close()
