"""What every reading endpoint shares: who asks and why, the period, and the form of the answer."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import orjson
from litestar import Response

from ledger.api.problem import NotAcceptable, ReasonRequired
from ledger.core.answer_csv import csv_text
from ledger.core.errors import BadInput, NotFound
from ledger.storage.questions import Asker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litestar import Request

    from ledger.api.parts import ApiParts

_MOST_REASON = 2000
_FORMS = {
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8; header=present",
}
_BY_MEDIA = {
    "application/json": "json",
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "text/csv": "csv",
}


def check_ledger(parts: ApiParts, ledger: str) -> None:
    """Raises NotFound for a ledger that this process does not serve."""
    if ledger != parts.ledger.name:
        raise NotFound("This API serves another ledger: see its settings.")


def asker_of(parts: ApiParts, request: Request[Any, Any, Any]) -> Asker:
    """Who asks: the token's owner, with the reason and the case of the headers Ledger-Reason and Ledger-Case."""
    reason, case = _header(request, "ledger-reason"), _header(request, "ledger-case")
    if parts.require_reason and not reason:
        raise ReasonRequired("Say why you read: send the header Ledger-Reason.")
    return Asker(parts.token.actor, "http", reason, case)


def _header(request: Request[Any, Any, Any], name: str) -> str | None:
    """A header's text in UTF-8; None where it is absent or empty."""
    text = request.headers.get(name, "").strip()
    if not text:
        return None
    try:
        text = text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        raise BadInput(f"The header {name} is not UTF-8.") from None
    if len(text) > _MOST_REASON or not text.isprintable():
        raise BadInput(f"The header {name} is one line of at most {_MOST_REASON} characters.")
    return text


def moment(text: str | None, name: str) -> datetime | None:
    """A time of the query: RFC 3339, or a date, which is 00:00 UTC of that day. Raises BadInput, naming it."""
    if text is None:
        return None
    try:
        if len(text) == len("2026-10-01"):
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        parsed = datetime.fromisoformat(text) if "T" in text else None
        if parsed is not None and parsed.tzinfo is not None:
            return parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise BadInput(f"`{name}` is not a time: write it as 2026-10-01T09:30:00Z or 2026-10-01.")


def rendered(
    request: Request[Any, Any, Any], document: Mapping[str, Any], form: str | None
) -> Response[bytes]:
    """An answer as JSON; or its entries alone as NDJSON or CSV, the rest in headers: `Ledger-Query-Seq`,
    `Ledger-Size`, `Ledger-Root`, `Ledger-Next-Cursor`. `form` wins over the Accept header.
    """
    chosen = _form(request, form)
    entries = document["entries"]
    if chosen == "json":
        body = orjson.dumps(document)
    elif chosen == "ndjson":
        body = b"".join(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in entries)
    else:
        body = csv_text(entries).encode()
    headers = {"vary": "Accept", "cache-control": "no-store"}
    if chosen != "json":
        headers |= {
            "ledger-query-seq": str(document["query_seq"]),
            "ledger-size": str(document["checkpoint"]["size"]),
            "ledger-root": document["checkpoint"]["root"],
        }
        if document["next_cursor"]:
            headers["ledger-next-cursor"] = document["next_cursor"]
    return Response(body, media_type=_FORMS[chosen], headers=headers)


def _form(request: Request[Any, Any, Any], form: str | None) -> str:
    if form is not None:
        if form not in _FORMS:
            raise BadInput("`format` is json, ndjson or csv.")
        return form
    accepted = [
        each.partition(";")[0].strip().lower() for each in request.headers.get("accept", "*/*").split(",")
    ]
    for media in accepted:
        if media in _BY_MEDIA:
            return _BY_MEDIA[media]
    if any(media in ("*/*", "application/*") for media in accepted):
        return "json"
    raise NotAcceptable("Answers are application/json, application/x-ndjson or text/csv.")
