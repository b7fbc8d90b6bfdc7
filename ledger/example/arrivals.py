"""How people come in: profiles, devices, newsletters, standing consents, and the notice that each of them is sent."""

import heapq
from collections.abc import Iterator
from itertools import count

from ledger.example.acts import DEVICE, EMAIL, NOTICE, PROFILE, SERVICE, on_behalf_of, own_interest
from ledger.example.draw import Draw
from ledger.example.line import HOUR, MINUTE, Author, Planned
from ledger.example.persons import Crowd, Person, customer_user, person, service

_BATCH = 50


def arrivals(seed: int, crowd: Crowd) -> Iterator[Planned]:
    """Every person's first data, in order of time; one notice to each fifty whom Parley did not learn of from themselves."""
    author = Author(Draw(seed, "arrivals"), "app")
    waiting: list[tuple[int, int, Planned]] = []
    order = count()
    untold: list[Person] = []
    for index in range(crowd.size):
        newcomer = person(index)
        at = crowd.arrives(index)
        while waiting and waiting[0][0] <= at:
            yield heapq.heappop(waiting)[2]
        steps = _user(author, newcomer, at) if newcomer.is_user else _guest(author, newcomer, at)
        if newcomer.from_crm:
            untold.append(newcomer)
        if len(untold) == _BATCH or (untold and index == crowd.size - 1):
            steps.append(_notice(author, untold, at + 6 * HOUR))
            untold.clear()
        for step in steps:
            heapq.heappush(waiting, (step.at, next(order), step))
    while waiting:
        yield heapq.heappop(waiting)[2]


def _user(author: Author, newcomer: Person, at: int) -> list[Planned]:
    draw = author.draw
    about = {"subjects": [newcomer.email], "subject_categories": ["customer"], "notice_version": NOTICE}
    oneself = customer_user(newcomer)
    if newcomer.from_crm:
        first = author.plan(
            at,
            "data.collected",
            source="crm",
            origin="crm",
            store="crm-copy",
            actor=service("crm"),
            data_categories=PROFILE,
            **about,
            **SERVICE,
        )
    else:
        first = author.plan(
            at,
            "data.collected",
            origin="subject",
            store="primary",
            actor=oneself,
            data_categories=PROFILE,
            **about,
            **SERVICE,
        )
    steps = [
        first,
        author.plan(
            at + draw.between(2_000, 60_000),
            "data.collected",
            origin="device",
            store="primary",
            actor=service("app"),
            data_categories=DEVICE,
            **about,
            **SERVICE,
        ),
        author.plan(
            at + draw.between(2 * MINUTE, 12 * MINUTE),
            "consent.given",
            subjects=[newcomer.email],
            consent_id=draw.token("consent"),
            purposes=["recording"],
            notice_version=NOTICE,
            method="form",
            explicit=True,
            valid=True,
            processing_role="processor",
            controller_id=newcomer.customer.id,
        ),
    ]
    if newcomer.gets_newsletter:
        steps.append(
            author.plan(
                at + draw.between(13 * MINUTE, 20 * MINUTE),
                "data.collected",
                source="mailer",
                origin="subject",
                store="primary",
                actor=oneself,
                data_categories=EMAIL,
                **about,
                **own_interest("newsletter"),
            )
        )
    return steps


def _guest(author: Author, newcomer: Person, at: int) -> list[Planned]:
    about = {"subjects": [newcomer.email], "subject_categories": ["guest"]}
    return [
        author.plan(
            at,
            "data.collected",
            source="crm",
            origin="crm",
            store="crm-copy",
            actor=service("crm"),
            data_categories=PROFILE,
            **about,
            **on_behalf_of(newcomer.customer),
        ),
        author.plan(
            at + author.draw.between(2_000, 60_000),
            "data.collected",
            origin="device",
            store="primary",
            actor=service("app"),
            data_categories=DEVICE,
            **about,
            **SERVICE,
        ),
    ]


def _notice(author: Author, told: list[Person], at: int) -> Planned:
    return author.plan(
        at,
        "notice.communicated",
        source="mailer",
        subjects=[each.email for each in told],
        version=NOTICE,
        audience="everyone",
        actor=service("mailer"),
        processing_role="controller",
    )
