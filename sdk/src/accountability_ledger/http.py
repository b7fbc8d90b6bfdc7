"""The HTTP client (extra `http`): `POST /v1/ledgers/{ledger}/events`, for services that do not speak Kafka."""

from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import httpx
import msgspec

from accountability_ledger.accept import accept
from accountability_ledger.outgoing import Envelopes, Outgoing
from accountability_ledger.recorder import Recorder

_CLOUDEVENT: Final = "application/cloudevents+json"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger says of one event: its place in Kafka, and after `wait` its entry with the signed receipt."""

    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    seq: int | None = None
    receipt: str | None = None


class _Answers(msgspec.Struct, frozen=True):
    results: list[Answer]


class NotTaken(Exception):  # noqa: N818 - says what happened to the event
    """The ledger answered, but did not take the event. `status` is the HTTP status, `problem` the RFC 9457 body."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"the ledger answered {status}")
        self.status = status
        self.problem = problem


class HttpProducer(Recorder[Answer]):
    """An async context manager over `httpx.AsyncClient`, whose settings (`auth`, `verify`, `headers`) pass through.

    `base_url` is that of the API. With `wait` the answer comes after the ledger's commit (RFC 7240 `Prefer: wait`).
    """

    def __init__(
        self,
        base_url: str,
        ledger: str,
        *,
        source: str,
        next_sequence: int | None = None,
        wait: bool = False,
        **client: Any,
    ) -> None:
        self._envelopes = Envelopes(source, next_sequence)
        self._path = f"/v1/ledgers/{quote(ledger, safe='')}/events"
        self._wait = wait
        self._client = httpx.AsyncClient(base_url=base_url, **client)

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    @property
    def next_sequence(self) -> int | None:
        """The number that the next event gets; keep it over restarts."""
        return self._envelopes.next_sequence

    async def send(self, event: Outgoing) -> Answer:
        """Validate here, then post one event.

        Raises `Refused` before anything is sent, `NotTaken` for an answer other than 2xx, and httpx's own errors where
        none came: then the outcome is unknown, and sending the same `id` again is safe.
        """
        value = self._envelopes.wrap(event)
        accept(value)
        self._envelopes.used()
        return await self._post(value)

    async def publish_raw(self, value: bytes) -> Answer:
        """Post a structured CloudEvent that exists already, byte for byte."""
        accept(value)
        return await self._post(value)

    async def _post(self, value: bytes) -> Answer:
        headers = {"content-type": _CLOUDEVENT} | ({"prefer": "wait"} if self._wait else {})
        response = await self._client.post(self._path, content=value, headers=headers)
        if not response.is_success:
            raise NotTaken(response.status_code, _problem(response))
        return msgspec.json.decode(response.content, type=_Answers).results[0]


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        return msgspec.json.decode(response.content, type=dict[str, Any])
    except msgspec.DecodeError:
        return {}
