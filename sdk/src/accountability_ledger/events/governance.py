"""Topic `privacy.governance`, the types with something to protect: breaches, holds, notices that were handed out."""

from typing import Annotated, Literal

from msgspec import UNSET, UnsetType

from accountability_ledger.events.act import EventData
from accountability_ledger.fields import (
    KEY_LENGTH,
    Count,
    Duration,
    LinkingId,
    NoticeKey,
    Public,
    PurposeList,
    Recipient,
    Sealed,
    SubjectCategory,
    Text,
    Time,
    TimeOrDate,
    Vocabulary,
    ruled,
)

Risk = Literal["unlikely", "likely", "high"]


class Breach(EventData, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Article 33(3) and 33(5). Persons and records are counted, categories are the common ones."""

    breach_id: LinkingId
    kind: Annotated[str, ruled(Vocabulary("breach_kind"), max_length=KEY_LENGTH)] | UnsetType = UNSET
    aware_at: Time | UnsetType = UNSET
    began: Time | UnsetType = UNSET
    ended: Time | UnsetType = UNSET
    person_count: Count | UnsetType = UNSET
    consequences: Text | UnsetType = UNSET
    measures: Text | UnsetType = UNSET
    phase: Annotated[str, ruled(Vocabulary("breach_phase"), max_length=KEY_LENGTH)] | UnsetType = UNSET
    risk: Annotated[Risk, ruled(Public())] | UnsetType = UNSET
    recipient_id: Recipient | UnsetType = UNSET


class BreachAssessed(Breach, kw_only=True, frozen=True, forbid_unknown_fields=True):
    risk: Annotated[Risk, ruled(Public())]


class BreachNotified(Breach, kw_only=True, frozen=True, forbid_unknown_fields=True):
    recipient_id: Recipient


class LegalHold(EventData, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Placed, released: covers its subjects and categories, or all."""

    hold_id: LinkingId
    period: Duration | UnsetType = UNSET
    anchor: Annotated[str, ruled(Vocabulary("event_type"), max_length=KEY_LENGTH)] | UnsetType = UNSET
    scope: Text | UnsetType = UNSET


class NoticeCommunicated(EventData, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The notice reached these persons (Articles 13 and 14)."""

    version: NoticeKey | UnsetType = UNSET
    audience: SubjectCategory | UnsetType = UNSET
    effective_from: TimeOrDate | UnsetType = UNSET
    digest: Annotated[str, ruled(Sealed(), max_length=KEY_LENGTH)] | UnsetType = UNSET
    material_for: PurposeList | UnsetType = UNSET
