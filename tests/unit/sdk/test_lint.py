from __future__ import annotations

from accountability_ledger.lint import LintResult, lint
from tests.unit.sdk.samples import accessed, encoded, event


def test_each_line_is_judged_by_itself_and_blank_ones_are_passed_over() -> None:
    lines = [
        encoded(event("data.accessed", accessed())) + b"\n",
        b"\n",
        encoded(event("data.accessed", accessed(purpose=None))) + b"\r\n",
        b"{",
    ]
    results = list(lint(lines))
    assert [(result.line, result.ok, result.reason) for result in results] == [
        (1, True, None),
        (3, False, "missing-field"),
        (4, False, "not-json"),
    ]
    assert results[0] == LintResult(1, ok=True)
    assert results[1].message == "add data.purpose to data.accessed"
