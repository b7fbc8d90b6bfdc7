"""`make faults`: every fault test, the long ones too, and a report: what was done, and what was lost or doubled by it.

    python -m tests.faults.report [--seed N] [--docs] [-- PYTEST ARGUMENTS]

Writes `.ledger/faults.json` and `.ledger/faults.md`; with `--docs` also the table in docs/faults.md. One seed serves all
the tests that draw: FAULTS_SEED repeats them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import secrets
import sys
import time
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "faults.md"
BEGIN, END = "<!-- report: begin -->", "<!-- report: end -->"
_LOST = ("lost", "broker-lost", "hole")
_DOUBLED = ("doubled", "covered-twice")


@dataclass
class Row:
    """One test. `found`: the oracle's findings by code at its end; None where the test judges by other means."""

    test: str
    fault: str
    outcome: str = "passed"
    seconds: float = 0.0
    seed: int | None = None
    events: int | None = None
    found: dict[str, int] | None = None
    detail: str = ""
    note: str = ""

    @property
    def lost(self) -> int | None:
        return None if self.found is None else sum(self.found.get(code, 0) for code in _LOST)

    @property
    def doubled(self) -> int | None:
        return None if self.found is None else sum(self.found.get(code, 0) for code in _DOUBLED)

    @property
    def repeat(self) -> str:
        seed = "" if self.seed is None else f"FAULTS_SEED={self.seed} "
        return f"{seed}pytest -m 'long or not long' '{self.test}'"


@dataclass
class Collector:
    """A plugin of pytest: a row for each test that there is, filled where it runs."""

    rows: dict[str, Row] = field(default_factory=dict)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            self.rows[item.nodeid] = Row(item.nodeid, fault_of(item))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        row = self.rows[report.nodeid]
        row.seconds = round(row.seconds + report.duration, 1)
        if report.outcome != "passed":
            row.outcome = report.outcome
            row.detail = (
                str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else report.longreprtext
            )
        for name, value in report.user_properties:
            if name in {"seed", "events", "found", "note"}:
                setattr(row, name, value)


def fault_of(item: pytest.Item) -> str:
    """What the test's name says, and its parameters."""
    name, _, parameters = item.name.partition("[")
    said = name.removeprefix("test_").replace("_", " ")
    return f"{said} ({parameters.rstrip(']')})" if parameters else said


def as_json(rows: Iterable[Row], seed: int, seconds: float) -> dict[str, Any]:
    """The whole report."""
    listed = [
        {**asdict(row), "lost": row.lost, "doubled": row.doubled, "repeat": row.repeat}
        for row in rows
        if row.outcome != "deselected"
    ]
    return {
        "ok": all(each["outcome"] != "failed" for each in listed),
        "seed": seed,
        "seconds": round(seconds),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "rows": listed,
    }


def markdown(report: dict[str, Any]) -> str:
    """A table for each file of tests. A number that is not 0 in a test that passed is one that it asks for."""
    rows = report["rows"]
    counts = {name: sum(row["outcome"] == name for row in rows) for name in ("passed", "failed", "skipped")}
    events = sum(row["events"] or 0 for row in rows)
    text = (
        f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped, in {report['seconds']} s on "
        f"{report['machine']}; {events:,} acknowledged events; seed {report['seed']}.\n"
    )
    by_file: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_file.setdefault(row["test"].partition("::")[0], []).append(row)
    for name, several in by_file.items():
        text += f"\n`{name}`\n\n| fault | events | lost | doubled | outcome | seconds |\n|---|---|---|---|---|---|\n"
        for row in several:
            cells = [row["fault"], *(_shown(row[key]) for key in ("events", "lost", "doubled"))]
            text += f"| {' | '.join(cells)} | {_outcome(row)} | {row['seconds']} |\n"
    return text


def _shown(number: int | None) -> str:
    return "" if number is None else str(number)


def _outcome(row: dict[str, Any]) -> str:
    if row["outcome"] == "passed" and (row["lost"] or row["doubled"]):
        return "passed: that is what must be noticed"
    if row["outcome"] == "skipped":
        return f"skipped: {row['detail'].removeprefix('Skipped: ')}"
    return f"{row['outcome']} {row['note']}".strip()


def _row(listed: dict[str, Any]) -> Row:
    return Row(**{each.name: listed[each.name] for each in fields(Row) if each.name in listed})


def main() -> int:
    """Exit code: pytest's."""
    parser = argparse.ArgumentParser(prog="faults", description="Every fault test, and a report.")
    parser.add_argument(
        "--seed", type=int, default=int(os.environ.get("FAULTS_SEED") or secrets.randbelow(1 << 32))
    )
    parser.add_argument("--out", type=Path, default=ROOT / ".ledger" / "faults.json")
    parser.add_argument(
        "--onto", action="store_true", help="keep the last report's rows of tests that do not run now"
    )
    parser.add_argument("--docs", action="store_true", help="write the table of docs/faults.md too")
    parser.add_argument("pytest", nargs="*", help="more arguments for pytest")
    given = parser.parse_args()
    os.environ["FAULTS_SEED"] = str(given.seed)
    sys.stdout.write(f"FAULTS_SEED={given.seed}\n")
    collector, began = Collector(), time.monotonic()
    code = pytest.main(
        [str(ROOT / "tests" / "faults"), "-m", "long or not long", *given.pytest], plugins=[collector]
    )
    rows = {row.test: row for row in collector.rows.values() if row.seconds}
    seconds = time.monotonic() - began
    if given.onto:
        before = json.loads(given.out.read_text(encoding="utf-8"))
        rows = {row.test: row for row in map(_row, before["rows"]) if row.test in collector.rows} | rows
        seconds += before["seconds"]
    report = as_json(sorted(rows.values(), key=lambda row: row.test), given.seed, seconds)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    text = markdown(report)
    given.out.with_suffix(".md").write_text(text, encoding="utf-8")
    if given.docs:
        above, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        below = rest.partition(END)[2]
        PAGE.write_text(f"{above}{BEGIN}\n\n{text}\n{END}{below}", encoding="utf-8")
    sys.stdout.write(text)
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
