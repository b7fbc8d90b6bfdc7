"""Whatever its seed and size, a month says the truth about itself."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from accountability_ledger.accept import accept
from accountability_ledger.errors import Refused
from ledger.example.draw import Draw
from ledger.example.line import DAY, milliseconds, uuid7
from ledger.example.month import generate
from ledger.example.persons import Crowd, person

START = milliseconds("2026-10-01")
RECEIVED = milliseconds("2026-12-01")


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 2**63),
    days=st.integers(1, 4),
    persons=st.integers(1, 60),
    rate=st.floats(0, 6, allow_nan=False),
)
def test_lines_are_what_they_say(seed: int, days: int, persons: int, rate: float) -> None:
    seen: dict[tuple[str, str], set[bytes]] = {}
    for line in generate(seed=seed, days=days, persons=persons, rate=rate):
        try:
            event = accept(line.value, topic=line.topic, received_ms=RECEIVED)
        except Refused as refused:
            assert (line.expect, line.reason) == ("rejected", refused.reason)  # noqa: PT017 - both branches are judged
            continue
        known = seen.setdefault((event.attributes["source"], event.attributes["id"]), set())
        assert line.expect == (
            "appended" if not known else "duplicate" if event.canonical in known else "conflict"
        )
        assert milliseconds(event.attributes["time"]) < START + days * DAY
        known.add(event.canonical)


@given(size=st.integers(1, 5_000), days=st.integers(1, 90), seed=st.integers())
def test_nobody_is_there_before_he_arrives(size: int, days: int, seed: int) -> None:
    crowd = Crowd(size, START, START + days * DAY)
    draw = Draw(seed)
    assert all(crowd.arrives(earlier) <= crowd.arrives(later) for earlier, later in pairwise(range(size)))
    for step in range(1, 40):
        at = START + step * days * DAY // 40
        present = crowd.present(at)
        assert 0 <= present <= size
        if not present:
            continue
        assert crowd.arrives(present - 1) <= at
        host = crowd.user(at, draw)
        others = crowd.colleagues(host, at, draw, 7)
        assert host.is_user
        assert host.index < present
        assert len({each.email for each in (host, *others)}) == 1 + len(others)
        assert all(each.customer == host.customer and each.index < present for each in others)


@given(first=st.integers(0, 10**7), second=st.integers(0, 10**7))
def test_two_persons_have_two_addresses(first: int, second: int) -> None:
    assert (person(first).email == person(second).email) == (first == second)


@given(at=st.integers(0, 2**47), seed=st.integers())
def test_an_identifier_carries_its_time(at: int, seed: int) -> None:
    draw = Draw(seed)
    text = uuid7(at, draw)
    assert int(text[:8] + text[9:13], 16) == at
    assert text[14] == "7"
    assert text != uuid7(at, draw)
