"""The memory of the latest identities: it may know too much, never too little."""

from __future__ import annotations

from random import Random

from streams.recent import RecentIdentities

OTHER = b"\xff" * 6 + bytes(10)


def identity(time: int, tail: int = 0) -> bytes:
    return time.to_bytes(6, "big") + tail.to_bytes(10, "big")


def test_in_an_empty_ledger_everything_with_a_time_is_new_once() -> None:
    recent = RecentIdentities()
    assert recent.is_new(identity(0))
    recent.add([identity(0)])
    assert not recent.is_new(identity(0))
    assert recent.is_new(identity(0, 1))


def test_ids_of_other_forms_are_never_known_to_be_new() -> None:
    recent = RecentIdentities()
    assert not recent.is_new(OTHER)
    recent.add([OTHER])
    assert not recent.is_new(OTHER)


def test_below_what_was_loaded_nothing_is_known() -> None:
    recent = RecentIdentities([identity(9), identity(7)], all_there=False)
    assert not recent.is_new(identity(6))
    assert not recent.is_new(identity(7))
    assert recent.is_new(identity(7, 1))
    assert recent.is_new(identity(8))


def test_what_is_forgotten_is_not_taken_for_new() -> None:
    """Whatever the order in which identities come, none that was added is ever said to be new."""
    random = Random(1)
    recent = RecentIdentities(capacity=50)
    added: set[bytes] = set()
    times = [random.randrange(500) for _ in range(2_000)]
    for tail, time in enumerate(times):
        each = identity(time, tail)
        recent.add([each])
        added.add(each)
        assert not any(recent.is_new(known) for known in random.sample(sorted(added), min(20, len(added))))
    assert recent.is_new(identity(499, 10_000)), "the newest are still told apart"
