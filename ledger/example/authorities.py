"""What authorities ask for, and what a purchaser is shown."""

from collections.abc import Iterator

from ledger.example.acts import PROFILE, RECORDING, Route, own_interest, transfer
from ledger.example.line import Planned
from ledger.example.persons import employee
from ledger.example.story import Story

_LEGAL = employee("user:legal-1")


def authorities(seed: int, start: int) -> Iterator[Planned]:
    yield from _prosecutor(seed, start)
    yield from _subpoena(seed, start)
    yield from _refused(seed, start)
    story = Story(seed, "purchaser", start, "email:bases@example.eu")
    yield story.plan(
        story.on(26, 15),
        "business_transfer.disclosed",
        source="governance",
        counterparty="harbour",
        population={"dataset": "crm-copy", "record_count": 4_200},
        data_categories=PROFILE,
        actor=_LEGAL,
        processing_role="controller",
    )


def _prosecutor(seed: int, start: int) -> Iterator[Planned]:
    """A German prosecutor, under German law: recorded, answered, disclosed."""
    story = Story(seed, "prosecutor", start, "email:suspect@example.eu", source="privacy-desk")
    request = {"authority_request_id": "authority-de-1"}
    asked = {"authority": "prosecutor-de", "country": "DE"}
    yield story.tell(story.on(9, 9), "authority.requested", law_ref="DE StPO 94", **asked, **request)
    yield story.tell(
        story.on(11, 9),
        "data.disclosed",
        recipient_id="prosecutor-de",
        channel="file",
        side="source",
        disclosure_id="disclosure-prosecutor",
        actor=_LEGAL,
        data_categories=PROFILE,
        processing_role="controller",
        purpose="comply_with_law",
        legal_basis="A6-1-c",
        law_ref="DE StPO 94",
        **request,
    )
    yield story.tell(story.on(11, 10), "authority.answered", outcome="disclosed", **asked, **request)


def _subpoena(seed: int, start: int) -> Iterator[Planned]:
    """An American court: on record, in Parley's own interest, with a ground of Chapter V for the claim (Art 49(1)(e))."""
    story = Story(seed, "subpoena", start, "email:witness@example.eu", source="privacy-desk")
    request = {"authority_request_id": "authority-us-1"}
    asked = {"authority": "court-us", "country": "US"}
    shared = {
        "subjects": [story.person],
        "actor": _LEGAL,
        "data_categories": RECORDING,
        "disclosure_id": "disclosure-subpoena",
        **own_interest("compliance_safety"),
        **request,
    }
    yield story.tell(story.on(13, 15), "authority.requested", law_ref="US FRCP 45", **asked, **request)
    yield story.plan(
        story.on(15, 15), "data.disclosed", recipient_id="court-us", channel="file", side="source", **shared
    )
    yield transfer(
        story,
        story.on(15, 15) + 1,
        Route("court-us", "parley-eu", "IE", "claims-court-us"),
        shared,
        importer_role="authority",
    )
    yield story.tell(story.on(15, 16), "authority.answered", outcome="partly_disclosed", **asked, **request)


def _refused(seed: int, start: int) -> Iterator[Planned]:
    story = Story(seed, "refused-authority", start, "email:sought@example.eu", source="privacy-desk")
    request = {"authority_request_id": "authority-us-2", "authority": "court-us", "country": "US"}
    yield story.tell(story.on(19, 15), "authority.requested", **request)
    yield story.tell(story.on(20, 15), "authority.answered", outcome="refused", **request)
