"""Parts that run abreast: when one ends, all do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ledger.core.errors import InvariantBroken, LedgerError
from streams.fetch import TopicRecreated

if TYPE_CHECKING:
    from collections.abc import Iterable


async def first_to_end(work: Iterable[Any]) -> None:
    """Runs several parts until one of them ends, ends the others, and raises the gravest error: a fault of ours, or
    an invariant that is broken, before what is cured by beginning again.
    """
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    failed = [each for each in results if isinstance(each, Exception)]
    for error in failed:
        if isinstance(error, InvariantBroken) or not isinstance(error, (LedgerError, TopicRecreated)):
            raise error
    if failed:
        raise failed[0]
