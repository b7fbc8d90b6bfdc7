"""Plays the story: sets the stage, tells the steps, stops everything, however it ends."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.cli.long_running import run
from ledger.cli.main import INTERRUPTED, OWN_FAULT
from ledger.cli.output import harmless
from ledger.cli.signals import stop_request
from ledger.core.errors import BadInput, LedgerError
from ledger.demo import stage as stages
from ledger.demo.story import STEPS, Story, opening
from ledger.demo.teller import Teller

if TYPE_CHECKING:
    from ledger.embedded import Embedded


def main() -> int:
    """The exit code: 0, or that of the error that ended it."""
    tell = Teller(STEPS)
    try:
        stages.HOME.parent.mkdir(parents=True, exist_ok=True)
        with (stages.HOME.parent / "demo.lock").open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BadInput("The demo runs already in this directory: wait for its end.") from None
            run(lambda: _until_stopped(tell))
    except LedgerError as error:
        return _failed(str(error), error.exit_code)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 -- the last line of defence, as in the command line
        return _failed(
            f"This is a fault of ours ({type(error).__name__}); LEDGER_DEBUG=1 shows where.", OWN_FAULT
        )
    return 0


def _failed(sentence: str, code: int) -> int:
    sys.stderr.write("".join(f"{harmless(line)}\n" for line in sentence.splitlines()))
    if os.environ.get("LEDGER_DEBUG") == "1":
        traceback.print_exc()
    return code


async def _until_stopped(tell: Teller) -> None:
    """SIGTERM and Ctrl-C end the story where it is; then, too, everything is stopped."""
    with stop_request() as request:
        playing = asyncio.create_task(_play(tell))
        asked = asyncio.create_task(request.wait())
        await asyncio.wait((playing, asked), return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if not playing.done():
            playing.cancel()
            await asyncio.wait((playing,))
            raise KeyboardInterrupt
        playing.result()


async def _play(tell: Teller) -> None:
    servers = await asyncio.to_thread(stages.clear)
    tell.plain("An accountability ledger for personal data, end to end on real servers, in six steps.")
    stage: stages.Stage | None = None
    try:
        with tell.step("Real Kafka and PostgreSQL, without root, Docker or a system Java"):
            with tell.waiting("Starting"):
                stage = await stages.build(servers)
            opening(stage, tell)
        story = Story(stage, tell)
        with tell.step("A month at the example company"):
            then = await story.month()
        with tell.step("Three users' questions"):
            seq = await story.questions(then)
        with tell.step("An attack by an operator"):
            await story.attack(seq)
        with tell.step("An erasure"):
            await story.erasure()
        with tell.step("The log, checked offline"):
            await story.proof(stage.settings.home)
    finally:
        await asyncio.shield(asyncio.to_thread(_stop, servers, stage))
    _what_next(tell)


def _stop(servers: Embedded, stage: stages.Stage | None) -> None:
    if stage is not None:
        stage.stop()
    servers.delete()


def _what_next(tell: Teller) -> None:
    tell.plain()
    tell.plain("Everything is stopped. What to do next:")
    programs = Path(os.path.relpath(Path(sys.executable).parent))
    exported = stages.HOME / "log-export"
    for command, what in (
        ("make up", "runs all this in the foreground, with the HTTP API, and keeps its data"),
        (f"{programs / 'ledger'} --help", "the commands; each has an example"),
        (
            f"{programs / 'ledger-verify'} {exported} --key {exported / 'log.pub'}",
            "checks the log of this demo",
        ),
        ("make test", "runs every check"),
    ):
        tell.plain(f"   {command}")
        tell.plain(f"      {what}")
