"""What goes on all day: people listen, systems synchronise, processors are used. All of it as it should be."""

import heapq
from collections.abc import Callable, Iterator
from itertools import count
from typing import Final

from ledger.example.acts import (
    DEVICE,
    EMAIL,
    PROFILE,
    RECORDING,
    ROUTES,
    SERVICE,
    TRANSCRIPT,
    Route,
    categories,
    emails,
    hand_over,
    network,
    on_behalf_of,
    own_interest,
    transfer,
)
from ledger.example.calls import call
from ledger.example.draw import Draw
from ledger.example.line import DAY, HOUR, MINUTE, Author, Planned, rfc3339
from ledger.example.persons import OPERATIONS, SALES, SUPPORT, Crowd, customer_user, employee, service

Happening = Callable[[Author, Crowd, int], list[Planned]]

# How a working day is spread, by the hour in UTC: Europe from seven, America from thirteen, few at night.
_WORKDAY: Final = (1, 1, 1, 1, 2, 5, 12, 30, 45, 50, 48, 40, 42, 60, 66, 62, 55, 44, 36, 30, 22, 10, 4, 2)
_WEEKEND: Final = 0.08
_SLOT: Final = 10 * MINUTE


def listen(author: Author, crowd: Crowd, at: int) -> list[Planned]:
    """A customer's user plays a recording of a call that he or a colleague was in."""
    draw = author.draw
    host = crowd.user(at, draw)
    heard = (host, *crowd.colleagues(host, at, draw, draw.between(1, 3)))
    denied = draw.chance(0.01)
    return [
        author.plan(
            at,
            "data.accessed",
            operation="query" if draw.chance(0.3) else "read",
            outcome="denied" if denied else "allowed",
            system="app",
            store="primary",
            actor=customer_user(host),
            subjects=emails(heard),
            subject_categories=categories(heard),
            data_categories=TRANSCRIPT if draw.chance(0.35) else RECORDING,
            resource=f"call/{draw.below(100_000)}",
            source_country=host.customer.country,
            **network(draw),
            **on_behalf_of(host.customer),
        )
    ]


def synchronise(author: Author, crowd: Crowd, at: int) -> list[Planned]:
    """The CRM's copy of a few profiles is brought up to date."""
    draw = author.draw
    host = crowd.user(at, draw)
    return [
        author.plan(
            at,
            "data.accessed",
            source="crm",
            operation="update",
            outcome="allowed",
            system="crm",
            store="crm-copy",
            actor=service("crm"),
            subjects=emails((host, *crowd.colleagues(host, at, draw, 2))),
            data_categories=PROFILE,
            record_count=draw.between(1, 40),
            **on_behalf_of(host.customer),
        )
    ]


def measure(author: Author, crowd: Crowd, at: int) -> list[Planned]:
    """A visit leaves its traces: address, place, what was clicked."""
    visitor = crowd.anyone(at, author.draw)
    return [
        author.plan(
            at,
            "data.collected",
            origin="device",
            store="primary",
            actor=service("app"),
            subjects=[visitor.email],
            subject_categories=[visitor.category],
            data_categories=DEVICE,
            source_country=visitor.customer.country,
            **SERVICE,
        )
    ]


def use_processor(author: Author, crowd: Crowd, at: int) -> list[Planned]:
    """Telephony, hosting, support chat, error reports: a processor receives what its function needs."""
    draw = author.draw
    about = crowd.anyone(at, draw)
    route = draw.pick(ROUTES[about.customer.region])
    return hand_over(
        author, at, route, [about.email], DEVICE, service("app"), subject_categories=[about.category]
    )


def bring_over(author: Author, crowd: Crowd, at: int) -> list[Planned]:
    """A customer's own data go to Parley in the United States, some of them on to where they are hosted."""
    draw = author.draw
    host = crowd.user(at, draw)
    customer = host.customer
    if customer.mechanism is None:
        return measure(author, crowd, at)
    shared = {
        "subjects": emails((host, *crowd.colleagues(host, at, draw, 2))),
        "actor": service("calls"),
        "data_categories": RECORDING,
        **on_behalf_of(customer),
    }
    first = draw.token("disclosure")
    route = Route("parley", customer.id, customer.country, customer.mechanism, "tia-us")
    planned = [transfer(author, at, route, shared | {"disclosure_id": first})]
    if customer.region == "eu" and draw.chance(0.3):
        hop = Route("cloud1", "parley", "US", "scc-hop-cloud1", "tia-us")
        onward = shared | {"disclosure_id": draw.token("disclosure"), "onward_of": first}
        planned.append(
            transfer(author, at + draw.between(1, 20) * 1_000, hop, onward, exporter_role="processor")
        )
    return planned


def support(author: Author, crowd: Crowd, at: int) -> list[Planned]:
    """Someone asked for help: Parley's people look, with a case and a reason."""
    draw = author.draw
    asker = crowd.user(at, draw)
    case = draw.token("case")
    reasons = ("sound is missing", "the call does not open", "a colleague left", "Rückfrage zur Aufnahme")
    return [
        author.plan(
            at + step * draw.between(2, 9) * MINUTE,
            "data.accessed",
            source="support",
            operation="read",
            outcome="allowed",
            system="support",
            store="primary",
            actor=employee(draw.pick(SUPPORT)),
            subjects=[asker.email],
            data_categories=RECORDING if step else PROFILE,
            case_id=case,
            justification=draw.pick(reasons),
            source_country="US",
            **network(draw),
            **on_behalf_of(asker.customer),
        )
        for step in range(draw.between(1, 2))
    ]


