"""How the benchmark counts: windows, cycles, quarters, percentiles, waits, processor time."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from ledger.bench import cpu
from ledger.bench.append import window_of
from ledger.bench.events import Stream, persons_of
from ledger.bench.growth import Batch, Stretch, cycles, measured, quarters
from ledger.bench.latency import percentile
from ledger.bench.pace import Stamp
from ledger.bench.visible import waited
from ledger.core.errors import BadInput

T0 = datetime(2026, 11, 1, tzinfo=UTC)


def _at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def _steady(rate: float, since: float, until: float, *, step: float = 1.0, size: int = 0) -> list[Batch]:
    """Transactions every `step` seconds, each of what came since the one before."""
    batches = []
    moment = since
    while moment <= until:
        size += round(rate * step)
        batches.append((size, _at(moment)))
        moment += step
    return batches


def test_a_window_counts_what_was_committed_between_two_locks() -> None:
    batches = [(150, _at(0)), (250, _at(10)), (450, _at(11)), (650, _at(12)), (700, _at(13)), (702, _at(20))]
    window, per_transaction = window_of(batches, since=150, until=700)
    # Locks at 10 and 13: the entries 150 to 650 were committed between them, in transactions of 100, 200, 200.
    assert (window.first, window.end, window.seconds) == (150, 650, 3.0)
    assert window.rate == pytest.approx(500 / 3)
    assert per_transaction == 200


def test_a_window_needs_three_transactions() -> None:
    with pytest.raises(BadInput):
        window_of([(150, _at(0)), (250, _at(1)), (450, _at(2))], since=150, until=450)


def test_cycles_are_whole() -> None:
    batches = _steady(100, 3, 130) + _steady(50, 131, 250, size=12_800)
    found = cycles(batches, [_at(0), _at(60), _at(120), _at(180), _at(240), _at(300)])
    # Appends begin 3 s into the first, slow down in the third, and end early in the last, which is no whole one.
    assert [round(each.events_per_s) for each in found] == [100, 100, 59, 50]
    assert found[0].end <= found[1].begin <= found[1].end <= found[2].begin


@pytest.mark.parametrize("pause", [6, 30])
def test_a_cycle_with_a_pause_is_not_whole(pause: int) -> None:
    batches = _steady(100, 0, 80) + _steady(100, 80 + pause, 240, size=8_100)
    assert len(cycles(batches, [_at(0), _at(60), _at(120), _at(180), _at(240)])) == 3


def test_quarters_begin_after_the_worker_has_started() -> None:
    batches = [
        (150, _at(0)),
        *_steady(400, 30, 40, step=0.5, size=150),
        *_steady(200, 40.5, 60, step=0.5, size=4350),
    ]
    found = quarters(batches)
    assert [round(each.events_per_s) for each in found] == [400, 400, 200, 200]
    assert found[0].begin >= 150


def test_a_stretch_knows_what_was_spent_on_it_and_how_fast_the_machine_was() -> None:
    samples = [
        (0, {"worker": 1.0}, 900.0),
        (100, {"worker": 2.0}, 1000.0),
        (300, {"worker": 2.5}, 1100.0),
        (400, {"worker": 3.5}, 5000.0),
        (900, {"worker": 9.0}, 9000.0),
    ]
    found = measured(Stretch(50, 500, 10.0), samples)
    assert found.cpu_us_per_event == {"worker": 5000.0}
    assert found.calibration_us == 1100.0
    assert measured(Stretch(50, 200, 10.0), samples).cpu_us_per_event == {}
    assert measured(Stretch(1000, 2000, 10.0), samples) == Stretch(1000, 2000, 10.0)


def test_few_events_tell_no_growth() -> None:
    with pytest.raises(BadInput):
        quarters(_steady(100, 0, 5))


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(each) for each in range(1, 101)]
    assert percentile(values, 50) == 50.0
    assert percentile(values, 99) == 99.0
    assert percentile([7.0], 99) == 7.0
    assert percentile([1.0, 2.0], 50) == 1.0


def test_an_event_waits_for_the_first_look_beyond_it() -> None:
    seen = {("t", 0): [(0, 0), (5_000_000, 2), (9_000_000, 3)], ("t", 1): [(0, 0), (4_000_000, 1)]}
    stamps = [Stamp("t", 0, 0, 1_000_000), Stamp("t", 0, 1, 2_000_000), Stamp("t", 0, 2, 3_000_000)]
    assert waited([*stamps, Stamp("t", 1, 0, 0)], seen) == [4.0, 3.0, 6.0, 4.0]


def test_processor_time_is_told_by_kind() -> None:
    before = {"worker": 1.0, "kafka": 2.0}
    after = {"worker": 3.0, "kafka": 2.0, "worker child 1": 0.5}
    assert cpu.difference(before, after, 1_000) == {"worker": 2000.0, "worker child 1": 500.0}


@pytest.mark.skipif(sys.platform != "linux", reason="processor time by process is read from /proc")
def test_the_machine_is_at_least_as_busy_as_we_are() -> None:
    before, ours = cpu.busy(), sum(os.times()[:2])
    took = sum(cpu.calibrate() for _ in range(200))
    assert took > 0
    # Clock ticks are hundredths of a second, on either side.
    assert cpu.busy() - before >= sum(os.times()[:2]) - ours - 0.05


@pytest.mark.skipif(sys.platform != "linux", reason="processor time by process is read from /proc")
def test_a_childs_processor_time_is_its_own() -> None:
    burn = "import sys, time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\nsys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", burn], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        spent = cpu.spent({"this": os.getpid(), "gone": 2**22 + 1})
        assert spent["this"] > 0
        assert "gone" not in spent
        assert max(seconds for name, seconds in spent.items() if name.startswith("this child")) >= 0.28
        child.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="processor time by process is read from /proc")
def test_a_child_is_named_by_the_module_that_it_runs() -> None:
    with subprocess.Popen([sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "0"]) as child:
        try:
            assert "this: http.server" in cpu.spent({"this": os.getpid()})
        finally:
            child.kill()


def test_a_stream_goes_on_where_it_was() -> None:
    one, other = Stream(500), Stream(500)
    foundations = one.foundations()
    assert foundations
    assert one.foundations() == foundations == other.foundations()
    taken = one.take(40) + one.take(60)
    assert len(taken) == 100
    other.skip(40)
    assert other.take(60) == taken[40:]
    assert len(list(other.following(1_000_000))) >= 400


def test_persons_are_those_that_events_are_about() -> None:
    stream = Stream(2_000)
    stream.foundations()
    persons = persons_of(stream.following(2_000), 50)
    assert len(set(persons)) == 50
    assert all(person.startswith("email:") for person in persons)
