"""What became known only later: consents on paper, corrections, contracts found in a drawer.

The acts that they change stand in the first wave, so that "as believed then" and "as known now" differ.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from ledger.example.acts import EMAIL, PROFILE, SERVICE, Route, own_interest, transfer, with_consent
from ledger.example.line import DAY, HOUR, Planned, rfc3339
from ledger.example.persons import PROTAGONISTS, employee, service
from ledger.example.story import Story

_PAPER: Final = 10
_NOTE: Final = ["user.content.note"]


def _late(planned: Planned) -> Planned:
    return msgspec.structs.replace(planned, wave=2)


def _replace(original: Planned, **changes: Any) -> Planned:
    """A correction by the same source: the whole event again, with what was wrong put right (`corrects`)."""
    story = Story(0, f"corrects {original.id}", original.at, "", source=original.source)
    data = {**original.data, **changes, "corrects": {"source": original.source, "id": original.id}}
    return _late(story.plan(original.at, original.short, delay=3 * DAY, **data))


def believed(seed: int, start: int) -> Iterator[Planned]:
    """First wave: acts as they were recorded, some of them wrongly, some before their ground was known."""
    for number in range(_PAPER):
        yield _paper(seed, start, number)[0]
    for original, _ in _mistakes(seed, start):
        yield original


def known_later(seed: int, start: int) -> Iterator[Planned]:
    """Second wave, in order of time within each kind."""
    for number in range(_PAPER):
        yield _paper(seed, start, number)[1]
    story = Story(seed, "clara-paper", start, PROTAGONISTS.regulators_person, source="forms")
    yield _late(story.consented(story.on(9, 17, 30), "webinar", "consent-clara-webinar", method="written"))
    for _, correction in _mistakes(seed, start):
        yield correction
    yield from _found_contracts(seed, start)


def _paper(seed: int, start: int, number: int) -> tuple[Planned, Planned]:
    """A quotation is shown; its consent, signed two days before on paper, is entered weeks later.

    The last one's form was written down only after the act: BASIS_BACKDATED. All of them are LATE_RECORD.
    """
    story = Story(seed, f"paper-{number}", start, f"email:signed{number}@example.eu")
    shown = story.on(8 + number, 14)
    signed = shown - 2 * DAY - 3 * HOUR
    act = story.accessed(shown, _NOTE, with_consent("testimonial"), actor=service("app"))
    backdated = number == _PAPER - 1
    consent = story.consented(
        signed,
        "testimonial",
        f"consent-paper-{number}",
        method="written",
        source="forms",
        delay=5 * DAY if backdated else 60_000,
    )
    return act, _late(consent)


def _mistakes(seed: int, start: int) -> Iterator[tuple[Planned, Planned]]:
    """Originals with their corrections."""
    for number in range(4):
        story = Story(seed, f"mislabelled-{number}", start, f"email:mislabelled{number}@example.com")
        original = story.accessed(
            story.on(6 + number, 9),
            PROFILE,
            SERVICE | {"legal_basis": "A6-1-f"},
            actor=employee("user:support-6"),
        )
        yield original, _replace(original, legal_basis="A6-1-b")
    for number in range(4):
        story = Story(seed, f"unnamed-{number}", start, f"email:unnamed{number}@example.eu")
        about = {
            "subjects": [story.person],
            "actor": service("app"),
            "data_categories": PROFILE,
            "disclosure_id": f"disclosure-unnamed-{number}",
            **SERVICE,
        }
        # The clauses were there, the event did not name them.
        original = transfer(
            story, story.on(7 + number, 9), Route("faultline", "parley-eu", "IE", None), about
        )
        yield original, _replace(original, mechanism_id="scc-eu-faultline", assessment_id="tia-us")
    # The other way round: an unsubscription turns out to be older than the newsletter that followed.
    story = Story(seed, "earlier", start, "email:earlier@acme.example", source="mailer")
    yield from _unsubscribed(story)


def _unsubscribed(story: Story) -> Iterator[tuple[Planned, Planned]]:
    collected = story.collected(story.on(1, 9), EMAIL, own_interest("newsletter"))
    yield collected, _replace(collected, notice_version="2024-03-01")
    sent = story.accessed(
        story.on(9, 8), EMAIL, own_interest("newsletter"), actor=service("mailer"), system="mailer"
    )
    yield sent, _replace(sent, record_count=1)
    original = story.tell(story.on(9, 20), "marketing.unsubscribed", purpose="newsletter")
    correction = _replace(original)
    yield original, msgspec.structs.replace(correction, at=story.on(8, 20))


def _found_contracts(seed: int, start: int) -> Iterator[Planned]:
    """An importer in India, with clauses of a month before and an assessment, registered only now."""
    story = Story(seed, "labs", start, "", source="governance")
    agreed = rfc3339(start - 30 * DAY)
    rows: tuple[tuple[str, dict[str, Any]], ...] = (
        (
            "party.registered",
            {
                "party_id": "indus-labs",
                "name": "Indus Labs Ltd",
                "role": "processor",
                "country": "IN",
                "countries": ["IN"],
                "purposes": ["provide_service"],
                "contract": "dpa-11",
            },
        ),
        (
            "processing_contract.concluded",
            {"contract": "dpa-11", "parties": ["parley", "indus-labs"]},
        ),
        (
            "mechanism.adopted",
            {
                "mechanism_id": "scc-labs",
                "tool": "A46-2-c",
                "instrument": "scc-2021-914",
                "module": 2,
                "exporter_id": "parley-eu",
                "importer_id": "indus-labs",
                "countries": ["IN"],
                "concluded": agreed,
            },
        ),
        (
            "assessment.recorded",
            {
                "assessment_id": "tia-labs",
                "kind": "TIA",
                "covers": ["scc-labs"],
                "countries": ["IN"],
                "outcome": "with_measures",
            },
        ),
    )
    for minute, (short, row) in enumerate(rows):
        yield _late(story.plan(story.on(28, 9, minute), short, delay=0, **row, valid_from=agreed))
