"""What every event may say, and what an act on personal data must say."""

from typing import Annotated, Literal

from msgspec import UNSET, Struct, UnsetType

from accountability_ledger.fields import (
    KEY_LENGTH,
    ActorLinkingId,
    ActorText,
    Count,
    Country,
    DataCategoryList,
    InstructionKey,
    LegalBasis,
    LinkingId,
    NoticeKey,
    PartyKey,
    Person,
    Public,
    PurposeKey,
    ReasonCode,
    Registered,
    Sealed,
    SourceKey,
    SpecialBasis,
    StoreKey,
    SubjectCategoryList,
    SubjectList,
    Text,
    ruled,
)

ActorKind = Literal["employee", "service", "agent", "customer", "guest", "partner", "authority"]
ProcessingRole = Literal["controller", "processor", "joint"]
Assurance = Literal["observed", "imported"]


class Actor(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Who acted. A service is a registered system; everyone else is a person, and so is who it acts for."""

    id: Annotated[str, ruled(Person("actor"), min_length=1, max_length=KEY_LENGTH)]
    kind: Annotated[ActorKind, ruled(Public())]
    org: PartyKey | UnsetType = UNSET
    on_behalf_of: (
        Annotated[str, ruled(Registered("parties"), min_length=1, max_length=KEY_LENGTH)] | UnsetType
    ) = UNSET


class Population(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Persons who are not known by name: a data set and a predicate over it."""

    dataset: StoreKey
    record_count: Count
    predicate_digest: Annotated[str, ruled(Sealed(), max_length=KEY_LENGTH)] | UnsetType = UNSET


class Chunk(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Part `i` of `of` of a list of persons that is longer than one event; the parts share a `correlationid`."""

    of: Count
    i: Count


class Corrects(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The event that this one replaces whole."""

    source: SourceKey
    id: Annotated[str, ruled(Sealed(), min_length=1, max_length=KEY_LENGTH)]


class EventData(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Common data, allowed on every type."""

    subjects: SubjectList | UnsetType = UNSET
    population: Population | UnsetType = UNSET
    chunk: Chunk | UnsetType = UNSET
    subject_categories: SubjectCategoryList | UnsetType = UNSET
    actor: Actor | UnsetType = UNSET
    processing_role: Annotated[ProcessingRole, ruled(Public())] | UnsetType = UNSET
    controller_id: PartyKey | UnsetType = UNSET
    instruction_id: InstructionKey | UnsetType = UNSET
    purpose: PurposeKey | UnsetType = UNSET
    legal_basis: LegalBasis | UnsetType = UNSET
    special_basis: SpecialBasis | UnsetType = UNSET
    law_ref: Annotated[str, ruled(Sealed(), max_length=KEY_LENGTH)] | UnsetType = UNSET
    data_categories: DataCategoryList | UnsetType = UNSET
    reason_code: ReasonCode | UnsetType = UNSET
    justification: ActorText | UnsetType = UNSET
    notice_version: NoticeKey | UnsetType = UNSET
    case_id: LinkingId | UnsetType = UNSET
    record_count: Count | UnsetType = UNSET
    source_ip: Annotated[str, ruled(Sealed("actor"), max_length=KEY_LENGTH)] | UnsetType = UNSET
    source_country: Country | UnsetType = UNSET
    resource: Text | UnsetType = UNSET
    corrects: Corrects | UnsetType = UNSET
    session_id: ActorLinkingId | UnsetType = UNSET
    assurance: Annotated[Assurance, ruled(Public())] | UnsetType = UNSET


class Act(EventData, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """An act on data (`data.*`): who, in which role, what for, which data; and on whom, or on which population."""

    actor: Actor
    processing_role: Annotated[ProcessingRole, ruled(Public())]
    purpose: PurposeKey
    data_categories: DataCategoryList


class AboutSubjects(EventData, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What can only be said about persons who are known by name."""

    subjects: SubjectList
