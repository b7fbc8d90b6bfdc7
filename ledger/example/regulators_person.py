"""Clara Brandt's month: the person about whom the regulator asks. Most of it is lawful; what is not, is marked."""

from collections.abc import Iterator

from ledger.example.acts import (
    DEVICE,
    EMAIL,
    NOTICE,
    PROFILE,
    RECORDING,
    ROUTES,
    SERVICE,
    Route,
    hand_over,
    on_behalf_of,
    own_interest,
    transfer,
    with_consent,
)
from ledger.example.line import HOUR, MINUTE, Planned
from ledger.example.persons import CUSTOMER, PROTAGONISTS, employee, service
from ledger.example.story import Story

_ACME = CUSTOMER["acme"]
_ACMES = {"processing_role": "processor", "controller_id": "acme"}


def clara(seed: int, start: int) -> Iterator[Planned]:
    """Every event but those of the compromised night and of the second wave."""
    story = Story(seed, "clara", start, PROTAGONISTS.regulators_person)
    yield from _comes_in(story)
    yield from _call(story)
    yield from _uses(story)
    yield from _marketing(story)
    yield from _asks(story)


def _comes_in(story: Story) -> Iterator[Planned]:
    yield story.collected(
        story.on(0, 6), PROFILE, SERVICE, source="crm", origin="crm", store="crm-copy", actor=service("crm")
    )
    yield story.tell(
        story.on(0, 7), "notice.communicated", source="mailer", version=NOTICE, audience="everyone"
    )
    yield story.collected(story.on(0, 8), DEVICE, SERVICE, origin="device", actor=service("app"))
    yield story.collected(story.on(0, 8, 5), EMAIL, own_interest("newsletter"), source="mailer")
    yield story.consented(story.on(1, 9), "testimonial", "consent-clara-quote")
    yield story.collected(story.on(1, 9, 2), ["user.content.note"], with_consent("testimonial"))
    yield story.accessed(story.on(4, 10), ["user.content.note"], with_consent("testimonial"))


def _call(story: Story) -> Iterator[Planned]:
    """She consents, changes her mind in mid-call, the recording stops at once; a day later someone plays it all the same."""
    begins = story.on(5, 14)
    asked = begins + 22 * MINUTE
    of_call = {"subjects": None, "recording_id": "recording-clara-1", "jurisdiction": "DE", **_ACMES}
    host = "email:ada.abel@acme.example"
    everyone = {"participants": [host, story.person]}
    yield story.consented(begins - 2 * MINUTE, "recording", "consent-clara-call", method="verbal", **_ACMES)
    yield story.consented(
        begins - 3 * MINUTE, "recording", "consent-ada-call", method="verbal", **_ACMES, subjects=[host]
    )
    yield story.consented(begins - MINUTE, "recording", "consent-clara-parley", method="verbal")
    yield story.tell(begins, "recording.started", source="calls", **everyone, **of_call)
    withdrawn = {"consent_id": "consent-clara-call", "purposes": ["recording"], "method": "verbal"}
    yield story.tell(asked, "consent.withdrawn", **withdrawn, **_ACMES)
    yield story.tell(
        asked,
        "consent.withdrawn",
        **(withdrawn | {"consent_id": "consent-clara-parley"}),
        processing_role="controller",
    )
    yield story.tell(
        asked, "recording.stop_requested", source="calls", participants=[story.person], **of_call
    )
    yield story.tell(asked, "recording.stopped", source="calls", **everyone, **of_call)
    # Against the law: the consent is gone since yesterday (CONSENT_MISSING).
    yield story.accessed(
        story.on(6, 11, 15),
        RECORDING,
        with_consent("recording"),
        actor=employee("user:sales-3"),
        source_country="US",
    )


def _uses(story: Story) -> Iterator[Planned]:
    yield story.accessed(
        story.on(7, 15, 30),
        RECORDING,
        on_behalf_of(_ACME),
        source="support",
        system="support",
        actor=employee("user:support-4"),
        case_id="case-clara-1",
        justification="Ada Abel meldet: kein Ton in der Aufnahme",
    )
    deskhand = next(route for route in ROUTES["eu"] if route.recipient == "deskhand")
    yield from hand_over(story, story.on(8, 9, 40), deskhand, [story.person], PROFILE, service("support"))
    pagepulse = next(route for route in ROUTES["eu"] if route.recipient == "pagepulse")
    yield from hand_over(story, story.on(8, 9, 41), pagepulse, [story.person], DEVICE, service("app"))
    about = {
        "subjects": [story.person],
        "actor": service("app"),
        "data_categories": PROFILE,
        "disclosure_id": "disclosure-clara-shield",
        **SERVICE,
    }
    yield story.plan(
        story.on(9, 10), "data.disclosed", recipient_id="cloud1", channel="api", side="source", **about
    )
    # Against the law: the Privacy Shield ended six years ago (MECHANISM_NOT_VALID, in each of Parley's regimes).
    yield transfer(story, story.on(9, 10) + 1, Route("cloud1", "parley", "US", "shield-cloud1"), about)
    # Against the law: nobody registered this recipient (RECIPIENT_UNKNOWN).
    yield story.plan(
        story.on(9, 16),
        "data.disclosed",
        recipient_id="gadfly-ads",
        channel="sync",
        side="source",
        **(about | {"disclosure_id": "disclosure-clara-ads"}),
    )


def _marketing(story: Story) -> Iterator[Planned]:
    send = {"source": "mailer", "system": "mailer", "actor": service("mailer")}
    yield story.accessed(story.on(7, 8), EMAIL, own_interest("newsletter"), **send)
    yield story.tell(story.on(12, 18, 20), "marketing.unsubscribed", source="mailer", purpose="newsletter")
    # Against the law: a newsletter after the unsubscription (OBJECTION_IGNORED).
    yield story.accessed(story.on(14, 8), EMAIL, own_interest("newsletter"), **send)
    # Shown on a fair's web page with a consent signed on paper, which the ledger learns of in the second wave.
    yield story.accessed(story.on(10, 13), ["user.content.note"], with_consent("webinar"))


def _asks(story: Story) -> Iterator[Planned]:
    request = "request-clara-access"
    yield story.asked(story.on(14, 10), "received", request, "A15")
    yield story.asked(
        story.on(15, 9), "identity_requested", request, "A15", reason_code="A12IdentityRequired"
    )
    yield story.asked(story.on(17, 9), "identity_verified", request, "A15")
    yield story.accessed(
        story.on(20, 10),
        [*PROFILE, *DEVICE, *RECORDING],
        {
            "processing_role": "controller",
            "purpose": "comply_with_law",
            "legal_basis": "A6-1-c",
            "law_ref": "EU 2016/679 Art 15",
        },
        source="privacy-desk",
        system="app",
        operation="export",
        actor=employee("user:privacy-1"),
        case_id="case-clara-2",
    )
    yield story.asked(story.on(24, 15), "fulfilled", request, "A15")
    # Against the law: an American court is served without a request on record (AUTHORITY_UNRECORDED).
    yield story.plan(
        story.on(16, 17),
        "data.disclosed",
        subjects=[story.person],
        recipient_id="court-us",
        channel="email",
        side="source",
        disclosure_id="disclosure-clara-court",
        actor=employee("user:legal-1"),
        data_categories=PROFILE,
        **own_interest("compliance_safety"),
    )
    yield story.accessed(
        story.on(25, 9) + HOUR, PROFILE, own_interest("compliance_safety"), actor=employee("user:dev-ops-2")
    )
