"""The program of a process that screens stretches for `ledger verify`; it is started by `verify_processes`."""

from __future__ import annotations

import asyncio
import sys

from ledger.storage.verify_processes import ignore_interrupts, serve


async def _main() -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )

    def answer(message: bytes) -> None:
        # Whoever started this reads at all times; where nobody reads any more, the write fails and so it ends.
        sys.stdout.buffer.write(message)
        sys.stdout.buffer.flush()

    await serve(reader, answer)


def main() -> None:
    ignore_interrupts()
    try:
        import uvloop  # noqa: PLC0415 -- not there on every system
    except ImportError:
        asyncio.run(_main())
    else:
        uvloop.run(_main())


if __name__ == "__main__":
    main()
