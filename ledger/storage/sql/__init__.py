"""SQL lives in `.sql` files as named blocks: a line `-- name: x` begins the block `x`."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from types import SimpleNamespace

_NAME = re.compile(r"^-- name: ([a-z_]+)\n", re.MULTILINE)


@cache
def load(file: str, package: str = __name__) -> SimpleNamespace:
    """The named blocks of a package's `<file>.sql`, as attributes."""
    text = files(package).joinpath(f"{file}.sql").read_text(encoding="utf-8")
    parts = _NAME.split(text)
    return SimpleNamespace(
        **{name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}
    )
