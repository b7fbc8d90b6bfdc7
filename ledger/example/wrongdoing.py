"""What else goes wrong, one story for one rule. Every act is by Parley's own accounts, or by the calendar of law."""

from collections.abc import Iterator
from typing import Any, Final

from ledger.example.acts import (
    DEVICE,
    EMAIL,
    PROFILE,
    RECORDING,
    SERVICE,
    Route,
    on_behalf_of,
    own_interest,
    transfer,
    with_consent,
)
from ledger.example.line import DAY, HOUR, Author, Planned, rfc3339
from ledger.example.persons import CUSTOMER, employee, service
from ledger.example.story import Story

UNREGISTERED: Final = frozenset(
    {
        ("purpose", "model_training"),
        ("recipient_id", "gadfly-ads"),
        ("recipient_id", "drop-box-x"),
        ("importer_id", "drop-box-x"),
        ("legal_basis", "A6-1-z"),
    }
)
"""Keys and terms that events name and nobody ever registers: on purpose, so that they are sealed and found."""
REGISTERED_LATER: Final = frozenset(
    {("importer_id", "indus-labs"), ("mechanism_id", "scc-labs"), ("assessment_id", "tia-labs")}
)
"""Keys that the first wave names and the second registers."""

_TRANSFER_ACTOR: Final = service("app")


def wrongdoing(seed: int, start: int) -> Iterator[Planned]:
    for tell in (
        _bases,
        _purposes,
        _consents,
        _processor,
        _special,
        _joint,
        _kept_too_long,
        _shares,
        _unconsented_recording,
        _one_sided,
        _transfers,
        _onward,
    ):
        yield from tell(seed, start)


def _bases(seed: int, start: int) -> Iterator[Planned]:
    """NO_BASIS: none claimed, and one that does not exist. NOT_IN_NOTICE: a basis that the notice does not name."""
    story = Story(seed, "bases", start, "email:bases@example.eu")
    yield story.collected(story.on(0, 10), PROFILE, SERVICE)
    yield story.accessed(story.on(2, 10), PROFILE, SERVICE | {"legal_basis": None})
    yield story.accessed(story.on(2, 11), PROFILE, SERVICE | {"legal_basis": "A6-1-z"})
    yield story.accessed(story.on(4, 10), PROFILE, SERVICE | {"legal_basis": "A6-1-f"})


def _purposes(seed: int, start: int) -> Iterator[Planned]:
    """PURPOSE_DRIFT: collected for the service, used for marketing. And a purpose that nobody registered."""
    story = Story(seed, "drift", start, "email:drift@example.eu")
    yield story.collected(story.on(0, 10), EMAIL, SERVICE)
    yield story.accessed(story.on(5, 10), EMAIL, own_interest("newsletter"), actor=employee("user:sales-2"))
    yield story.accessed(
        story.on(6, 10), EMAIL, own_interest("model_training"), actor=employee("user:dev-ops-4")
    )


def _consents(seed: int, start: int) -> Iterator[Planned]:
    """CONSENT_STALE: agreed to under the notice of 2020, which changed. CONSENT_MISSING: refused, pre-ticked, expired."""
    stale = Story(seed, "stale", start, "email:stale@example.eu")
    note = ["user.content.note"]
    yield stale.consented(stale.on(-900, 10), "testimonial", "consent-stale", notice_version="2020-01-21")
    yield stale.accessed(stale.on(11, 10), note, with_consent("testimonial"))
    yield stale.tell(
        stale.on(12, 10),
        "consent.renewed",
        consent_id="consent-stale",
        purposes=["testimonial"],
        notice_version="2024-03-01",
        method="form",
        explicit=True,
        valid=True,
    )
    yield stale.accessed(stale.on(13, 10), note, with_consent("testimonial"))
    refused = Story(seed, "refused", start, "email:refused@example.eu")
    ask = {"consent_id": "consent-refused", "purposes": ["testimonial"]}
    yield refused.tell(refused.on(1, 10), "consent.requested", **ask)
    yield refused.tell(refused.on(2, 10), "consent.refused", **ask)
    yield refused.accessed(refused.on(3, 10), note, with_consent("testimonial"))
    bundled = Story(seed, "bundled", start, "email:bundled@example.eu")
    yield bundled.consented(
        bundled.on(1, 11), "third_party_marketing", "consent-bundled", method="checkbox", valid=False
    )
    yield bundled.accessed(bundled.on(2, 11), EMAIL, with_consent("third_party_marketing"))
    yield bundled.tell(
        bundled.on(3, 11),
        "consent.invalidated",
        consent_id="consent-bundled",
        purposes=["third_party_marketing"],
        method="checkbox",
    )
    expired = Story(seed, "expired", start, "email:expired@example.eu")
    yield expired.consented(
        expired.on(1, 12), "testimonial", "consent-expired", expires=rfc3339(expired.on(8, 0))
    )
    yield expired.accessed(expired.on(7, 23, 59), note, with_consent("testimonial"))
    yield expired.accessed(expired.on(8, 0), note, with_consent("testimonial"))


