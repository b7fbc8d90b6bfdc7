"""What the benchmark writes: its JSON, its table, its plot, its part of the documentation."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest

from ledger.bench import plot, report, table
from ledger.bench.growth import Growth, Stretch
from ledger.bench.pairs import Append, Pair
from ledger.bench.peers import Peer
from ledger.bench.questions import WhoAccessed
from ledger.bench.result import Files, LongGrowth, Result, Setting
from ledger.bench.verification import Verify
from ledger.bench.visible import Visible
from ledger.core.errors import BadInput

_SVG = "{http://www.w3.org/2000/svg}"
_PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
_GROWTH = Growth(
    ratio=0.9,
    machine_ratio=1.0,
    entries=1000,
    method="quarters of the log",
    stretches=[Stretch(0, 500, 100.0), Stretch(500, 1000, 90.0)],
)
_ASKED = WhoAccessed(
    p50_ms=10.0, p99_ms=20.0, max_ms=30.0, entries=1000, persons=300, answered=7, appended_per_s=999.9
)
_VISIBLE = Visible(p50_ms=5.0, p99_ms=50.0, max_ms=60.0, rate=1000, rate_reached=1000.4, events=3000)


def _result() -> Result:
    pairs = [Pair("ledger", 50.0, 100.0, 0.5, 20, 110.0), Pair("copy", 60.0, 100.0, 0.6, 20)]
    return Result(
        plan="quick",
        began="2026-11-23T00:00:00Z",
        seconds=1.0,
        machine={"processor": "A & B <C>", "cores": 2, "memory_gib": 8.0, "system": "Linux"},
        versions={"ledger": "1", "kafka": "4"},
        postgresql={"fsync": "on"},
        append=Append(0.55, 0.5, 0.6, 55.123456, 100.0, 110.0, 1000, 20, pairs),
        cpu_us_per_event={"worker": 30.0, "kafka": 2.0},
        peers=[
            Peer("one & only", "does <less>", 200.0, 2.0),
            Peer("absent", "nothing", None, None, "no toolchain"),
        ],
        visible=_VISIBLE,
        visible_5000=msgspec.structs.replace(_VISIBLE, rate=5000),
        verify=Verify(entries_per_s=100.0, entries=1000, seconds=10.0),
        who_accessed=_ASKED,
        growth=_GROWTH,
        growth_short=_GROWTH,
        bytes_per_event=3000.0,
        bytes_per_event_of={"entry": 2000.0, "vault": 1000.0},
    )


def _long() -> LongGrowth:
    setting = Setting("growth", "2026-11-23T00:00:00Z", {"cores": 2}, {"ledger": "1"}, {"fsync": "on"})
    return LongGrowth(setting, msgspec.structs.replace(_GROWTH, entries=5_000_000), _ASKED, {"entry": 1.0})


def test_the_file_has_the_keys_that_scripts_read(tmp_path: Path) -> None:
    files = Files(tmp_path / "home")
    files.write(_result())
    found = json.loads(files.json.read_bytes())
    assert found["append"]["ratio_to_copy"] == 0.55
    assert found["append"]["events_per_s"] == 55.1235
    assert len(found["append"]["pairs"]) == 2
    assert found["visible"].keys() >= {"p50_ms", "p99_ms"}
    assert found["visible_5000"].keys() >= {"p50_ms", "p99_ms"}
    assert found["verify"]["entries_per_s"] == 100
    assert found["who_accessed"].keys() >= {"p50_ms", "p99_ms", "entries"}
    assert found["growth"]["ratio"] == 0.9
    assert found["growth"]["entries"] == 1000
    assert found["bytes_per_event"] == 3000
    assert {"machine", "versions", "cpu_us_per_event"} <= found.keys()
    assert msgspec.structs.replace(files.read(), append=_result().append) == _result()


def test_a_long_growth_stays_beside_later_runs(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.write_long(_long())
    alone = json.loads(files.json.read_bytes())
    assert alone.keys() == {"machine", "versions", "growth", "growth_long"}
    files.write(files.with_long(_result()))
    found = files.read()
    assert found.growth.entries == 5_000_000
    assert found.growth_short == _GROWTH
    assert found.growth_long == _long()


def test_a_long_growth_is_put_into_the_result_before_it(tmp_path: Path) -> None:
    files = Files(tmp_path)
    assert files.with_long(_result()) == _result()
    files.write(_result())
    files.write_long(_long())
    assert files.read().growth.entries == 5_000_000
    assert files.read().visible == _VISIBLE


@pytest.mark.parametrize("content", [None, b"{}", b'{"plan": 1}'])
def test_another_file_is_refused(tmp_path: Path, content: bytes | None) -> None:
    files = Files(tmp_path)
    if content is not None:
        files.json.write_bytes(content)
    with pytest.raises(BadInput):
        files.read()


def test_the_table_says_what_was_not_run_and_why() -> None:
    rows = {what: (figure, meaning) for what, figure, meaning in table.rows(_result())}
    assert rows["absent"] == ("not run", "no toolchain")
    assert rows["one & only"][0] == "200/s"
    assert rows["ledger: append"][1].startswith("0.55 of COPY")
    assert rows["COPY of the same rows, in bulk"][0] == "110/s"
    long = msgspec.structs.replace(_result(), growth_long=_long())
    assert "growth to 5,000,000" in {row[0] for row in table.rows(long)}


def test_the_plot_is_well_formed_and_to_scale() -> None:
    root = ET.fromstring(plot.svg(_result()))  # noqa: S314 -- our own text
    bars = root.findall(f"{_SVG}rect")[1:]
    # Ours, COPY, and the peer that ran.
    widths = [float(bar.attrib["width"]) for bar in bars]
    assert len(widths) == 3
    assert widths[0] / widths[2] == pytest.approx(0.55 / 2.0, rel=0.01)
    assert "one & only" in {each.text for each in root.findall(f"{_SVG}text")}
    assert len(root.findall(f"{_SVG}path")) == 1 + 2


def test_the_report_replaces_what_stands_between_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n", encoding="utf-8")
    files = Files(tmp_path)
    files.write(_result())
    assert report.main([str(tmp_path), str(page)]) == 0
    once = page.read_text(encoding="utf-8")
    assert once.startswith("before\n")
    assert once.endswith("after\n")
    assert "old" not in once
    assert "| verify | 100 entries/s |" in once
    assert "(page.svg)" in once
    ET.fromstring((tmp_path / "page.svg").read_text(encoding="utf-8"))  # noqa: S314
    assert report.main([str(tmp_path), str(page)]) == 0
    assert page.read_text(encoding="utf-8") == once


def test_the_report_needs_marks_and_a_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing", encoding="utf-8")
    assert report.main([str(tmp_path), str(page)]) == 2
    Files(tmp_path).write(_result())
    assert report.main([str(tmp_path), str(page)]) == 2
    assert page.read_text(encoding="utf-8") == "nothing"
    assert "no marks" in capsys.readouterr().err


def test_the_page_has_the_marks() -> None:
    text = _PAGE.read_text(encoding="utf-8")
    assert text.count(report.BEGIN) == text.count(report.END) == 1
