"""Around every request: the token first, then a line in the log and a count, without a value of the request."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import structlog
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware

from ledger.api.problem import Unauthenticated

if TYPE_CHECKING:
    from litestar import Litestar
    from litestar.types import ASGIApp, Message, Receive, Scope, Send

    from ledger.api.parts import Metrics
    from ledger.api.token import Token

_log = structlog.get_logger(__name__)
# What anyone may read: that we live, what we speak, and the log's hashes. Leaves and bundles are not among it.
_PUBLIC = re.compile(r"/livez|/readyz|/openapi\.json|/log/[^/]+/(?:checkpoint|tile/[0-9]{1,2}/[x0-9/.p]+)")
_UNKNOWN = "unknown"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class TokenRequired(ASGIMiddleware):
    """Refuses a request without the token, except for what is public."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, token: Token) -> None:
        self._token = token

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Judges the path as the router sees it, so that no spelling of a path reaches a handler unjudged."""
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        if not self._token.admits(given) and not _PUBLIC.fullmatch(scope["path"]):
            raise Unauthenticated("Send the API's token: `Authorization: Bearer ...`, from the token file.")
        await next_app(scope, receive, send)


class Accounted:
    """Around the whole application: logs and counts each request by its route as declared, no path parameter, no query.
    What matches no route, or was refused before its handler, is counted too.
    """

    def __init__(self, application: Litestar, metrics: Metrics) -> None:
        self.application = application
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self.application(scope, receive, send)
            return
        began = time.monotonic()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.application(scope, receive, watched)
        finally:
            seconds = time.monotonic() - began
            route = scope.get("path_template") or _UNKNOWN
            method = scope["method"] if scope["method"] in _METHODS else _UNKNOWN
            self._metrics.requests.labels(method, route, str(status)).inc()
            self._metrics.seconds.labels(route).observe(seconds)
            _log.info(
                "api.request", method=method, route=route, status=status, milliseconds=round(seconds * 1000)
            )
