"""A call: the invitation, each guest's consent, who came and went, the recording and what is made of it."""

from ledger.example.acts import MEETING, NOTICE, RECORDING, TRANSCRIPT, categories, emails, on_behalf_of
from ledger.example.line import MINUTE, Author, Planned
from ledger.example.persons import Crowd, Person, customer_user, service

_ONE_PARTY = frozenset({"US-NY"})


def call(author: Author, crowd: Crowd, at: int) -> list[Planned]:
    """A recorded call of a customer's user with one to three guests; every event within two hours of `at`."""
    draw = author.draw
    host = crowd.user(at, draw)
    others = crowd.colleagues(host, at, draw, draw.between(1, 3))
    everyone = (host, *others)
    role = on_behalf_of(host.customer)
    recording = draw.token("recording")
    of_call = {"recording_id": recording, "jurisdiction": host.customer.jurisdiction, **_party(host)}
    planned = [
        author.plan(
            at,
            "data.collected",
            source="calendar",
            origin="calendar",
            actor=service("calendar"),
            subjects=emails(everyone),
            subject_categories=categories(everyone),
            data_categories=MEETING,
            **role,
        )
    ]
    begins = at + draw.between(5, 20) * MINUTE
    if host.customer.jurisdiction not in _ONE_PARTY:
        planned += [_consent(author, guest, host, begins - draw.between(5_000, 90_000)) for guest in others]
    present = [host, *others[:-1]] if len(others) > 1 and draw.chance(0.5) else list(everyone)
    planned.append(
        author.plan(
            begins, "recording.started", participants=emails(present), actor=customer_user(host), **of_call
        )
    )
    if len(present) < len(everyone):
        late = everyone[-1]
        planned.append(
            author.plan(
                begins + draw.between(1, 5) * MINUTE, "recording.joined", participants=[late.email], **of_call
            )
        )
    ends = begins + draw.between(12, 55) * MINUTE
    if draw.chance(0.6):
        leaver = everyone[-1]
        planned.append(
            author.plan(
                ends - draw.between(1, 5) * MINUTE, "recording.left", participants=[leaver.email], **of_call
            )
        )
    planned.append(
        author.plan(
            ends, "recording.stopped", participants=emails(everyone), actor=customer_user(host), **of_call
        )
    )
    planned += [
        author.plan(
            ends + draw.between(minutes, minutes + 3) * MINUTE,
            "data.accessed",
            operation="create",
            outcome="allowed",
            system="calls",
            store="primary",
            actor=service("calls"),
            subjects=emails(everyone),
            data_categories=made,
            resource=f"call/{recording}",
            **role,
        )
        for minutes, made in ((1, RECORDING), (6, TRANSCRIPT))
    ]
    return planned


def _party(host: Person) -> dict[str, str]:
    return {"processing_role": "processor", "controller_id": host.customer.id}


def _consent(author: Author, guest: Person, host: Person, at: int) -> Planned:
    return author.plan(
        at,
        "consent.given",
        subjects=[guest.email],
        subject_categories=[guest.category],
        consent_id=author.draw.token("consent"),
        purposes=["recording"],
        notice_version=NOTICE,
        method=author.draw.pick(("verbal", "banner", "checkbox")),
        explicit=True,
        valid=True,
        **_party(host),
    )
