"""Errors as RFC 9457 problems, with the codes that the command line has. Nothing personal, no value of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from litestar import Response

from ledger.core.errors import BadInput, Forbidden, InternalFault, LedgerError

if TYPE_CHECKING:
    from litestar import Request
    from litestar.exceptions import HTTPException

_log = structlog.get_logger(__name__)
MEDIA_TYPE = "application/problem+json"
_PREFIX = "urn:accountability-ledger:problem:"

# What the framework itself refuses, by HTTP status: our code, and a sentence that says what to do.
_FRAMEWORK = {
    400: (
        "bad-input",
        "The request's parameters or body are not as the endpoint takes them; see /openapi.json.",
    ),
    404: ("not-found", "There is nothing at this address; see /openapi.json."),
    405: ("method-not-allowed", "This address does not take that method; see /openapi.json."),
    413: ("too-large", "The body is larger than this endpoint takes: send less at once."),
    415: ("unsupported-media-type", "This endpoint does not take that Content-Type; see /openapi.json."),
}


class Unauthenticated(Forbidden):
    """No bearer token, or another one."""

    code = "unauthenticated"
    http_status = 401


class ReasonRequired(Forbidden):
    """A read without a reason, where one is required (RFC 6585 section 3)."""

    code = "reason-required"
    http_status = 428


class UnsupportedMedia(BadInput):
    """A body in a form that the endpoint does not speak."""

    code = "unsupported-media-type"
    http_status = 415


class NotAcceptable(BadInput):
    """An answer in a form that the endpoint does not speak."""

    code = "not-acceptable"
    http_status = 406


class TooLarge(BadInput):
    """More than one request may hold."""

    code = "too-large"
    http_status = 413


class AllRefused(BadInput):
    """None of the events sent can be accepted; `results` says why for each."""

    code = "events-refused"
    http_status = 422

    def __init__(self, results: list[dict[str, Any]]) -> None:
        super().__init__("No event was accepted: `results` says why for each.")
        self.results = results


class Problem(msgspec.Struct, frozen=True):
    """RFC 9457. `code` is the command line's error code, and ends `type`."""

    type: str
    title: str
    status: int
    detail: str
    code: str


def of_ledger_error(_: Request[Any, Any, Any], error: LedgerError) -> Response[bytes]:
    """One of our errors: its own code, status and sentence."""
    members = {"results": error.results} if isinstance(error, AllRefused) else {}
    headers = {"www-authenticate": "Bearer"} if isinstance(error, Unauthenticated) else {}
    if isinstance(error, InternalFault):
        _log.error("api.fault", error=type(error).__name__, code=error.code)
    return _response(error.http_status, error.code, str(error), headers, members)


def of_framework_error(_: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """What the framework refused: its own text may quote the request, so ours stands instead."""
    code, sentence = _FRAMEWORK.get(
        error.status_code,
        ("bad-input", "The request cannot be served; see /openapi.json.")
        if error.status_code < 500
        else (InternalFault.code, "The ledger failed to serve this request; try again."),
    )
    kept = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
    return _response(error.status_code, code, sentence, kept, {})


def of_any_error(_: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Our own fault. Only the kind of the exception is logged: its text may hold values."""
    _log.error("api.fault", error=type(error).__name__, exc_info=error)
    return _response(500, InternalFault.code, "The ledger failed to serve this request; try again.", {}, {})


def _response(
    status: int, code: str, detail: str, headers: dict[str, str], members: dict[str, Any]
) -> Response[bytes]:
    problem = Problem(_PREFIX + code, code.replace("-", " ").capitalize(), status, detail, code)
    body = msgspec.json.encode(msgspec.to_builtins(problem) | members)
    return Response(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)
