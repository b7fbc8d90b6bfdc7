"""Writes what other languages read: `python -m accountability_ledger.schemas OUTDIR`."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from accountability_ledger import asyncapi, json_schema, typescript
from accountability_ledger.catalog import BY_SHORT

DOCUMENT_VERSION: Final = "1.0.0"


def documents() -> Iterator[tuple[str, bytes]]:
    """Every generated file as (relative path, content); the same bytes each time."""
    for found in BY_SHORT.values():
        yield f"events/{found.short}.v1.json", json_schema.written(json_schema.data_schema(found))
    yield "envelope.v1.json", json_schema.written(json_schema.envelope_schema())
    yield "asyncapi.json", json_schema.written(asyncapi.document(DOCUMENT_VERSION))
    yield "events.d.ts", typescript.declarations().encode("utf-8")


def main(arguments: list[str]) -> int:
    """Write the files; returns the exit code."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m accountability_ledger.schemas OUTDIR\n")
        return 2
    for name, content in documents():
        path = Path(arguments[0]) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
