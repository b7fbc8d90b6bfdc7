"""Events over HTTP, for services that do not speak Kafka: judged here, produced to Kafka, and on wish awaited."""

import asyncio
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from msgspec import UNSET

from accountability_ledger.accept import Event, accept
from accountability_ledger.errors import Refused
from ledger.api.parts import ApiParts
from ledger.api.problem import AllRefused, TooLarge, UnsupportedMedia
from ledger.api.reading import check_ledger
from ledger.api.sending import Sent
from ledger.api.shapes import EventResult, EventResults, RecordReceipt
from ledger.core import base64url
from ledger.core.errors import BadInput, NotFound
from ledger.storage.log_reader import head
from ledger.storage.receipts import Found, find_place, find_places, sign_receipt

MAX_EVENTS = 1000
MAX_BODY = 8 * 1024 * 1024
MAX_WAIT_SECONDS = 30.0
_POLL_SECONDS = 0.03
_WAIT = re.compile(r"wait(?:\s*=\s*([0-9]{1,4}))?", re.IGNORECASE)
_SINGLE = ("application/cloudevents+json", "application/json")
_BATCH = "application/cloudevents-batch+json"
_LINES = ("application/x-ndjson", "application/ndjson")
_REFUSED_LATER = "The ledger keeps it as a refused record; its value lies with the dead letters for a while."


@post(
    "/v1/ledgers/{ledger:str}/events",
    request_max_body_size=MAX_BODY,
    summary="Send events",
    description="CloudEvents 1.0 in JSON: one (application/cloudevents+json), a batch "
    "(application/cloudevents-batch+json) or lines (application/x-ndjson), at most 1,000. 202 after Kafka's "
    "acknowledgement; with `Prefer: wait` 201 after the ledger's commit, with receipts; 422 when all are refused.",
    status_code=202,
)
async def send_events(
    request: Request[Any, Any, Any], ledger: FromPath[str], parts: NamedDependency[ApiParts]
) -> Response[EventResults]:
    """Judges each event as the worker does, sends those that pass, and says what became of each."""
    check_ledger(parts, ledger)
    wait = _wait_seconds(request.headers.get("prefer", ""))
    values = _split(request.headers.get("content-type", ""), await request.body())
    judged = [_judge(value) for value in values]
    accepted = [(each, value) for each, value in zip(judged, values, strict=True) if isinstance(each, Event)]
    parts.metrics.events.labels("refused").inc(len(values) - len(accepted))
    if not accepted:
        refused = [_result(index, each, None, None, parts) for index, each in enumerate(judged)]
        raise AllRefused(msgspec.to_builtins(refused))
    since = (await head(parts.ledger)).size if wait else 0
    sent = await parts.sender.send(accepted)
    parts.metrics.events.labels("sent").inc(len(sent))
    found = await _wait_for(parts, sent, since, wait) if wait else [None] * len(sent)
    places = iter(zip(sent, found, strict=True))
    results = []
    for index, each in enumerate(judged):
        place, entry = next(places) if isinstance(each, Event) else (None, None)
        results.append(_result(index, each, place, entry, parts))
    committed = wait and all(each is not None for each in found)
    headers = {"preference-applied": "wait"} if wait else {}
    answer = EventResults(results)
    if committed and len(results) == 1:
        answer = EventResults(results, seq=results[0].seq, receipt=results[0].receipt)
    return Response(answer, status_code=201 if committed else 202, headers=headers)


@get("/v1/ledgers/{ledger:str}/receipts", summary="The receipt of a Kafka record")
async def record_receipt(
    ledger: FromPath[str],
    parts: NamedDependency[ApiParts],
    partition: Annotated[int, QueryParameter(name="partition")],
    offset: Annotated[int, QueryParameter(name="offset")],
    topic: Annotated[
        str | None,
        QueryParameter(name="topic", description="The topic's name, as a result of `events` has it"),
    ] = None,
    topic_id: Annotated[
        str | None,
        QueryParameter(
            name="topic_id", description="Kafka's id of the topic, base64url, where it is gone since"
        ),
    ] = None,
) -> RecordReceipt:
    """What the ledger made of a record, by its place in Kafka, and its signed word for it. Names no person and shows no
    leaf, so it is not recorded; 404 while the record is not accounted for.
    """
    check_ledger(parts, ledger)
    if not (0 <= partition < 2**31 and 0 <= offset < 2**63):
        raise BadInput("`partition` and `offset` are those of a Kafka record.")
    identity = await _topic_id(parts, topic, topic_id)
    found = await find_place(parts.ledger, identity, partition, offset)
    if found is None:
        raise NotFound("The ledger has not accounted for this record yet: ask again in a moment.")
    return RecordReceipt(
        seq=found.seq,
        outcome=found.outcome,
        leaf_hash=base64url.encode(found.leaf_hash),
        receipt=sign_receipt(parts.ledger, found.seq, found.leaf_hash),
        reason=found.reason or UNSET,
    )