def _processor(seed: int, start: int) -> Iterator[Planned]:
    """NO_INSTRUCTION: beyond it, and for a customer who gave none. SUBPROCESSOR_UNAUTHORISED: nobody was told of it."""
    story = Story(seed, "processor", start, "email:caller@bolt.example")
    bolt = on_behalf_of(CUSTOMER["bolt"])
    yield story.accessed(
        story.on(3, 10), RECORDING, bolt, operation="export", actor=employee("user:dev-ops-3")
    )
    yield story.accessed(story.on(3, 11), RECORDING, bolt | {"purpose": "anonymous_analytics"})
    yield story.accessed(
        story.on(3, 12), RECORDING, bolt | {"controller_id": "chorus", "instruction_id": "i-bolt"}
    )
    yield story.tell(
        story.on(4, 12),
        "data.disclosed",
        recipient_id="indus",
        channel="api",
        side="source",
        disclosure_id="disclosure-indus",
        actor=employee("user:support-5"),
        data_categories=RECORDING,
        **bolt,
    )


def _special(seed: int, start: int) -> Iterator[Planned]:
    """ART9_MISSING, for health and for an offence; and health with the person's explicit consent."""
    story = Story(seed, "special", start, "email:special@example.eu")
    health, offence = ["user.content.health_mention"], ["user.content.offence_mention"]
    yield story.tell(story.on(4, 9), "special_category.detected", source="privacy-desk", categories=health)
    yield story.accessed(story.on(4, 15), health, SERVICE)
    yield story.accessed(story.on(4, 16), offence, SERVICE)
    yield story.consented(story.on(5, 9), "provide_service", "consent-health", method="written")
    yield story.accessed(story.on(5, 15), health, SERVICE | {"special_basis": "A9-2-a"})


def _joint(seed: int, start: int) -> Iterator[Planned]:
    """JOINT_ARRANGEMENT_MISSING: with Acme there is one, for webinars; none for testimonials."""
    story = Story(seed, "joint", start, "email:webinar@example.eu")
    yield story.consented(story.on(5, 8), "webinar", "consent-webinar", processing_role="joint")
    yield story.consented(story.on(5, 8, 1), "testimonial", "consent-webinar-quote", processing_role="joint")
    for purpose in ("webinar", "testimonial"):
        yield story.accessed(story.on(6, 8), EMAIL, with_consent(purpose) | {"processing_role": "joint"})


def _kept_too_long(seed: int, start: int) -> Iterator[Planned]:
    """RETENTION_OVERRUN: a recording of more than a year ago; the same under a legal hold raises nothing."""
    for name, held in (("kept", False), ("held", True)):
        story = Story(seed, name, start, f"email:{name}@example.eu")
        yield story.collected(story.on(-380, 10), RECORDING, SERVICE, actor=service("calls"), source="calls")
        hold = {"hold_id": f"hold-{name}", "data_categories": RECORDING, "source": "governance"}
        if held:
            yield story.tell(story.on(3, 10), "legal_hold.placed", **hold, scope="A claim about one call")
        yield story.accessed(story.on(5, 10), RECORDING, SERVICE)
        if held:
            yield story.tell(story.on(25, 10), "legal_hold.released", **hold)


def _shares(seed: int, start: int) -> Iterator[Planned]:
    """SHARE_EXPIRED: after the end of a share, after it was taken back, and through one that nobody granted."""
    story = Story(seed, "shares", start, "email:shared@acme.example")
    partner = "email:outside@partner.example"
    listen: dict[str, Any] = {"actor": {"id": partner, "kind": "partner"}}
    acme = on_behalf_of(CUSTOMER["acme"])
    for share, ends in (("share-lapsed", story.on(6, 0)), ("share-revoked", None)):
        yield story.tell(
            story.on(2, 9),
            "share.granted",
            share_id=share,
            recipient_id=partner,
            expires=rfc3339(ends) if ends else None,
        )
        yield story.accessed(story.on(3, 9), RECORDING, acme, share_id=share, **listen)
        yield story.accessed(story.on(7, 9), RECORDING, acme, share_id=share, **listen)
    yield story.tell(story.on(5, 9), "share.revoked", share_id="share-revoked", recipient_id=partner)
    yield story.accessed(story.on(8, 9), RECORDING, acme, share_id="share-nobody-granted", **listen)


