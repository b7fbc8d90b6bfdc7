"""The figures as one plain SVG: bars for rates against COPY, steps for the rate as the log grows. No library, no script."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ledger.bench.growth import Growth
    from ledger.bench.result import Result

_WIDTH, _LEFT, _RIGHT = 760, 250, 100
_BAR, _STEP_HEIGHT = 26, 140
_OURS, _OTHERS, _LINE = "#1b6e5a", "#8a94a6", "#39424e"
_STYLE = "font-family: system-ui, sans-serif; font-size: 13px"


def svg(result: Result) -> str:
    """The plot of a result."""
    bars = [("ledger: append", result.append.ratio_to_copy, True), ("COPY of the same rows", 1.0, False)]
    bars += [(peer.name, peer.ratio_to_copy, False) for peer in result.peers if peer.ratio_to_copy]
    top = 40
    parts = [_text(10, 24, "Events a second, against a plain COPY of the ledger's rows", bold=True)]
    parts += _bars(bars, top)
    top += len(bars) * _BAR + 50
    growth = result.growth
    parts.append(_text(10, top - 14, f"Append rate as the log grows ({growth.method})", bold=True))
    parts += _steps(growth, top)
    height = top + _STEP_HEIGHT + 40
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" style="{_STYLE}">\n'
        f"<title>Benchmark of the ledger</title>\n"
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _bars(bars: Sequence[tuple[str, float, bool]], top: int) -> Iterable[str]:
    scale = (_WIDTH - _LEFT - _RIGHT) / max(ratio for _, ratio, _ in bars)
    for number, (name, ratio, ours) in enumerate(bars):
        y = top + number * _BAR
        colour = _OURS if ours else _OTHERS
        yield _text(10, y + 16, name)
        yield f'<rect x="{_LEFT}" y="{y + 3}" width="{ratio * scale:.1f}" height="{_BAR - 8}" fill="{colour}"/>'
        yield _text(_LEFT + ratio * scale + 6, y + 16, f"{ratio:.2f}")


def _steps(growth: Growth, top: int) -> Iterable[str]:
    """A step for each stretch, from its begin to its end; the axes begin at nothing."""
    bottom = top + _STEP_HEIGHT
    highest = max(each.events_per_s for each in growth.stretches)
    across = (_WIDTH - _LEFT - _RIGHT) / max(growth.entries, 1)
    yield f'<path d="M{_LEFT} {top} V{bottom} H{_WIDTH - _RIGHT}" fill="none" stroke="{_LINE}"/>'
    yield _text(10, top + 12, f"{highest:,.0f}/s")
    yield _text(10, bottom, "0/s")
    yield _text(_WIDTH - _RIGHT + 6, bottom, f"{growth.entries:,}")
    for each in growth.stretches:
        y = bottom - each.events_per_s / highest * _STEP_HEIGHT
        begin, end = _LEFT + each.begin * across, _LEFT + each.end * across
        yield f'<path d="M{begin:.1f} {y:.1f} H{end:.1f}" stroke="{_OURS}" stroke-width="3"/>'


def _text(x: float, y: float, text: str, *, bold: bool = False) -> str:
    weight = ' font-weight="600"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{_LINE}"{weight}>{escape(text)}</text>'
