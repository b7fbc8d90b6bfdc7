"""Commands that run until they are stopped: worker, serve, up."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ledger.cli import logs
from ledger.cli.command import Call, command
from ledger.cli.output import console
from ledger.cli.run_file import announce_api, held
from ledger.cli.up import Up

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from ledger.settings import Settings


def add_to(app: typer.Typer) -> None:
    """Adds worker, serve and up."""

    @command(app, "worker", example="ledger worker --ledger eu", answers=False)
    def worker(call: Call) -> None:
        """Runs the worker: reads Kafka and appends, while no other worker holds this ledger.

        SIGTERM finishes the transaction under way, releases the lease and ends with exit code 0.
        """
        from ledger.cli.hosting import host  # noqa: PLC0415 -- Faust takes long to import; only the worker needs it

        logs.configure()
        with held(call.settings.run_directory, "worker"):
            host(call.settings)

    @command(app, "serve", example="ledger serve --port 8470", answers=False)
    def serve(
        call: Call,
        address: Annotated[
            str | None, typer.Option("--host", help="Where to listen; default: this machine alone.")
        ] = None,
        port: Annotated[int | None, typer.Option(min=0, max=65535, help="0 takes a free one.")] = None,
        metrics_port: Annotated[
            int | None, typer.Option(min=0, max=65535, help="Where /metrics listens.")
        ] = None,
    ) -> None:
        """Serves the HTTP API.

        Asks for the bearer token that lies in the token file (`ledger up` says where). SIGTERM ends it in order.
        """
        given = {"api_host": address, "api_port": port, "metrics_port": metrics_port}
        settings = call.settings.model_copy(update={k: v for k, v in given.items() if v is not None})
        logs.configure()
        with held(settings.run_directory, "api"):
            run(lambda: _serve(settings))

    @command(app, "up", example="ledger up", answers=False)
    def up(call: Call) -> None:
        """Runs everything in the foreground: embedded servers, worker and API; keeps the data in .ledger/.

        Prints the address and where the API's token lies. What ends is said and not started again: `ledger worker`,
        `ledger serve` and `ledger embedded start` start each part alone. Ctrl-C stops all, in order.
        """
        run(lambda: Up(call.settings, console()).run())


async def _serve(settings: Settings) -> None:
    from ledger.api.serve import run as serve_api  # noqa: PLC0415 -- the web packages; only this needs them

    stop = asyncio.Event()
    interrupted = False

    def interrupt() -> None:
        nonlocal interrupted
        interrupted = True
        stop.set()

    def announced(address: str) -> None:
        # Both signals end it in order; Ctrl-C also reads as interrupted (exit code 130).
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupt)
        announce_api(settings, address)
        console().print(f"The API listens on {address}")

    await serve_api(settings, announced, stop=stop)
    if interrupted:
        raise KeyboardInterrupt


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs a coroutine to its end on the fastest event loop that there is."""
    if sys.platform == "win32":
        asyncio.run(main())
        return
    import uvloop  # noqa: PLC0415 -- not on every platform

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
