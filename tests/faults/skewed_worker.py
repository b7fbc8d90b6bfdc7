"""append_worker.py with a clock that PostgreSQL reads wrong: a schema `skew` stands before pg_catalog on its path."""

from __future__ import annotations

import asyncio
import sys

from ledger.storage import database
from tests.faults import append_worker


def skewed() -> None:
    honest = database._parameters

    def parameters(role: str) -> dict[str, str]:
        given = honest(role)
        path = given["search_path"]
        return {**given, "search_path": path if path == "vault" else f"skew, pg_catalog, {path}"}

    database._parameters = parameters


if __name__ == "__main__":
    skewed()
    sys.exit(asyncio.run(append_worker.main()))
