"""Answers over HTTP: who accessed a person's data, what an account did, the log's entries and proofs, the state.

A person is named in a body, for a handle; URLs and access logs never hold an identifier.
"""

from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Struct

from accountability_ledger.errors import Refused
from accountability_ledger.identifier import normalise
from ledger.api.answer_shapes import ActorActivity, Inclusion, LogPage, Status, WhoAccessed
from ledger.api.handles import LIFE_SECONDS, Kind
from ledger.api.parts import ApiParts
from ledger.api.reading import asker_of, check_ledger, moment, rendered
from ledger.api.shapes import Handle, Person
from ledger.core.errors import BadInput, NotFound
from ledger.storage.log_reader import inclusion
from ledger.storage.questions import actor_activity, log_entries, one_entry, who_accessed
from ledger.storage.status import status

_SMALL_BODY = 8192
_Since = Annotated[
    str | None, QueryParameter(name="from", description="Begin of the period, inside it (RFC 3339)")
]
_Until = Annotated[
    str | None, QueryParameter(name="to", description="End of the period, outside it (RFC 3339)")
]
_KnownAt = Annotated[str | None, QueryParameter(name="known_at", description="As known then (RFC 3339)")]
_Limit = Annotated[int, QueryParameter(name="limit", description="Entries a page, 1 to 10,000")]
_Cursor = Annotated[str | None, QueryParameter(name="cursor", description="`next_cursor` of the page before")]
_Form = Annotated[
    str | None, QueryParameter(name="format", description="json, ndjson or csv; else Accept decides")
]
_Type = Annotated[str | None, QueryParameter(name="type", description="Full type name")]


def _answered(shape: type[Struct]) -> dict[int, ResponseSpec]:
    """How OpenAPI describes an answer in JSON; as NDJSON and CSV its entries come alone."""
    return {200: ResponseSpec(shape, generate_examples=False, description="The answer")}


@post(
    "/v1/ledgers/{ledger:str}/subjects/resolve",
    status_code=200,
    request_max_body_size=_SMALL_BODY,
    summary="A handle for a person",
)
async def resolve_subject(
    ledger: FromPath[str], data: JSONBody[Person], parts: NamedDependency[ApiParts]
) -> Handle:
    """Gives a handle whether the person is known or not; nothing is looked up yet."""
    return _handle(parts, ledger, "subject", data)


@post(
    "/v1/ledgers/{ledger:str}/actors/resolve",
    status_code=200,
    request_max_body_size=_SMALL_BODY,
    summary="A handle for an account",
)
async def resolve_actor(
    ledger: FromPath[str], data: JSONBody[Person], parts: NamedDependency[ApiParts]
) -> Handle:
    """Gives a handle for an account, or for a registered service."""
    return _handle(parts, ledger, "actor", data)


def _handle(parts: ApiParts, ledger: str, kind: Kind, person: Person) -> Handle:
    check_ledger(parts, ledger)
    try:
        identifier = normalise(person.identifier)
    except Refused as refused:
        raise BadInput(f"The identifier cannot be used: {refused.message}.") from refused
    return Handle(parts.handles.give(kind, identifier), LIFE_SECONDS)


@get(
    "/v1/ledgers/{ledger:str}/subjects/{handle:str}/accesses",
    summary="Who accessed a person's data",
    responses=_answered(WhoAccessed),
)
async def accesses(
    request: Request[Any, Any, Any],
    ledger: FromPath[str],
    handle: FromPath[str],
    parts: NamedDependency[ApiParts],
    since: _Since = None,
    until: _Until = None,
    known_at: _KnownAt = None,
    limit: _Limit = 1000,
    cursor: _Cursor = None,
    form: _Form = None,
) -> Response[bytes]:
    """Every act on the person's data. The question is appended to the ledger before it is answered."""
    check_ledger(parts, ledger)
    answer = await who_accessed(
        parts.ledger,
        asker_of(parts, request),
        parts.handles.identifier("subject", handle),
        since=moment(since, "from"),
        until=moment(until, "to"),
        known_at=moment(known_at, "known_at"),
        limit=limit,
        cursor=cursor,
    )
    return rendered(request, answer.to_json(), form)


@get(
    "/v1/ledgers/{ledger:str}/actors/{handle:str}/activity",
    summary="What an account did",
    responses=_answered(ActorActivity),
)
async def activity(
    request: Request[Any, Any, Any],
    ledger: FromPath[str],
    handle: FromPath[str],
    parts: NamedDependency[ApiParts],
    since: _Since = None,
    until: _Until = None,
    known_at: _KnownAt = None,
    limit: _Limit = 1000,
    cursor: _Cursor = None,
    form: _Form = None,
) -> Response[bytes]:
    """What the account did and touched. The question is appended to the ledger before it is answered."""
    check_ledger(parts, ledger)
    answer = await actor_activity(
        parts.ledger,
        asker_of(parts, request),
        parts.handles.identifier("actor", handle),
        since=moment(since, "from"),
        until=moment(until, "to"),
        known_at=moment(known_at, "known_at"),
        limit=limit,
        cursor=cursor,
    )
    return rendered(request, answer.to_json(), form)


@get("/v1/ledgers/{ledger:str}/entries", summary="The log's entries", responses=_answered(LogPage))
async def entries(
    request: Request[Any, Any, Any],
    ledger: FromPath[str],
    parts: NamedDependency[ApiParts],
    start: Annotated[int, QueryParameter(name="start", description="First seq")] = 0,
    kind: _Type = None,
    limit: _Limit = 1000,
    cursor: _Cursor = None,
    form: _Form = None,
) -> Response[bytes]:
    """Entries in the order of the log, nothing unsealed. The reading is appended first."""
    check_ledger(parts, ledger)
    page = await log_entries(
        parts.ledger, asker_of(parts, request), start=start, kind=kind, limit=limit, cursor=cursor
    )
    return rendered(request, page.to_json(), form)


@get("/v1/ledgers/{ledger:str}/entries/{seq:int}", summary="One entry", responses=_answered(LogPage))
async def entry(
    request: Request[Any, Any, Any],
    ledger: FromPath[str],
    seq: FromPath[int],
    parts: NamedDependency[ApiParts],
    form: _Form = None,
) -> Response[bytes]:
    """One entry, nothing unsealed. The reading is appended first."""
    check_ledger(parts, ledger)
    page = (await one_entry(parts.ledger, asker_of(parts, request), seq)).to_json()
    if not page["entries"]:
        raise NotFound("The log has no entry of this number yet.")
    return rendered(request, page, form)


@get(
    "/v1/ledgers/{ledger:str}/entries/{seq:int}/proof",
    summary="The proof that an entry is in the log",
    responses=_answered(Inclusion),
)
async def proof(
    ledger: FromPath[str],
    seq: FromPath[int],
    parts: NamedDependency[ApiParts],
    size: Annotated[int | None, QueryParameter(name="size", description="Of the tree of this size")] = None,
) -> Response[dict[str, Any]]:
    """Leaf hash, RFC 6962 audit path, root, and the C2SP tlog-proof with a signed checkpoint."""
    check_ledger(parts, ledger)
    return Response(await inclusion(parts.ledger, seq, size))


@get("/v1/ledgers/{ledger:str}/status", summary="The state of the ledger", responses=_answered(Status))
async def state(ledger: FromPath[str], parts: NamedDependency[ApiParts]) -> Response[dict[str, Any]]:
    """Head, lag, counts and verifier keys; addresses are told by the command line alone."""
    check_ledger(parts, ledger)
    return Response(await status(parts.ledger, None, parts.topics))
