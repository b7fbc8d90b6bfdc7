"""Topic `privacy.access`: collecting, using and anonymising data; recordings; automated decisions."""

from typing import Annotated, Literal

from msgspec import UNSET, UnsetType

from accountability_ledger.events.act import Act, EventData
from accountability_ledger.fields import (
    ErasureMethod,
    Jurisdiction,
    LinkingId,
    ParticipantList,
    Public,
    SourceKey,
    StoreKey,
    Text,
    ruled,
)

Origin = Literal["subject", "crm", "calendar", "device", "partner"]
Operation = Literal["read", "query", "export", "create", "update", "delete"]
Outcome = Literal["allowed", "denied"]


class DataCollected(Act, kw_only=True, frozen=True, forbid_unknown_fields=True):
    origin: Annotated[Origin, ruled(Public())]
    store: StoreKey | UnsetType = UNSET


class DataAccessed(Act, kw_only=True, frozen=True, forbid_unknown_fields=True):
    operation: Annotated[Operation, ruled(Public())]
    outcome: Annotated[Outcome, ruled(Public())]
    system: SourceKey | UnsetType = UNSET
    store: StoreKey | UnsetType = UNSET
    share_id: LinkingId | UnsetType = UNSET


class DataAnonymised(Act, kw_only=True, frozen=True, forbid_unknown_fields=True):
    method: ErasureMethod
    store: StoreKey


class Recording(EventData, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`recording.stopped` may leave out who was there; the others name the persons whom they are about."""

    recording_id: LinkingId
    participants: ParticipantList | UnsetType = UNSET
    jurisdiction: Jurisdiction | UnsetType = UNSET


class RecordingStarted(Recording, kw_only=True, frozen=True, forbid_unknown_fields=True):
    jurisdiction: Jurisdiction


class RecordingPresence(Recording, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Joined, left, asked to stop."""

    participants: ParticipantList


class DecisionAutomated(EventData, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Article 22: the logic involved and what came out of it, both the subject's."""

    logic: Text
    outcome: Text
