"""The acts that the stories have in common, in the fields that their types require."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from ledger.example.draw import Draw
from ledger.example.line import Author, Planned
from ledger.example.persons import Customer, Person

PROFILE: Final = ["user.contact.email", "user.name"]
DEVICE: Final = ["user.device.ip_address", "user.behavior"]
EMAIL: Final = ["user.contact.email"]
RECORDING: Final = ["user.content.recording"]
TRANSCRIPT: Final = ["user.content.transcript"]
MEETING: Final = ["user.content.meeting", "user.contact.email"]
NOTICE: Final = "2024-03-01"

SERVICE: Final = {"processing_role": "controller", "purpose": "provide_service", "legal_basis": "A6-1-b"}
"""Parley's own act, necessary for the contract."""


def on_behalf_of(customer: Customer) -> dict[str, Any]:
    """Parley's act as the customer's processor."""
    return {
        "processing_role": "processor",
        "controller_id": customer.id,
        "instruction_id": customer.instruction,
        "purpose": "provide_service",
    }


def own_interest(purpose: str) -> dict[str, Any]:
    """Parley's own act in its legitimate interest."""
    return {"processing_role": "controller", "purpose": purpose, "legal_basis": "A6-1-f"}


def with_consent(purpose: str) -> dict[str, Any]:
    """Parley's own act with the person's consent."""
    return {"processing_role": "controller", "purpose": purpose, "legal_basis": "A6-1-a"}


def emails(persons: Iterable[Person]) -> list[str]:
    return [each.email for each in persons]


def categories(persons: Iterable[Person]) -> list[str]:
    """The categories of these persons, each once, in the order of first mention."""
    return list(dict.fromkeys(each.category for each in persons))


class Route(msgspec.Struct, frozen=True):
    """How one of Parley's companies sends data to a processor: None as mechanism where nothing is transferred."""

    recipient: str
    exporter: str
    origin: str
    mechanism: str | None
    assessment: str | None = None


_EU: Final = ("parley-eu", "IE")
_UK: Final = ("parley-uk", "GB")
_CH: Final = ("parley-ch", "CH")
ROUTES: Final[dict[str, tuple[Route, ...]]] = {
    "eu": (
        Route("cloud1", *_EU, "dpf-eu-cloud1"),
        Route("dialtone", *_EU, "dpf-eu-dialtone"),
        Route("deskhand", *_EU, "dpf-eu-deskhand"),
        Route("cohort", *_EU, "dpf-eu-cohort"),
        Route("pagepulse", *_EU, "scc-eu-pagepulse", "tia-us"),
        Route("faultline", *_EU, "scc-eu-faultline", "tia-us"),
        Route("watchpost", *_EU, "scc-eu-watchpost", "tia-us"),
    ),
    "uk": (Route("cloud1", *_UK, "idta-uk-cloud1", "tia-us"), Route("dialtone", *_UK, "bridge-uk-dialtone")),
    "ch": (Route("cloud1", *_CH, "scc-ch-cloud1", "tia-us"), Route("dialtone", *_CH, "dpf-ch-dialtone")),
    "us": (
        Route("cloud1", "parley", "US", None),
        Route("dialtone", "parley", "US", None),
        Route("deskhand", "parley", "US", None),
    ),
}
"""By the region of the person's customer: what the month uses as a matter of course."""


def hand_over(
    author: Author,
    at: int,
    route: Route,
    persons: Sequence[str],
    data_categories: Sequence[str],
    actor: dict[str, str],
    *,
    role: dict[str, Any] | None = None,
    subject_categories: Sequence[str] | None = None,
) -> list[Planned]:
    """A disclosure to a processor, the transfer that goes with it, and the counterparty's own record where it keeps one."""
    disclosure = author.draw.token("disclosure")
    shared = {
        "subjects": list(persons),
        "subject_categories": list(subject_categories) if subject_categories else None,
        "actor": actor,
        "data_categories": list(data_categories),
        "disclosure_id": disclosure,
        **(role or SERVICE),
    }
    planned = [
        author.plan(
            at, "data.disclosed", recipient_id=route.recipient, channel="api", side="source", **shared
        )
    ]
    if route.recipient == "dialtone":
        planned.append(
            author.plan(
                at + author.draw.between(200, 4_000),
                "data.disclosed",
                source="dialtone-feed",
                recipient_id=route.recipient,
                channel="api",
                side="recipient",
                **shared,
            )
        )
    if route.mechanism is not None:
        planned.append(transfer(author, at + 1, route, shared))
    return planned


def transfer(author: Author, at: int, route: Route, shared: dict[str, Any], **changes: Any) -> Planned:
    """The cross-border half of a disclosure: `shared` are the fields that both halves have."""
    fields = {
        "exporter_id": route.exporter,
        "importer_id": route.recipient,
        "exporter_role": "controller",
        "importer_role": "processor",
        "origin_country": route.origin,
        "destination_country": "US",
        "mechanism_id": route.mechanism,
        "assessment_id": route.assessment,
        "remote_access": False,
    }
    return author.plan(at, "data.transferred", **shared, **(fields | changes))


def network(draw: Draw) -> dict[str, str]:
    """Where a person connects from: an address of the blocks that RFC 5737 and RFC 3849 set aside, and a session."""
    block = draw.pick(("192.0.2.", "198.51.100."))
    address = f"2001:db8::{draw.below(65_536):x}" if draw.chance(0.2) else f"{block}{draw.between(1, 254)}"
    return {"source_ip": address, "session_id": draw.token("session")}
