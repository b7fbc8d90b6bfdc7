"""The other rights: answered in time, answered late, declined with reasons and without; objections, restrictions."""

from collections.abc import Iterator

from ledger.example.acts import EMAIL, PROFILE, SERVICE, own_interest
from ledger.example.line import Planned
from ledger.example.persons import employee
from ledger.example.story import Story


def requests(seed: int, start: int) -> Iterator[Planned]:
    yield from _in_time(seed, start)
    yield from _late_and_declined(seed, start)
    yield from _corrected_and_carried(seed, start)
    yield from _objections(seed, start)
    yield from _restricted(seed, start)
    yield from _identities_and_decisions(seed, start)


def _in_time(seed: int, start: int) -> Iterator[Planned]:
    for number, right in enumerate(("A15", "A15", "A15", "A20", "A21", "A22")):
        story = Story(seed, f"request-{number}", start, f"email:asker{number}@example.com")
        request = f"request-{number}"
        yield story.asked(story.on(number + 1, 10), "received", request, right)
        if number == 1:
            yield story.asked(story.on(number + 2, 10), "clarification_requested", request, right)
            yield story.asked(story.on(number + 4, 10), "clarified", request, right)
        if number == 2:
            yield story.asked(
                story.on(number + 9, 10), "extended", request, right, reason_code="A12Complexity"
            )
        if right == "A20":
            yield story.tell(
                story.on(number + 8, 9), "portability.delivered", source="privacy-desk", request_id=request
            )
        yield story.asked(story.on(number + 12, 16), "fulfilled", request, right)
    story = Story(seed, "request-forwarded", start, "email:asker7@example.eu")
    acme = {"processing_role": "processor", "controller_id": "acme", "instruction_id": "i-acme-2"}
    about = {"source": "privacy-desk", "request_id": "request-forwarded", "right": "A15"}
    yield story.tell(story.on(3, 10), "rights.received", **about, **acme)
    yield story.tell(story.on(4, 10), "rights.forwarded", **about, **acme)


def _late_and_declined(seed: int, start: int) -> Iterator[Planned]:
    late = Story(seed, "late", start, "email:dorothea@example.eu")
    # Against the law: received in August, answered in October (RIGHTS_LATE).
    yield late.asked(late.on(-37, 10), "received", "request-late", "A15")
    yield late.asked(late.on(6, 10), "fulfilled", "request-late", "A15")
    told = {"reason_code": "A17LegalClaims", "told_complaint": True, "told_remedy": True}
    for name, reasons in (("reasoned", told), ("bare", {})):
        story = Story(seed, f"declined-{name}", start, f"email:declined-{name}@example.com")
        yield story.asked(story.on(5, 10), "received", f"request-{name}", "A17")
        # Without reasons and without telling of the remedies: DECLINE_UNREASONED.
        yield story.asked(story.on(9, 10), "declined", f"request-{name}", "A17", **reasons)
    story = Story(seed, "thought-again", start, "email:thought.again@example.com")
    yield story.asked(story.on(10, 10), "received", "request-thought-again", "A17")
    yield story.asked(story.on(11, 10), "withdrawn", "request-thought-again", "A17")
    complaint = Story(seed, "complaint", start, "email:dorothea@example.eu", source="privacy-desk")
    about = {"complaint_id": "complaint-1", "forum": "Lead supervisory authority"}
    yield complaint.tell(complaint.on(7, 9), "complaint.received", **about)
    yield complaint.tell(complaint.on(23, 9), "complaint.concluded", **about)


def _corrected_and_carried(seed: int, start: int) -> Iterator[Planned]:
    story = Story(seed, "rectified", start, "email:rectified@example.eu")
    request = "request-rectified"
    yield story.collected(story.on(0, 12), PROFILE, SERVICE)
    disclosed = {
        "actor": employee("user:support-3"),
        "data_categories": PROFILE,
        "channel": "api",
        "side": "source",
        **SERVICE,
    }
    for recipient in ("cloud1", "deskhand"):
        yield story.tell(
            story.on(1, 12),
            "data.disclosed",
            recipient_id=recipient,
            disclosure_id=f"disclosure-rectified-{recipient}",
            **disclosed,
        )
    yield story.asked(story.on(2, 12), "received", request, "A16")
    yield story.tell(story.on(3, 12), "rectification.executed", source="privacy-desk", request_id=request)
    # Deskhand is never told: RECIPIENT_NOT_TOLD when a month has passed.
    yield story.tell(
        story.on(3, 13), "recipient.told", source="privacy-desk", request_id=request, recipient_id="cloud1"
    )
    yield story.asked(story.on(4, 12), "fulfilled", request, "A16")


def _objections(seed: int, start: int) -> Iterator[Planned]:
    for name, overruled in (("heeded", False), ("ignored", False), ("overruled", True)):
        story = Story(seed, f"objection-{name}", start, f"email:objector-{name}@example.com")
        about = {"purpose": "compliance_safety", "request_id": f"request-objection-{name}"}
        yield story.collected(story.on(0, 13), PROFILE, SERVICE)
        yield story.accessed(story.on(2, 13), PROFILE, own_interest("compliance_safety"))
        yield story.tell(story.on(4, 13), "objection.raised", **about)
        yield story.tell(story.on(9, 13), "objection.overruled" if overruled else "objection.upheld", **about)
        if name != "heeded":
            # After an objection that stands: OBJECTION_IGNORED; after one that was overruled, nothing.
            yield story.accessed(story.on(12, 13), PROFILE, own_interest("compliance_safety"))


def _restricted(seed: int, start: int) -> Iterator[Planned]:
    story = Story(seed, "restricted", start, "email:restricted@example.eu")
    about = {"request_id": "request-restricted"}
    yield story.collected(story.on(0, 14), EMAIL, SERVICE)
    yield story.asked(story.on(1, 14), "received", "request-restricted", "A18")
    yield story.tell(story.on(2, 14), "restriction.placed", source="privacy-desk", **about)
    yield story.asked(story.on(2, 15), "fulfilled", "request-restricted", "A18")
    yield story.accessed(story.on(3, 14), EMAIL, SERVICE, reason_code="legal_claims")
    # Against the law: ACCESS_WHILE_RESTRICTED.
    yield story.accessed(story.on(5, 14), EMAIL, SERVICE)
    yield story.tell(story.on(8, 14), "restriction.lifted", source="privacy-desk", **about)
    yield story.accessed(story.on(9, 14), EMAIL, SERVICE)


def _identities_and_decisions(seed: int, start: int) -> Iterator[Planned]:
    for number in range(4):
        story = Story(
            seed, f"linked-{number}", start, f"email:linked{number}@example.com", source="privacy-desk"
        )
        both = [story.person, f"phone:+4477009009{number:02d}"]
        yield story.collected(
            story.on(1, 8), ["user.contact.phone_number"], SERVICE, source="app", subjects=both[1:]
        )
        yield story.plan(story.on(2 + number, 8), "identity.linked", subjects=both)
        if number == 3:
            yield story.plan(story.on(12, 8), "identity.unlinked", subjects=both)
    story = Story(seed, "decision", start, "email:decided@example.com")
    yield story.tell(
        story.on(8, 8),
        "decision.automated",
        logic="Payments that look like others of the same day are held back",
        outcome="held, then released by a person",
        purpose="compliance_safety",
    )
