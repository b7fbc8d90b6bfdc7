"""What a soak found, as JSON and for people."""

from __future__ import annotations

import platform
import statistics
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from typing import Any

_LOST = ("lost", "broker-lost", "hole")
_DOUBLED = ("doubled", "covered-twice")


@dataclass
class Report:
    """Filled as the soak goes on. `defects` are sentences about what should not have happened."""

    options: dict[str, Any]
    draw: str
    capacity: float | None = None
    rate: int = 0
    burst: float = 0.0
    minutes: float = 0.0
    drain_s: float = 0.0
    sent: int = 0
    faults: list[dict[str, Any]] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)
    endings: list[dict[str, Any]] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)
    oracle: dict[str, Any] = field(default_factory=dict)
    verify: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return bool(self.oracle.get("ok")) and self.verify.get("exit_code") == 0 and not self.defects

    def count(self, *codes: str) -> int:
        """Findings of the oracle with one of these codes."""
        counts = self.oracle.get("counts", {})
        return sum(counts.get(code, 0) for code in codes)

    def as_json(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
            "lost": self.count(*_LOST),
            "doubled": self.count(*_DOUBLED),
            **asdict(self),
        }


def markdown(report: Report) -> str:
    """One table of figures, one of faults."""
    options, oracle = report.options, report.oracle
    repeat = f"python -m tests.faults.soak --minutes {options['minutes']:g} --rate {report.rate} --seed {options['seed']}"
    rows = [
        ("outcome", "nothing lost, nothing doubled" if report.ok else "NOT as it should be"),
        ("under load with faults", f"{options['minutes']:g} minutes (all in all {report.minutes:g})"),
        ("seed", str(options["seed"])),
        (
            "capacity, with the producer beside it",
            f"{report.capacity:,.0f} events/s" if report.capacity else "not measured: the rate was given",
        ),
        ("load", f"{report.rate:,} events/s in bursts of {report.burst:g} s a minute"),
        ("events sent", f"{report.sent:,}"),
        ("acknowledged by Kafka", f"{oracle.get('acknowledged', 0):,}"),
        ("leaves in the log", f"{oracle.get('size', 0):,}"),
        ("heads watched", f"{oracle.get('watched', 0):,}"),
        ("lost", str(report.count(*_LOST))),
        ("doubled", str(report.count(*_DOUBLED))),
        (
            "findings of the oracle",
            ", ".join(f"{k}: {v}" for k, v in oracle.get("counts", {}).items()) or "none",
        ),
        ("`ledger verify --vault`", f"exit code {report.verify.get('exit_code')}"),
        ("faults", str(sum(len(each["faults"]) for each in report.faults))),
        ("workers that ended", str(len(report.endings))),
        ("memory of the workers", _memory(report)),
        ("drained after", f"{report.drain_s:g} s"),
        ("to repeat", f"`{repeat}`"),
    ]
    text = "| | |\n|---|---|\n" + "".join(f"| {name} | {value} |\n" for name, value in rows)
    text += "\n| fault | times | next commit after, median | longest |\n|---|---|---|---|\n"
    by_name: dict[str, list[float]] = defaultdict(list)
    times: dict[str, int] = defaultdict(int)
    for each in report.faults:
        name = " and ".join(sorted(each["faults"])) if len(each["faults"]) == 1 else "two at once"
        times[name] += 1
        if each["next_commit_s"] is not None:
            by_name[name].append(each["next_commit_s"])
    for name in sorted(times):
        seconds = by_name[name]
        shown = f"{statistics.median(seconds):.1f} s | {max(seconds):.1f} s" if seconds else "- | -"
        text += f"| {name} | {times[name]} | {shown} |\n"
    if report.defects:
        text += "\n" + "".join(f"- {each}\n" for each in report.defects)
    return text


def _memory(report: Report) -> str:
    totals = [sum(each["resident_mb"]) for each in report.samples if all(each["resident_mb"])]
    if not totals:
        return "not sampled"
    third = max(1, len(totals) // 3)
    first, last = statistics.median(totals[:third]), statistics.median(totals[-third:])
    return f"both together {first:.0f} MB in the first third, {last:.0f} MB in the last"
