"""Serving the API: two listeners, one for the API and one for its metrics, on this machine alone unless told otherwise."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import signal
import socket
import sys
from typing import TYPE_CHECKING

import structlog
import uvicorn
from prometheus_client import make_asgi_app

from ledger.api.app import make_api
from ledger.api.parts import assemble
from ledger.core.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from litestar.types import ASGIApp, Receive, Scope, Send

    from ledger.api.parts import ApiParts
    from ledger.settings import Settings

_log = structlog.get_logger(__name__)
_DRAIN_SECONDS = 10
_BACKLOG = 512


class AddressUnusable(BadInput):
    """The address cannot be listened on."""

    code = "address-unusable"


async def run(
    settings: Settings,
    announce: Callable[[str], None] | None = None,
    *,
    stop: asyncio.Event | None = None,
) -> None:
    """Serves until SIGTERM, SIGINT, cancellation or `stop`; requests under way are finished, 10 s at most.

    `announce` is called once with the API's address (`http://host:port`) when it listens; a port of 0 takes a free
    one. An address other than this machine's own is refused unless LEDGER_API_ALLOW_REMOTE=1: the token would
    travel in clear, so put a proxy with TLS in front. Raises AddressUnusable, and what opening the ledger raises.
    """
    stop = stop or asyncio.Event()
    with contextlib.ExitStack() as stack:
        api_socket = stack.enter_context(_listen(settings, settings.api_port))
        metrics_socket = stack.enter_context(_listen(settings, settings.metrics_port))
        stack.enter_context(_signals(stop))
        async with assemble(settings) as parts:
            api = make_api(parts)
            servers = [
                (_Server(_config(api)), api_socket),
                (_Server(_config(_operations(api, parts))), metrics_socket),
            ]
            tasks = [asyncio.create_task(server.serve([listening])) for server, listening in servers]
            stopping = asyncio.create_task(stop.wait())
            try:
                if announce:
                    announce(_address(api_socket))
                _log.info("api.listening", metrics=_address(metrics_socket))
                await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
            finally:
                stopping.cancel()
                for server, _ in servers:
                    server.should_exit = True
                await asyncio.gather(*tasks)


class _Server(uvicorn.Server):
    """A server among others in its process: signals are not its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _config(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        lifespan="off",
        timeout_graceful_shutdown=_DRAIN_SECONDS,
        h11_max_incomplete_event_size=65_536,
    )


def _operations(api: ASGIApp, parts: ApiParts) -> ASGIApp:
    """What watches the process sees on a port of its own: `/metrics`, `/livez`, `/readyz`, and nothing of the API."""
    metrics = make_asgi_app(parts.metrics.registry)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path == "/metrics":
            await parts.state.refresh()
            await metrics(scope, receive, send)
        elif path in ("/livez", "/readyz"):
            await api(scope, receive, send)
        else:
            await send({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return answer


def _listen(settings: Settings, port: int) -> socket.socket:
    host = settings.api_host
    if not settings.api_allow_remote and not _is_loopback(host):
        raise AddressUnusable(
            "The API listens on this machine alone; set LEDGER_API_ALLOW_REMOTE=1 where a proxy with TLS stands before it."
        )
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        try:
            if sys.platform != "win32":
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(_BACKLOG)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise AddressUnusable(
            f"Port {port} cannot be listened on ({error.strerror}): choose another, or 0 for a free one."
        ) from error
    return listening


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextlib.contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    """Lets SIGTERM and SIGINT end the serving in order, where signals can be had (not in a thread's loop)."""
    loop = asyncio.get_running_loop()
    had = []
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, stop.set)
            had.append(number)
    try:
        yield
    finally:
        for number in had:
            loop.remove_signal_handler(number)
