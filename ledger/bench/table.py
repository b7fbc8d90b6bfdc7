"""The result as rows that people read: on a terminal, and in the documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.bench.append import OTHERS

if TYPE_CHECKING:
    from ledger.bench.growth import Growth
    from ledger.bench.questions import WhoAccessed
    from ledger.bench.result import LongGrowth, Result
    from ledger.bench.visible import Visible

Row = tuple[str, str, str]
"""What was measured, the figure, and what it means."""
COLUMNS = ("what", "measured", "of which")


def rows(result: Result) -> list[Row]:
    """All figures of a result."""
    return [*append_rows(result), *other_rows(result)]


def append_rows(result: Result) -> list[Row]:
    """The append path beside COPY and the peers."""
    append = result.append
    of_pairs = f"median of {len(append.pairs)} pairs; {append.ratio_min:.2f} to {append.ratio_max:.2f}"
    found = [
        (
            "ledger: append",
            f"{append.events_per_s:,.0f}/s",
            f"{append.ratio_to_copy:.2f} of COPY ({of_pairs})",
        ),
        (
            "COPY of the same rows",
            f"{append.copy_events_per_s:,.0f}/s",
            f"{append.per_transaction:,} entries a transaction",
        ),
    ]
    if append.bulk_copy_events_per_s:
        found.append(
            ("COPY of the same rows, in bulk", f"{append.bulk_copy_events_per_s:,.0f}/s", "one transaction")
        )
    for peer in result.peers:
        if peer.events_per_s is None:
            found.append((peer.name, "not run", peer.note or ""))
        else:
            found.append(
                (peer.name, f"{peer.events_per_s:,.0f}/s", f"{peer.ratio_to_copy:.2f} of COPY; {peer.does}")
            )
    return found


def other_rows(result: Result) -> list[Row]:
    """Latencies, verification, growth, size."""
    alone = result.verify.leaves_and_tree_per_s
    found = [
        _visible(result.visible),
        _visible(result.visible_5000),
        (
            "verify",
            f"{result.verify.entries_per_s:,.0f} entries/s",
            f"{result.verify.entries:,} entries in {result.verify.seconds:.1f} s"
            + (f"; leaves and tree alone {alone:,.0f}/s" if alone else ""),
        ),
        _asked(result.who_accessed),
        _grown(result.growth_short),
    ]
    if result.growth_long:
        found += long_rows(result.growth_long)
    biggest = ", ".join(f"{name} {size:,.0f}" for name, size in list(result.bytes_per_event_of.items())[:4])
    found.append(("disk", f"{result.bytes_per_event:,.0f} bytes an event", f"{biggest}, ..."))
    cpu = ", ".join(f"{name} {each:,.0f}" for name, each in result.cpu_us_per_event.items() if each >= 1)
    ours = sum(each for name, each in result.cpu_us_per_event.items() if name != OTHERS)
    found.append(("processor time", f"{ours:,.0f} us an event", cpu))
    return found


def long_rows(long: LongGrowth) -> list[Row]:
    """A log of millions."""
    return [_grown(long.growth), _asked(long.who_accessed)]


def _visible(visible: Visible) -> Row:
    return (
        f"send to visible at {visible.rate:,.0f}/s",
        f"p50 {visible.p50_ms:,.0f} ms, p99 {visible.p99_ms:,.0f} ms",
        f"{visible.events:,} events, sent at {visible.rate_reached:,.0f}/s",
    )


def _asked(asked: WhoAccessed) -> Row:
    return (
        f"who-accessed among {asked.entries:,}",
        f"p50 {asked.p50_ms:,.0f} ms, p99 {asked.p99_ms:,.0f} ms",
        f"{asked.persons} persons, {asked.answered} entries an answer, beside {asked.appended_per_s:,.0f} appended/s",
    )


def _grown(growth: Growth) -> Row:
    first, last = growth.stretches[0], growth.stretches[-1]
    return (
        f"growth to {growth.entries:,}",
        f"ratio {growth.ratio:.2f} (the machine itself {growth.machine_ratio:.2f})",
        f"last of {len(growth.stretches)} {growth.method} {last.events_per_s:,.0f}/s, first {first.events_per_s:,.0f}/s",
    )
