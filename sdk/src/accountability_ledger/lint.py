"""The check of `ledger event lint`: the same judgement as at the ledger, in a producer's CI."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from accountability_ledger.accept import accept
from accountability_ledger.errors import Refused


@dataclass(frozen=True, slots=True)
class LintResult:
    """`line` counts from 1; `reason` and `message` are None where `ok`."""

    line: int
    ok: bool
    reason: str | None = None
    message: str | None = None


def lint(lines: Iterable[bytes]) -> Iterator[LintResult]:
    """Judge NDJSON, one structured CloudEvent a line. Blank lines are passed over."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            accept(line)
        except Refused as refused:
            yield LintResult(number, ok=False, reason=refused.reason, message=refused.message)
        else:
            yield LintResult(number, ok=True)
