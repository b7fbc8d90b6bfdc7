"""The short cut of `accept` and the strict path must never disagree: their disagreement would be a forged canonical."""

from __future__ import annotations

import copy
import json
from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from accountability_ledger.accept import Event, accept, accept_strictly
from accountability_ledger.catalog import BY_SHORT
from accountability_ledger.errors import Refused
from accountability_ledger.identifier import normalise
from accountability_ledger.json_schema import data_schema
from accountability_ledger.restricted_json import canonical
from tests.unit.sdk.samples import complete, event, smallest

TYPES = st.sampled_from(sorted(BY_SHORT))
RECEIVED_MS = 1_790_847_000_000


def outcome(judge: Any, value: bytes) -> Event | str:
    try:
        judged: Event = judge(value, topic=None, received_ms=RECEIVED_MS)
    except Refused as refused:
        return refused.reason
    return judged


ODDITIES: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**60), 2**60),
    st.sampled_from(
        [0.0, 1.0, 1.5, -0.0, 2.0**53, "", "A6-1-a", "read", "2026-10-01", "2026-10-01T09:30:00Z"]
    ),
    st.sampled_from(
        [[], {}, ["a", "a"], [1], {"key": "a"}, {"A": 1}, [[["x"]]], {"id": "a", "kind": "service"}]
    ),
    st.text(max_size=6),
).map(copy.deepcopy)


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """An event of any type, with a few of its places changed, added or taken away."""
    event_type = BY_SHORT[draw(TYPES)]
    sent = event(event_type.short, draw(st.sampled_from([smallest, complete]))(event_type))
    sent = copy.deepcopy(sent)
    for _ in range(draw(st.integers(0, 3))):
        place: Any = sent
        while isinstance(place, dict | list) and place and draw(st.booleans()):
            inner = place[draw(st.sampled_from(sorted(place)))] if isinstance(place, dict) else place[0]
            if not isinstance(inner, dict | list):
                break
            place = inner
        if isinstance(place, list):
            place.append(draw(ODDITIES))
            continue
        name = draw(st.sampled_from([*sorted(place), "seq", "_sd", "A", "subject"]))
        if draw(st.booleans()):
            place.pop(name, None)
        else:
            place[name] = draw(ODDITIES)
    return sent


def write(value: Any, style: str) -> bytes:
    match style:
        case "canonical":
            return canonical(value)
        case "spaced":
            return b" " + canonical(value) + b"\n"
        case "escaped":
            return json.dumps(value).encode()
        case "doubled":
            text = canonical(value)
            return b'{"data":{},' + text[1:]
        case _:
            return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True).encode(
                "utf-8", "surrogatepass"
            )


STYLES = st.sampled_from(["canonical", "spaced", "escaped", "doubled", "indented"])


@settings(deadline=None, max_examples=500)
@given(mutated(), STYLES)
def test_the_short_cut_and_the_strict_path_agree(sent: dict[str, Any], style: str) -> None:
    value = write(sent, style)
    assert outcome(accept, value) == outcome(accept_strictly, value)


@settings(deadline=None, max_examples=200)
@given(mutated(), STYLES)
def test_they_agree_in_binary_mode_and_on_the_canonical_bytes(sent: dict[str, Any], style: str) -> None:
    value = write(sent.pop("data", {}), style)
    headers = [(f"ce_{name}", str(attribute).encode("utf-8")) for name, attribute in sent.items()]
    headers.append(("content-type", b"application/json"))
    fast = outcome(partial(accept, headers=headers), value)
    assert fast == outcome(partial(accept_strictly, headers=headers), value)
    if isinstance(fast, Event):
        assert accept(fast.canonical, headers=[("content-type", b"application/cloudevents+json")]) == fast


@settings(deadline=None, max_examples=200)
@given(mutated(), st.integers(0, 10_000), st.binary(max_size=3))
def test_they_agree_on_damaged_bytes_too(sent: dict[str, Any], at: int, replacement: bytes) -> None:
    value = canonical(sent)
    cut = at % len(value)
    damaged = value[:cut] + replacement + value[cut + 1 :]
    assert outcome(accept, damaged) == outcome(accept_strictly, damaged)


@settings(deadline=None, max_examples=200)
@given(mutated())
def test_what_is_accepted_is_canonical_and_accepted_again(sent: dict[str, Any]) -> None:
    judged = outcome(accept, canonical(sent))
    if isinstance(judged, str):
        return
    assert judged.canonical == canonical({**judged.attributes, "data": judged.data})
    assert accept(judged.canonical) == judged
    assert 0 <= len(judged.persons) <= 256


@settings(deadline=None, max_examples=200)
@given(mutated())
def test_what_is_accepted_fits_its_published_schema(sent: dict[str, Any]) -> None:
    judged = outcome(accept, canonical(sent))
    if not isinstance(judged, str):
        Draft202012Validator(data_schema(judged.type)).validate(judged.data)


@settings(deadline=None)
@given(st.sampled_from(["email:", "phone:", "user:", "id:", ""]), st.text(max_size=30))
def test_a_normalised_identifier_stays_as_it_is(prefix: str, text: str) -> None:
    try:
        once = normalise(prefix + text)
    except Refused:
        return
    assert normalise(once) == once
    assert normalise(f" {once}\n") == once


@settings(deadline=None)
@given(st.emails())
def test_every_ordinary_address_is_an_identifier(address: str) -> None:
    assert normalise("email:" + address) == normalise("email:" + address.lower())