def _unconsented_recording(seed: int, start: int) -> Iterator[Planned]:
    """RECORDING_UNCONSENTED: a guest in Germany was not asked; one who asked to stop was recorded for four more minutes."""
    author = Author(Story(seed, "recorded", start, "").draw, "calls")
    host, guest = "email:elif.eriksen@acme.example", "email:unasked@example.eu"
    party = {"processing_role": "processor", "controller_id": "acme"}
    for number, (person, consents) in enumerate(((guest, False), ("email:unheard@example.eu", True))):
        begins = start + (3 + number) * DAY + 13 * HOUR
        call = {"recording_id": f"recording-unasked-{number}", "jurisdiction": "DE", **party}
        for speaker in (host, person) if consents else (host,):
            yield author.plan(
                begins - 60_000,
                "consent.given",
                source="app",
                subjects=[speaker],
                consent_id=author.draw.token("consent"),
                purposes=["recording"],
                notice_version="2024-03-01",
                method="verbal",
                explicit=True,
                valid=True,
                **party,
            )
        yield author.plan(begins, "recording.started", participants=[host, person], **call)
        if consents:
            yield author.plan(begins + 600_000, "recording.stop_requested", participants=[person], **call)
        yield author.plan(begins + 840_000, "recording.stopped", participants=[host, person], **call)


def _one_sided(seed: int, start: int) -> Iterator[Planned]:
    """ONE_SIDED: Dialtone, which reports what it receives, has no record of these."""
    for number in range(3):
        story = Story(seed, f"one-sided-{number}", start, f"email:onesided{number}@example.com")
        yield story.tell(
            story.on(4 + number, 12),
            "data.disclosed",
            recipient_id="dialtone",
            channel="api",
            side="source",
            disclosure_id=f"disclosure-onesided-{number}",
            actor=_TRANSFER_ACTOR,
            data_categories=DEVICE,
            **SERVICE,
        )


def _shared(story: Story, disclosure: str) -> dict[str, Any]:
    return {
        "subjects": [story.person],
        "actor": _TRANSFER_ACTOR,
        "data_categories": PROFILE,
        "disclosure_id": disclosure,
        **SERVICE,
    }


def _transfers(seed: int, start: int) -> Iterator[Planned]:
    """Chapter V: no mechanism; an assessment that ended; a certification that lapsed; a country that was not declared."""
    story = Story(seed, "transfers", start, "email:transferred@example.eu")

    def sent(day: int, name: str, route: Route, **changes: Any) -> Planned:
        return transfer(story, story.on(day, 10), route, _shared(story, f"disclosure-{name}"), **changes)

    eu = ("parley-eu", "IE")
    # TRANSFER_NO_MECHANISM, twice: none was ever agreed.
    for day in (4, 5):
        yield sent(day, f"bare-{day}", Route("indus", *eu, None), destination_country="IN")
    # TIA_MISSING from the twentieth on.
    for day in (12, 18, 21, 24):
        yield sent(day, f"stepback-{day}", Route("stepback", *eu, "scc-eu-stepback"))
    # MECHANISM_NOT_VALID, detail certification, from the lapse on.
    for day in (10, 22):
        yield sent(day, f"atlasgrid-{day}", Route("atlasgrid", *eu, "dpf-eu-atlasgrid"))
    yield story.plan(
        story.on(20, 0),
        "importer.lapsed",
        source="governance",
        importer_id="atlasgrid",
        framework="eu-us-dpf",
        data_types=["non_hr"],
    )
    # COUNTRY_UNDECLARED, and a mechanism that does not name the country.
    yield sent(8, "deskhand-in", Route("deskhand", *eu, "dpf-eu-deskhand"), destination_country="IN")
    # Mechanisms and importers that the ledger learns of in the second wave.
    for day in (6, 13, 20):
        yield sent(
            day, f"labs-{day}", Route("indus-labs", *eu, "scc-labs", "tia-labs"), destination_country="IN"
        )
    # Adequate (Canada, PIPEDA): nothing to find.
    yield sent(9, "chorus", Route("chorus", *eu, None), destination_country="CA", importer_role="controller")


def _onward(seed: int, start: int) -> Iterator[Planned]:
    """ONWARD_UNCOVERED: sent on without clauses; and from a hop that nobody has seen."""
    story = Story(seed, "onward", start, "email:onward@acme.example")
    acme = on_behalf_of(CUSTOMER["acme"])
    first = _shared(story, "disclosure-first-hop") | acme | {"legal_basis": None}
    yield transfer(story, story.on(7, 12), Route("parley", "acme", "DE", "scc-acme", "tia-us"), first)
    for day, parent in ((7, "disclosure-first-hop"), (8, "disclosure-never-seen")):
        hop = first | {"disclosure_id": f"disclosure-second-hop-{day}", "onward_of": parent}
        yield transfer(
            story, story.on(day, 13), Route("pagepulse", "parley", "US", None), hop, exporter_role="processor"
        )