def newsletter(author: Author, crowd: Crowd, at: int) -> list[Planned]:
    """A batch of the newsletter to those who signed up."""
    draw = author.draw
    host = crowd.user(at, draw)
    readers = [each for each in (host, *crowd.colleagues(host, at, draw, 7)) if each.gets_newsletter]
    if not readers:
        return measure(author, crowd, at)
    return [
        author.plan(
            at,
            "data.accessed",
            source="mailer",
            operation="read",
            outcome="allowed",
            system="mailer",
            store="primary",
            actor=service("mailer"),
            subjects=emails(readers),
            subject_categories=["customer"],
            data_categories=EMAIL,
            **own_interest("newsletter"),
        )
    ]


def share(author: Author, crowd: Crowd, at: int) -> list[Planned]:
    """A user lets someone else hear a call for some hours, then takes it back or lets it lapse."""
    draw = author.draw
    host = crowd.user(at, draw)
    guests = crowd.colleagues(host, at, draw, 1)
    if not guests:
        return listen(author, crowd, at)
    identifier = draw.token("share")
    partner = f"email:reviewer{draw.below(40)}@partner.example"
    colleague = draw.chance(0.6)
    recipient = guests[0].email if colleague else partner
    about = {"subjects": [host.email], "subject_categories": ["customer"]}
    role = on_behalf_of(host.customer)
    ends = at + draw.between(3, 8) * HOUR
    planned = [
        author.plan(
            at,
            "share.granted",
            share_id=identifier,
            recipient_id=recipient,
            expires=None if colleague else rfc3339(ends),
            actor=customer_user(host),
            **about,
        )
    ]
    listener = customer_user(guests[0]) if colleague else {"id": partner, "kind": "partner"}
    planned += [
        author.plan(
            at + draw.between(3, 150) * MINUTE,
            "data.accessed",
            operation="read",
            outcome="allowed",
            system="app",
            store="primary",
            share_id=identifier,
            actor=listener,
            data_categories=RECORDING,
            **network(draw),
            **about,
            **role,
        )
        for _ in range(draw.between(1, 2))
    ]
    if colleague:
        planned.append(
            author.plan(
                ends,
                "share.revoked",
                share_id=identifier,
                recipient_id=recipient,
                actor=customer_user(host),
                **about,
            )
        )
    return planned


def count_visits(author: Author, crowd: Crowd, at: int) -> list[Planned]:
    """Anonymous statistics are made: persons who are not known by name, a data set and a predicate over it."""
    draw = author.draw
    return [
        author.plan(
            at,
            "data.anonymised",
            source="analytics",
            method="aggregate",
            store="primary",
            actor=service("analytics") | {"on_behalf_of": f"user:analyst-{draw.between(1, 3)}"},
            population={
                "dataset": "primary",
                "predicate_digest": draw.token("predicate"),
                "record_count": crowd.present(at),
            },
            data_categories=DEVICE,
            **own_interest("anonymous_analytics"),
        )
    ]


def keep_safe(author: Author, crowd: Crowd, at: int) -> list[Planned]:
    """Operations and sales look into accounts: against fraud, or to talk about the service."""
    draw = author.draw
    about = crowd.user(at, draw)
    who, purpose = (OPERATIONS, "compliance_safety") if draw.chance(0.5) else (SALES, "communicate")
    return [
        author.plan(
            at,
            "data.accessed",
            operation="query",
            outcome="allowed",
            system="app",
            store="primary",
            actor=employee(draw.pick(who)),
            subjects=[about.email],
            subject_categories=["customer"],
            data_categories=PROFILE,
            source_country="US",
            **network(draw),
            **own_interest(purpose),
        )
    ]


_WEIGHTED: Final[tuple[tuple[int, Happening], ...]] = (
    (30, listen),
    (11, synchronise),
    (14, measure),
    (10, use_processor),
    (3, bring_over),
    (4, call),
    (3, support),
    (3, newsletter),
    (2, share),
    (1, count_visits),
    (3, keep_safe),
)
_CHOICES: Final = tuple(happening for weight, happening in _WEIGHTED for _ in range(weight))
EVENTS_PER_HAPPENING: Final = 1.53
"""Measured: so that `rate` counts events."""


def office(seed: int, crowd: Crowd, start: int, days: int, rate: float) -> Iterator[Planned]:
    """The events of the days in order of time, `rate` for each person and working day; holds an hour or two of them."""
    author = Author(Draw(seed, "office"), "app")
    draw = author.draw
    waiting: list[tuple[int, int, Planned]] = []
    order = count()
    for slot in range(start, start + days * DAY, _SLOT):
        while waiting and waiting[0][0] < slot:
            yield heapq.heappop(waiting)[2]
        present = crowd.present(slot)
        if not present:
            continue
        happenings = draw.count(_share_of_day(slot) * present * rate / EVENTS_PER_HAPPENING)
        for at in sorted(slot + draw.below(_SLOT) for _ in range(happenings)):
            for planned in draw.pick(_CHOICES)(author, crowd, at):
                heapq.heappush(waiting, (planned.at, next(order), planned))
    while waiting:
        yield heapq.heappop(waiting)[2]


def heartbeats(seed: int, start: int, days: int) -> Iterator[Planned]:
    """The CRM says every hour that it is alive, as its row in the register promises."""
    author = Author(Draw(seed, "heartbeats"), "crm")
    for hour in range(start, start + days * DAY, HOUR):
        yield author.plan(hour + 30_000, "source.heartbeat")


def _share_of_day(slot: int) -> float:
    """The part of a working day's events that falls into ten minutes. Day 0 of the epoch was a Thursday."""
    weekday = (slot // DAY + 3) % 7
    part = _WORKDAY[slot % DAY // HOUR] / (sum(_WORKDAY) * (HOUR // _SLOT))
    return part if weekday < 5 else part * _WEEKEND
