"""One night a stranger works with an employee's account: first refused, then let in, then everything at once.

And what a company does about it: detects, assesses, notifies, tells the persons, closes the account.
"""

from collections.abc import Iterator
from typing import Any, Final

from ledger.example.acts import PROFILE, RECORDING, SERVICE, TRANSCRIPT, emails
from ledger.example.draw import Draw
from ledger.example.line import DAY, HOUR, MINUTE, Author, Planned, rfc3339
from ledger.example.persons import PRIVACY_OFFICER, PROTAGONISTS, Crowd, employee, person, service

_DENIED: Final = 24
_EXPORTS: Final = 60
_EXPORT_SIZE: Final = 25
_READS_PER_PERSON: Final = 11
_MOST_READS: Final = 2_200
_OUT: Final = 6
_BREACH: Final = "breach-2026-10"
_STRANGE_COUNTRY: Final = "SC"
NAMED: Final = (PROTAGONISTS.regulators_person, PROTAGONISTS.erased_person)


def compromised_night(seed: int, crowd: Crowd, start: int) -> Iterator[Planned]:
    """In order of time: refused attempts, then reads and exports by the thousand, some of it sent to nobody known."""
    author = Author(Draw(seed, "compromise"), "app")
    draw = author.draw
    begins, ends = PROTAGONISTS.compromised_window(start)
    session = draw.token("session")
    by: dict[str, Any] = {
        "actor": employee(PROTAGONISTS.investigators_account),
        "source_country": _STRANGE_COUNTRY,
        "source_ip": f"203.0.113.{draw.between(2, 250)}",
        "session_id": session,
    }
    present = crowd.present(begins)
    for attempt in range(_DENIED):
        yield author.plan(
            begins + attempt * 20_000 + draw.below(15_000),
            "data.accessed",
            operation=draw.pick(("query", "export")),
            outcome="denied",
            system="app",
            store="primary",
            subjects=[person(draw.below(present)).email],
            data_categories=draw.pick((PROFILE, RECORDING)),
            **by,
            **SERVICE,
        )
    opens = begins + _DENIED * 20_000 + 5 * MINUTE
    reads = min(_MOST_READS, present * _READS_PER_PERSON)
    total = reads + _EXPORTS
    pace = (ends - opens - 10 * MINUTE) // total
    taken = 0
    for step in range(total):
        at = opens + step * pace + draw.below(max(1, pace))
        if step * _EXPORTS // total > taken:
            first = taken * _EXPORT_SIZE % present
            yield _export(author, at, by, first, present, taken)
            taken += 1
            continue
        read = step % (present + len(NAMED))
        yield author.plan(
            at,
            "data.accessed",
            operation="query" if draw.chance(0.2) else "read",
            outcome="allowed",
            system="app",
            store="primary",
            subjects=[person(read).email if read < present else NAMED[read - present]],
            data_categories=draw.pick((RECORDING, TRANSCRIPT, PROFILE)),
            resource=f"call/{draw.below(100_000)}",
            **by,
            **SERVICE,
        )
    for step in range(_OUT):
        yield from _sent_away(author, ends - 8 * MINUTE + step * MINUTE, by, present)


def _export(author: Author, at: int, by: dict[str, Any], first: int, present: int, number: int) -> Planned:
    """Twenty-five persons in one file; the first of the files have the regulator's and the erased person in them."""
    taken = [person((first + step) % present) for step in range(min(_EXPORT_SIZE, present))]
    names = emails(taken) + ([NAMED[number]] if number < len(NAMED) else [])
    return author.plan(
        at,
        "data.accessed",
        operation="export",
        outcome="allowed",
        system="app",
        store="primary",
        subjects=names,
        data_categories=[*PROFILE, *RECORDING],
        record_count=len(names) * 40,
        **by,
        **SERVICE,
    )


def _sent_away(author: Author, at: int, by: dict[str, Any], present: int) -> Iterator[Planned]:
    names = list(dict.fromkeys(person(author.draw.below(present)).email for _ in range(10)))
    shared = {
        "subjects": names,
        "data_categories": PROFILE,
        "disclosure_id": author.draw.token("disclosure"),
        **by,
        **SERVICE,
    }
    yield author.plan(
        at, "data.disclosed", recipient_id="drop-box-x", channel="file", side="source", **shared
    )
    yield author.plan(
        at + 1,
        "data.transferred",
        exporter_id="parley-eu",
        importer_id="drop-box-x",
        exporter_role="controller",
        importer_role="controller",
        origin_country="IE",
        destination_country=_STRANGE_COUNTRY,
        remote_access=True,
        **shared,
    )


def breach_handling(seed: int, crowd: Crowd, start: int) -> Iterator[Planned]:
    """Aware on the Monday; the authority within 72 hours (Art 33), customers within their terms, persons on the fourth day."""
    author = Author(Draw(seed, "breach"), "security")
    begins, ends = PROTAGONISTS.compromised_window(start)
    aware = start + 4 * DAY + 8 * HOUR + 40 * MINUTE
    officer = {"actor": employee(PRIVACY_OFFICER)}
    counted = crowd.present(begins)
    facts = {
        "breach_id": _BREACH,
        "kind": "confidentiality",
        "aware_at": rfc3339(aware),
        "began": rfc3339(begins),
        "ended": rfc3339(ends),
        "person_count": counted,
        "record_count": counted * 40,
        "data_categories": [*PROFILE, *RECORDING, *TRANSCRIPT],
        "subject_categories": ["customer", "guest"],
        "processing_role": "controller",
        **officer,
    }
    told = {
        "consequences": "Calls and profiles were read and copied with an employee's account.",
        "measures": "The account is closed, its sessions ended, its second factor replaced.",
    }
    as_processor = facts | {
        "breach_id": f"{_BREACH}-acme",
        "processing_role": "processor",
        "controller_id": "acme",
    }
    yield author.plan(aware, "breach.detected", **facts)
    yield author.plan(aware, "breach.detected", **as_processor)
    yield author.plan(
        aware + 30 * MINUTE,
        "account.blocked",
        source="privacy-desk",
        subjects=[PROTAGONISTS.investigators_account],
        subject_categories=["employee"],
        actor=service("security"),
    )
    yield author.plan(
        aware + 5 * HOUR,
        "security_measure.set",
        source="governance",
        measure="A second factor bound to hardware for every account that can export",
        scope="operations accounts",
    )
    yield author.plan(aware + 9 * HOUR, "breach.assessed", risk="high", **facts, **told)
    yield author.plan(aware + 19 * HOUR, "breach.notified", recipient_id="acme", **as_processor)
    yield author.plan(
        aware + 50 * HOUR, "breach.notified", recipient_id="sa-lead", phase="initial", **facts, **told
    )
    yield author.plan(aware + 76 * HOUR, "breach.communicated", **facts, **told, subjects=list(NAMED))
    yield author.plan(aware + 16 * DAY, "breach.concluded", **facts)
