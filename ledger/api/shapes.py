"""The bodies of requests and answers, as OpenAPI describes them."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType


class Person(Struct, frozen=True, forbid_unknown_fields=True):
    """A typed identifier: `email:`, `phone:` (E.164), `user:`, else `id:`. It travels in a body, never in a URL."""

    identifier: Annotated[str, Meta(min_length=1, max_length=1024)]


class Handle(Struct, frozen=True):
    """What stands for a person in URLs, for `expires_in` seconds."""

    handle: str
    expires_in: int


class EventResult(Struct, frozen=True, omit_defaults=True):
    """What became of one event. `ok`: Kafka acknowledged it; with `Prefer: wait`, the ledger has it as an event.
    `reason` and `message` where it was refused. After the commit: `seq` of its entry, `outcome` (appended, duplicate,
    rejected, conflict), `leaf_hash` (base64url) and the signed `receipt`.
    """

    index: int
    ok: Annotated[bool, Meta(description="Whether it was taken")]
    topic: str | UnsetType = UNSET
    partition: int | UnsetType = UNSET
    offset: int | UnsetType = UNSET
    seq: int | UnsetType = UNSET
    outcome: str | UnsetType = UNSET
    leaf_hash: str | UnsetType = UNSET
    receipt: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    message: str | UnsetType = UNSET


class RecordReceipt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a Kafka record became: the `seq` of its entry (of a duplicate: of the entry that it repeats), `outcome`
    (appended, duplicate, rejected, conflict), `leaf_hash` (base64url) and the signed `receipt`.
    """

    seq: int
    outcome: str
    leaf_hash: str
    receipt: str
    reason: str | UnsetType = UNSET


class EventResults(Struct, frozen=True):
    """One result an event, in the order in which they were sent. Of one event alone that was waited for, `seq` and
    `receipt` stand here too.
    """

    results: list[EventResult]
    seq: int | UnsetType = UNSET
    receipt: str | UnsetType = UNSET


class Readiness(Struct, frozen=True):
    """Whether questions can be answered now."""

    ready: bool
    database: bool
    vault: bool
