"""The shapes of answers, for OpenAPI and as JSON Schemas: `python -m ledger.api.answer_shapes OUTDIR` writes them.

Answers themselves are built as plain objects in `ledger.core.answer`; tests hold real ones against these.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from accountability_ledger.json_schema import written
from ledger.core.answer import schema

if TYPE_CHECKING:
    from collections.abc import Iterator

Text = str | None
Optional = str | UnsetType


class PinnedTree(Struct, frozen=True):
    """The tree that an answer speaks of: it saw everything below `size`. `root` in standard base64."""

    size: int
    root: str


class Finding(Struct, frozen=True):
    """An indication for people to decide on. None are raised in this version: `findings` is always empty."""

    code: str
    article: str
    rests_on: list[int]


class AnsweredEntry(Struct, frozen=True, kw_only=True):
    """One entry of an answer. What the producer did not say is null; further fields stand where the event has them.

    Times are RFC 3339 in UTC, as sent; `leaf_hash` is base64url. `role` is that of the person asked about, several
    joined by commas; `subjects` is how many persons the entry is about. Who was erased is null, with `actor_erased`,
    `on_behalf_of_erased` or `recipient_erased`.
    """

    seq: int
    time: str
    appended: str
    type: str
    source: str
    actor: Text
    actor_kind: Text
    operation: Text
    outcome: Text
    data_categories: list[str] | None
    purpose: Text
    legal_basis_claimed: Text
    legal_basis_established: Annotated[
        str | None, Meta(description="Null in this version: a claim is told, and not judged yet.")
    ]
    recipient_id: Text
    destination_country: Text
    mechanism_id: Text
    controller_id: Text
    system: Text
    store: Text
    record_count: int | None
    role: str
    subjects: int
    topic: Text
    partition: int | None
    offset: int | None
    leaf_hash: str
    findings: list[Finding]
    event_id: Optional = UNSET
    actor_org: Optional = UNSET
    actor_erased: bool | UnsetType = UNSET
    on_behalf_of: str | UnsetType | None = UNSET
    on_behalf_of_erased: bool | UnsetType = UNSET
    recipient_erased: bool | UnsetType = UNSET
    persons: list[str] | UnsetType = UNSET
    question: Optional = UNSET
    processing_role: Optional = UNSET
    special_basis: Optional = UNSET
    law_ref: Optional = UNSET
    instruction_id: Optional = UNSET
    reason_code: Optional = UNSET
    subject_categories: list[str] | UnsetType = UNSET
    origin: Optional = UNSET
    channel: Optional = UNSET
    side: Optional = UNSET
    disclosure_id: Optional = UNSET
    onward_of: Optional = UNSET
    share_id: Optional = UNSET
    recording_id: Optional = UNSET
    exporter_id: Optional = UNSET
    importer_id: Optional = UNSET
    origin_country: Optional = UNSET
    remote_access: bool | UnsetType = UNSET
    source_country: Optional = UNSET
    resource: Optional = UNSET
    notice_version: Optional = UNSET
    corrects: dict[str, Any] | UnsetType = UNSET
    population: dict[str, Any] | UnsetType = UNSET
    assurance: Optional = UNSET
    justification: Optional = UNSET
    source_ip: Optional = UNSET
    session_id: Optional = UNSET


class DeniedThenAllowed(Struct, frozen=True):
    """A denied act, and the first allowed one after it on the same person and data, by seq."""

    denied: int
    allowed: int


class WhoAccessed(Struct, frozen=True, kw_only=True):
    """Every act on a person's data. The period is half-open over the event's time; `query_seq` records the asking."""

    schema: str
    ledger: str
    subject: str
    from_: Text = msgspec.field(name="from")
    to: Text
    known_at: Text
    query_seq: int
    checkpoint: PinnedTree
    entries: list[AnsweredEntry]
    next_cursor: Text


class ActorActivity(Struct, frozen=True, kw_only=True):
    """What an account did. What it touched, of its allowed acts over the whole answer, is told with the first page and
    null on the others.
    """

    schema: str
    ledger: str
    actor: str
    from_: Text = msgspec.field(name="from")
    to: Text
    known_at: Text
    query_seq: int
    checkpoint: PinnedTree
    persons: list[str] | None
    persons_erased: int | None
    data_categories: list[str] | None
    systems: list[str] | None
    countries: list[str] | None
    source_countries: list[str] | None
    recipients: list[str] | None
    allowed: int | None
    denied: int | None
    denied_then_allowed: list[DeniedThenAllowed] | None
    entries: list[AnsweredEntry]
    next_cursor: Text


class LogEntry(Struct, frozen=True, kw_only=True):
    """An entry with nothing unsealed. `leaf` are the bytes that were hashed, in base64url; the rest is read out of them."""

    seq: int
    appended: str
    time: str
    type: str
    leaf_hash: str
    leaf: str
    event: dict[str, Any]
    via: dict[str, Any]
    who: list[dict[str, str]]


class LogPage(Struct, frozen=True, kw_only=True):
    """Entries of the log, in its order."""

    schema: str
    ledger: str
    query_seq: int
    checkpoint: PinnedTree
    entries: list[LogEntry]
    next_cursor: Text


class Inclusion(Struct, frozen=True, kw_only=True):
    """That a leaf is in the tree of `size` leaves (RFC 6962 section 2.1.1): root and proof in standard base64, nearest
    sibling first, the leaf hash in base64url; `tlog_proof` is the C2SP tlog-proof, with a signed checkpoint.
    """

    seq: int
    size: int
    leaf_hash: str
    proof: list[str]
    root: str
    tlog_proof: str


class Counts(Struct, frozen=True, kw_only=True):
    """What became of the records: published = appended + rejected + duplicate + conflict."""

    appended: int
    rejected: int
    duplicate: int
    conflict: int


class VerifierKeys(Struct, frozen=True, kw_only=True):
    """Note verifier keys (C2SP signed-note)."""

    log: str
    index: str
    receipt: str
    witnesses: list[str]


class Services(Struct, frozen=True, kw_only=True):
    """Addresses as a client needs them; told by the command line alone."""

    kafka: str
    database: str
    vault: str
    api: Text


class Status(Struct, frozen=True, kw_only=True):
    """The state of a ledger. `lag` is the records not accounted for yet, `unregistered` the entries with a value that
    no register knew; `checkpoint` is the signed note of this size.
    """

    ledger: str
    origin: str
    size: int
    root: str
    appended: Text
    lag: int
    counts: Counts
    unregistered: int
    services: Services | None
    vkeys: VerifierKeys
    checkpoint: str


SHAPES: dict[str, type[Struct]] = {
    "who-accessed": WhoAccessed,
    "actor": ActorActivity,
    "entries": LogPage,
    "status": Status,
}


def documents() -> Iterator[tuple[str, bytes]]:
    """Every schema as (relative path, content); the same bytes each time."""
    for name, shape in SHAPES.items():
        generated = msgspec.json.schema(shape)
        document = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": schema(name),
            **generated,
        }
        yield f"answers/{name}.v1.json", written(document)


def main(arguments: list[str]) -> int:
    """Writes the files below a directory; returns the exit code."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m ledger.api.answer_shapes OUTDIR\n")
        return 2
    for name, content in documents():
        path = Path(arguments[0]) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
