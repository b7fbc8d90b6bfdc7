"""Answers as CSV (RFC 4180) that a spreadsheet shows and never runs."""

from __future__ import annotations

import csv
import io
import unicodedata
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_SCALARS = (str, int, float, bool, type(None))


def csv_text(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str] = (),
    written: Callable[[Any], str] | None = None,
) -> str:
    """Rows under a header: `columns`, else every key that one of them has, in the order in which they first occur.
    `written` gives the text of a cell; `cell` by default.
    """
    written = written or cell
    names = list(columns) or list(dict.fromkeys(name for row in rows for name in row))
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(names)
    for row in rows:
        writer.writerow([written(row.get(name)) for name in names])
    return buffer.getvalue()


def cell(value: Any) -> str:
    """A value as a cell. Text that a spreadsheet would take for a formula (it begins with `= + - @`, tab, CR or LF)
    gets an apostrophe before it; control characters go; lists are joined by `; `, what is deeper is JSON.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        text = value
    elif isinstance(value, list) and all(isinstance(each, _SCALARS) for each in value):
        text = "; ".join(each if isinstance(each, str) else orjson.dumps(each).decode() for each in value)
    else:
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    return defused(text)


def defused(text: str, keep: str = "") -> str:
    """Text without control characters but those of `keep`, and with an apostrophe before what a spreadsheet would
    take for a formula.
    """
    safe = "".join(each for each in text if each in keep or unicodedata.category(each) not in ("Cc", "Cs"))
    return f"'{safe}" if text.startswith(_FORMULA) or safe.startswith(_FORMULA) else safe
