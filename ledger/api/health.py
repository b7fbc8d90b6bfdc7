"""Whether we live, and whether we can answer."""

import asyncio
from collections.abc import Awaitable

from litestar import MediaType, Response, get
from litestar.di import NamedDependency

from ledger.api.parts import ApiParts
from ledger.api.shapes import Readiness
from ledger.core.errors import LedgerError
from ledger.storage.log_reader import head

_PATIENCE = 2.0
_NOBODY = bytes(16)


@get(
    "/livez",
    media_type=MediaType.TEXT,
    summary="Whether the process serves",
    security=[{}],
    sync_to_thread=False,
)
def live() -> str:
    """The process answers; says nothing of its servers."""
    return "ok\n"


@get("/readyz", summary="Whether questions can be answered", security=[{}])
async def ready(parts: NamedDependency[ApiParts]) -> Response[Readiness]:
    """503 while PostgreSQL does not answer. Kafka is not asked: it takes events, and questions need none."""
    ledger = parts.ledger
    database, vault = await asyncio.gather(
        _answers(head(ledger)), _answers(ledger.vault.by_key_id([_NOBODY]))
    )
    found = Readiness(ready=database and vault, database=database, vault=vault)
    return Response(found, status_code=200 if found.ready else 503)


async def _answers(question: Awaitable[object]) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE):
            await question
    except (LedgerError, TimeoutError):
        return False
    return True
