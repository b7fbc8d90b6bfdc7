"""The HTTP application: a factory, so that nothing is global and tests run several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar import Litestar
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from ledger.api import answers, events_in, health, log_files, problem
from ledger.api.guard import Accounted, TokenRequired
from ledger.core.errors import LedgerError

if TYPE_CHECKING:
    from ledger.api.parts import ApiParts

_MAX_BODY = 65_536
_VERSION = "1"


def make_api(parts: ApiParts) -> Accounted:
    """The application over its parts; whoever made the parts closes them."""
    application = Litestar(
        route_handlers=[
            events_in.send_events,
            events_in.record_receipt,
            answers.resolve_subject,
            answers.resolve_actor,
            answers.accesses,
            answers.activity,
            answers.entries,
            answers.entry,
            answers.proof,
            answers.state,
            log_files.log_checkpoint,
            log_files.log_tile,
            health.live,
            health.ready,
        ],
        dependencies={"parts": Provide(lambda: parts, sync_to_thread=False, use_cache=True)},
        middleware=[TokenRequired(parts.token)],
        exception_handlers={
            LedgerError: problem.of_ledger_error,
            HTTPException: problem.of_framework_error,
            Exception: problem.of_any_error,
        },
        openapi_config=OpenAPIConfig(
            title="Accountability ledger",
            version=_VERSION,
            description="Events in, answers out. Every answer is itself an entry of the ledger.",
            path="/openapi.json",
            render_plugins=[JsonRenderPlugin(path="/")],
            components=Components(security_schemes={"token": SecurityScheme(type="http", scheme="bearer")}),
            security=[{"token": []}],
        ),
        request_max_body_size=_MAX_BODY,
        logging_config=None,
        debug=False,
    )
    return Accounted(application, parts.metrics)
