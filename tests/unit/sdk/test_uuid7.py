from __future__ import annotations

import threading
import time
import uuid

from accountability_ledger.uuid7 import Uuid7, uuid7


def test_an_id_is_a_version_7_uuid_of_now() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid.UUID(uuid7())
    after = time.time_ns() // 1_000_000
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert before <= made.int >> 80 <= after + 1


def test_ids_only_rise_within_a_process() -> None:
    made = [uuid7() for _ in range(20_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_ids_of_many_threads_are_all_different_and_rise_in_each() -> None:
    source = Uuid7()
    taken: list[list[str]] = [[] for _ in range(4)]

    def take(into: list[str]) -> None:
        into.extend(source.next() for _ in range(2_000))

    threads = [threading.Thread(target=take, args=(into,)) for into in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(into == sorted(into) for into in taken)
    assert len({made for into in taken for made in into}) == 8_000


def test_ids_rise_though_the_clock_went_back() -> None:
    source = Uuid7()
    first = source.next()
    source._millisecond += 60_000
    later = source.next()
    assert later > first
    assert source.next() > later