async def _topic_id(parts: ApiParts, topic: str | None, topic_id: str | None) -> UUID:
    """Kafka's id of the topic meant: as given, or that of the inbound topic which has the name now."""
    if (topic is None) == (topic_id is None):
        raise BadInput("Name the topic once: by `topic` or by `topic_id`.")
    if topic_id is not None:
        identity = base64url.decode(topic_id)
        if len(identity) != 16:
            raise BadInput("`topic_id` is 16 bytes in base64url without padding.")
        return UUID(bytes=identity)
    found = (await parts.topics.describe()).get(topic or "")
    if found is None:
        raise NotFound("No topic of that name feeds this ledger.")
    return found.topic_id


def _wait_seconds(prefer: str) -> float:
    """How long the caller wants to wait (RFC 7240 section 4.3), bounded; 0 where he does not."""
    for preference in prefer.split(","):
        if found := _WAIT.fullmatch(preference.split(";")[0].strip()):
            return min(float(found[1]), MAX_WAIT_SECONDS) if found[1] else MAX_WAIT_SECONDS
    return 0.0


def _split(content_type: str, body: bytes) -> list[bytes]:
    """The events of a body, each with its own bytes: what is sent on is what was sent in."""
    media = content_type.partition(";")[0].strip().lower()
    if media in _SINGLE:
        values = [body]
    elif media == _BATCH:
        try:
            values = [bytes(each) for each in msgspec.json.decode(body, type=list[msgspec.Raw])]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise BadInput("A batch is a JSON array of events.") from None
    elif media in _LINES:
        values = [line for line in body.split(b"\n") if line.strip()]
    else:
        raise UnsupportedMedia(f"Send events as {_SINGLE[0]}, {_BATCH} or {_LINES[0]}.")
    if not values:
        raise BadInput("Send at least one event.")
    if len(values) > MAX_EVENTS:
        raise TooLarge(f"Send at most {MAX_EVENTS} events at once.")
    return values


def _judge(value: bytes) -> Event | Refused:
    try:
        return accept(value, received_ms=int(datetime.now(UTC).timestamp() * 1000))
    except Refused as refused:
        return refused


async def _wait_for(parts: ApiParts, sent: Sequence[Sent], since: int, seconds: float) -> list[Found | None]:
    """What the records became, as far as the ledger has them before the time is over."""
    deadline = time.monotonic() + seconds
    topics = await parts.topics.describe()
    places = [(topics[each.topic].topic_id, each.partition, each.offset) for each in sent]
    while True:
        found = await find_places(parts.ledger, places, since=since)
        if None not in found or time.monotonic() >= deadline:
            return found
        await asyncio.sleep(_POLL_SECONDS)


def _result(
    index: int, judged: Event | Refused, sent: Sent | None, found: Found | None, parts: ApiParts
) -> EventResult:
    if isinstance(judged, Refused):
        return EventResult(index=index, ok=False, reason=judged.reason, message=judged.message)
    if sent is None:
        raise RuntimeError("an accepted event was sent")
    result = EventResult(index=index, ok=True, topic=sent.topic, partition=sent.partition, offset=sent.offset)
    if found is None:
        return result
    result = msgspec.structs.replace(
        result,
        seq=found.seq,
        outcome=found.outcome,
        leaf_hash=base64url.encode(found.leaf_hash),
        receipt=sign_receipt(parts.ledger, found.seq, found.leaf_hash),
    )
    if found.outcome in ("rejected", "conflict"):
        return msgspec.structs.replace(
            result, ok=False, reason=found.reason or found.outcome, message=_REFUSED_LATER
        )
    return result
