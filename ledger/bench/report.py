"""`python -m ledger.bench.report [HOME] [PAGE]`: writes what `bench.json` says into the documentation.

HOME holds `bench.json` (default `.ledger`), PAGE is a Markdown file (default `docs/benchmarks.md`); what stands between
its two marks is replaced, and the plot is put beside it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.bench.plot import svg
from ledger.bench.result import Files
from ledger.bench.table import append_rows, other_rows
from ledger.core.errors import BadInput, LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ledger.bench.result import Result
    from ledger.bench.table import Row

BEGIN = "<!-- measured: begin -->"
END = "<!-- measured: end -->"
_HEAD = "| | measured | |\n|---|---|---|\n"


def section(result: Result, plot: str) -> str:
    """The measured part of the page, in Markdown; `plot` is the plot's file name."""
    machine, versions = result.machine, result.versions
    parts = ", ".join(f"{name} {version}" for name, version in versions.items())
    settings = ", ".join(f"`{name}={value}`" for name, value in result.postgresql.items())
    return (
        f"Measured {result.began[:10]} (`{result.plan}`, {result.seconds:,.0f} s) on {machine['processor']}, "
        f"{machine['cores']} cores, {machine['memory_gib']:g} GiB, {machine['system']}. Versions: {parts}. "
        f"PostgreSQL: {settings}.\n\n"
        f"### Append\n\n{_HEAD}{_lines(append_rows(result))}\n"
        f"Pairs, in order: {_pairs(result)}.\n\n"
        f"### Everything else\n\n{_HEAD}{_lines(other_rows(result))}\n"
        f"![The ratios as bars, and the append rate as the log grows]({plot})\n\n"
        f"### Bytes an event, by table and index\n\n| | bytes |\n|---|---|\n"
        + "".join(f"| `{name}` | {size:,.0f} |\n" for name, size in result.bytes_per_event_of.items())
    )


def write(result: Result, page: Path) -> None:
    """Replaces the measured part of `page`, and writes the plot beside it. Raises BadInput where the marks are missing."""
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise BadInput(f"{page.name} has no marks for what was measured.")
    plot = page.with_suffix(".svg")
    plot.write_text(svg(result), encoding="utf-8")
    page.write_text(f"{before}{BEGIN}\n{section(result, plot.name)}{END}{after}", encoding="utf-8")


def _lines(rows: Iterable[Row]) -> str:
    return "".join(f"| {what} | {figure} | {meaning} |\n" for what, figure, meaning in rows)


def _pairs(result: Result) -> str:
    return "; ".join(
        f"{pair.ledger:,.0f} against {pair.copy:,.0f} ({pair.ratio:.2f})" for pair in result.append.pairs
    )


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    home, page = [*arguments, *(".ledger", "docs/benchmarks.md")[len(arguments) :]]
    try:
        write(Files(Path(home)).read(), Path(page))
    except LedgerError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
