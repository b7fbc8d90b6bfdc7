"""The log under its prefix, as C2SP tlog-tiles serves one. Hashes are for everyone, leaves for who holds the token."""

from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from ledger.api.parts import ApiParts
from ledger.api.reading import asker_of, check_ledger
from ledger.core.tile import BundleId, parse_path
from ledger.storage.log_reader import checkpoint, entry_bundle, tile
from ledger.storage.questions import record

_FOR_EVER = {"cache-control": "public, max-age=31536000, immutable"}


@get("/log/{ledger:str}/checkpoint", summary="The signed head of the log", security=[{}])
async def log_checkpoint(ledger: FromPath[str], parts: NamedDependency[ApiParts]) -> Response[bytes]:
    """C2SP tlog-checkpoint, signed on demand. Not a chained read: a polling monitor would move the head for ever."""
    check_ledger(parts, ledger)
    note = await checkpoint(parts.ledger)
    return Response(
        note.encode(), media_type="text/plain; charset=utf-8", headers={"cache-control": "no-store"}
    )


@get(
    "/log/{ledger:str}/tile/{path:path}",
    summary="A hash tile, or an entry bundle",
    security=[{}, {"token": []}],
)
async def log_tile(
    request: Request[Any, Any, Any],
    ledger: FromPath[str],
    path: FromPath[str],
    parts: NamedDependency[ApiParts],
) -> Response[bytes]:
    """Hash tiles need no token. Entry bundles hold leaves: they need it, and the read is appended first."""
    check_ledger(parts, ledger)
    wanted = parse_path(f"tile/{path.lstrip('/')}")
    if isinstance(wanted, BundleId):
        bundle = await entry_bundle(parts.ledger, wanted.path())
        await record(parts.ledger, asker_of(parts, request), {"question": "bundle", "count": wanted.width})
        return Response(bundle, media_type="application/octet-stream", headers={"cache-control": "no-store"})
    return Response(
        await tile(parts.ledger, wanted.path()), media_type="application/octet-stream", headers=_FOR_EVER
    )
