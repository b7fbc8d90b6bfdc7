"""The board and the alert rules name metrics that exist, and each alert has its section in the runbook."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

_ROOT = Path(__file__).parents[2]
_MADE = re.compile(r"(Counter|Gauge|Histogram)\(\s*\"(ledger_[a-z_]+)\"")
_NAMED = re.compile(r"\bledger_[a-z_]+")
_SERIES = {"Counter": ("_total",), "Gauge": ("",), "Histogram": ("_bucket", "_count", "_sum")}


def _series() -> dict[str, str]:
    """Every series that Prometheus gets of us, with the name of its metric."""
    found: dict[str, str] = {}
    for package in ("ledger", "streams"):
        for path in (_ROOT / package).rglob("*.py"):
            for kind, name in _MADE.findall(path.read_text(encoding="utf-8")):
                bare = name.removesuffix("_total")
                found |= {bare + suffix: bare for suffix in _SERIES[kind]}
    return found


def _alerts() -> list[dict[str, Any]]:
    document = yaml.safe_load((_ROOT / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def _board() -> dict[str, Any]:
    board: dict[str, Any] = json.loads(
        (_ROOT / "deploy/grafana/accountability-ledger.json").read_text(encoding="utf-8")
    )
    return board


def _expressions() -> list[str]:
    shown = [target["expr"] for panel in _board()["panels"] for target in panel.get("targets", ())]
    return [*shown, *(rule["expr"] for rule in _alerts())]


def test_every_series_named_exists() -> None:
    series = _series()
    for expression in _expressions():
        named = set(_NAMED.findall(expression))
        assert named, expression
        assert named <= series.keys(), expression
        assert expression.count("(") == expression.count(")"), expression
        assert expression.count("[") == expression.count("]"), expression


def test_the_board_shows_every_metric() -> None:
    series = _series()
    shown = {
        series[name]
        for panel in _board()["panels"]
        for target in panel.get("targets", ())
        for name in _NAMED.findall(target["expr"])
    }
    assert shown == set(series.values())


def test_no_two_panels_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in _board()["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


@pytest.mark.parametrize("rule", _alerts(), ids=lambda rule: rule["alert"])
def test_an_alert_says_how_grave_it_is_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["runbook"] == f"docs/how-to/runbook.md#{rule['alert'].lower()}"


def test_the_runbook_has_one_section_for_each_alert_in_their_order() -> None:
    runbook = (_ROOT / "docs/how-to/runbook.md").read_text(encoding="utf-8")
    assert re.findall(r"^### (\w+)$", runbook, re.MULTILINE) == [rule["alert"] for rule in _alerts()]
