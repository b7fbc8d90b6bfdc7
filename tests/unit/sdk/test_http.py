from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import uvicorn
from litestar import Litestar, Request, Response, post

from accountability_ledger.accept import Event, accept
from accountability_ledger.errors import Refused
from accountability_ledger.events.consent import ConsentChanged
from accountability_ledger.http import Answer, HttpProducer, NotTaken
from tests.unit.sdk.samples import ANN, accessed, encoded, event
from tests.unit.sdk.test_outgoing import READ

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Ledger:
    """A real HTTP server that answers as the API does, so that the client is tested through its own stack."""

    def __init__(self) -> None:
        self.received: list[tuple[str, str, Event]] = []

    def app(self) -> Litestar:
        @post("/v1/ledgers/{ledger:str}/events")
        async def events(request: Request[Any, Any, Any]) -> Response[Any]:
            ledger = request.path_params["ledger"]
            if ledger == "closed":
                return Response({"title": "forbidden", "status": 403}, status_code=403)
            if ledger == "broken":
                return Response("bad gateway", status_code=502, media_type="text/plain")
            prefer = request.headers.get("prefer", "")
            self.received.append((ledger, prefer, accept(await request.body())))
            if prefer == "wait":
                return Response({"results": [{"seq": 7, "receipt": "note"}]}, status_code=201)
            return Response(
                {"results": [{"topic": "privacy.access", "partition": 0, "offset": 3}]}, status_code=202
            )

        return Litestar([events], openapi_config=None)


@asynccontextmanager
async def serving(ledger: Ledger) -> AsyncIterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        server = uvicorn.Server(uvicorn.Config(ledger.app(), log_level="error", lifespan="off", ws="none"))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


async def test_events_are_posted_and_answered() -> None:
    ledger = Ledger()
    async with (
        serving(ledger) as url,
        HttpProducer(url, "eu west", source="crm", next_sequence=1) as producer,
    ):
        answer = await producer.accessed(READ)
        raw = encoded(event("data.accessed", accessed()))
        await producer.publish_raw(raw)
        assert producer.next_sequence == 2
    assert answer == Answer(topic="privacy.access", partition=0, offset=3)
    assert [(name, prefer) for name, prefer, _ in ledger.received] == [("eu west", ""), ("eu west", "")]
    assert ledger.received[0][2].data == msgspec.to_builtins(READ)
    assert ledger.received[0][2].attributes["sequence"] == "1"
    assert ledger.received[1][2] == accept(raw)


async def test_waiting_brings_the_entry_and_its_receipt() -> None:
    async with serving(Ledger()) as url, HttpProducer(url, "eu", source="crm", wait=True) as producer:
        assert await producer.accessed(READ) == Answer(seq=7, receipt="note")


async def test_an_answer_that_takes_nothing_is_an_error() -> None:
    async with serving(Ledger()) as url:
        async with HttpProducer(url, "closed", source="crm") as producer:
            with pytest.raises(NotTaken) as refused:
                await producer.accessed(READ)
        assert (refused.value.status, refused.value.problem["title"]) == (403, "forbidden")
        async with HttpProducer(url, "broken", source="crm") as producer:
            with pytest.raises(NotTaken) as broken:
                await producer.accessed(READ)
        assert (broken.value.status, broken.value.problem) == (502, {})


async def test_nothing_invalid_is_posted() -> None:
    ledger = Ledger()
    nobody = ConsentChanged(subjects=[], consent_id="c", purposes=["newsletter"])
    async with serving(ledger) as url, HttpProducer(url, "eu", source="crm", next_sequence=1) as producer:
        with pytest.raises(Refused):
            await producer.consent_withdrawn(nobody)
        with pytest.raises(Refused):
            await producer.publish_raw(b'{"subject":"' + ANN.encode() + b'"}')
        assert producer.next_sequence == 1
    assert ledger.received == []
