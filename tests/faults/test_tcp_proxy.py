"""The wire itself, before a server: an echo."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.faults.tcp_proxy import TcpProxy, Way

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_SECONDS = 20.0


@pytest.fixture
async def wire() -> AsyncIterator[TcpProxy]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with asyncio.timeout(_SECONDS), TcpProxy(server.sockets[0].getsockname()[1]) as proxy:
        yield proxy
    server.close()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: bytes) -> bytes:
    writer.write(text)
    return await reader.readexactly(len(text))


async def test_what_passes_is_whole(wire: TcpProxy) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
    text = bytes(range(256)) * 4096
    assert await ask(reader, writer, text) == text
    writer.close()


@pytest.mark.parametrize("way", list(Way))
async def test_a_stall_holds_back_and_loses_nothing(wire: TcpProxy, way: Way) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
    wire.stall(way)
    asked = asyncio.create_task(ask(reader, writer, b"held"))
    await wire.held.wait()
    assert not asked.done()
    wire.flow()
    assert await asked == b"held"
    writer.close()


async def test_a_delay_is_that_long_each_way(wire: TcpProxy) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
    wire.delay = 0.1
    began = asyncio.get_running_loop().time()
    assert await ask(reader, writer, b"slow") == b"slow"
    assert asyncio.get_running_loop().time() - began > 0.19
    writer.close()


async def test_a_cut_resets_and_a_refusal_turns_away(wire: TcpProxy) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
    assert await ask(reader, writer, b"one") == b"one"
    wire.refusing = True
    wire.cut()
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    assert wire.refused.is_set()
    writer.close()
