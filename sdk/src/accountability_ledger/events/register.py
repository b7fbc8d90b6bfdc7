"""Topic `privacy.governance`, the types that register something: wholly public, they name no natural person.

Maps travel as rows: `[{"key": ..., ...}]`, since a register's keys need not be keys of restricted JSON.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from accountability_ledger.events.act import EventData
from accountability_ledger.fields import (
    KEY_LENGTH,
    LIST_LENGTH,
    TEXT_LENGTH,
    CountryList,
    Duration,
    Flag,
    OwnKey,
    OwnKeyList,
    OwnText,
    Public,
    PurposeList,
    Time,
    TimeOrDate,
    ruled,
)
from accountability_ledger.restricted_json import MAX_INTEGER

Framework = Annotated[str, ruled(Public(), max_length=KEY_LENGTH)]
DataType = Literal["hr", "non_hr"]
AssessmentKind = Literal["LIA", "TIA", "DPIA", "compatibility", "breach_risk"]
RowScalar = Annotated[str, Meta(max_length=TEXT_LENGTH)]
RowNumber = Annotated[int, Meta(ge=-MAX_INTEGER, le=MAX_INTEGER)]

Module = Annotated[
    Annotated[str, Meta(max_length=KEY_LENGTH)] | Annotated[int, Meta(ge=0, le=MAX_INTEGER)], ruled(Public())
]


class Row(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One member of a map: its key, and a text, a number, a boolean, a list of texts, or a map as rows."""

    key: OwnKey
    value: "RowScalar | RowNumber | bool | Annotated[Sequence[RowScalar | Row], Meta(max_length=LIST_LENGTH)]"


RowList = Annotated[Sequence[Row], ruled(Public(), max_length=LIST_LENGTH)]


class PurposeBases(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One purpose of a notice with the legal bases that it names."""

    key: OwnKey
    bases: OwnKeyList


PurposeBasesList = Annotated[Sequence[PurposeBases], ruled(Public(), max_length=LIST_LENGTH)]


class Registration(EventData, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Validity: half-open; `valid_from` left out means the event's time, `valid_to` left out means no end."""

    valid_from: TimeOrDate | UnsetType = UNSET
    valid_to: TimeOrDate | UnsetType = UNSET


class OrganisationColumns(Registration, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The columns of parties, recipients and stores."""

    name: OwnText | UnsetType = UNSET
    role: OwnKey | UnsetType = UNSET
    country: OwnKey | UnsetType = UNSET
    countries: CountryList | UnsetType = UNSET
    regimes: OwnKeyList | UnsetType = UNSET
    purposes: PurposeList | UnsetType = UNSET
    contract: OwnKey | UnsetType = UNSET
    reports: Flag | UnsetType = UNSET
    attributes: RowList | UnsetType = UNSET


class PartyRegistered(OrganisationColumns, kw_only=True, frozen=True, forbid_unknown_fields=True):
    party_id: OwnKey


class RecipientRegistered(OrganisationColumns, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Registered, changed, removed."""

    recipient_id: OwnKey


class StoreRegistered(OrganisationColumns, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`rotation` is how long a backup lives."""

    store_id: OwnKey
    backups: OwnKeyList | UnsetType = UNSET
    rotation: Duration | UnsetType = UNSET


class ImporterCertification(Registration, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Certified, lapsed. `data_types` left out of a lapse means all of them."""

    importer_id: OwnKey
    framework: Framework
    data_types: Annotated[Sequence[DataType], ruled(Public(), max_length=2)] | UnsetType = UNSET


class MechanismEnded(Registration, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Suspended, invalidated."""

    mechanism_id: OwnKey
    tool: OwnKey | UnsetType = UNSET
    instrument: OwnKey | UnsetType = UNSET
    module: Module | UnsetType = UNSET
    exporter_id: OwnKey | UnsetType = UNSET
    importer_id: OwnKey | UnsetType = UNSET
    countries: CountryList | UnsetType = UNSET
    concluded: TimeOrDate | UnsetType = UNSET


class MechanismAdopted(MechanismEnded, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`module` is that of Decision (EU) 2021/914, 1 to 4."""

    tool: OwnKey
    exporter_id: OwnKey
    importer_id: OwnKey


class Instruction(Registration, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Documented, withdrawn (Article 28(3)(a)). A list left out covers everything."""

    instruction_id: OwnKey
    operations: OwnKeyList | UnsetType = UNSET
    purposes: PurposeList | UnsetType = UNSET
    countries: CountryList | UnsetType = UNSET
    forward_term: Duration | UnsetType = UNSET
    breach_term: Duration | UnsetType = UNSET


class ProcessingContract(Registration, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Concluded, ended (Article 28(3))."""

    contract: OwnKey
    parties: OwnKeyList | UnsetType = UNSET


class ProcessingContractConcluded(ProcessingContract, kw_only=True, frozen=True, forbid_unknown_fields=True):
    parties: Annotated[Sequence[OwnKey], Meta(min_length=2, max_length=2)]


class JointArrangement(Registration, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Article 26."""

    parties: OwnKeyList
    arrangement_id: OwnKey | UnsetType = UNSET
    purposes: PurposeList | UnsetType = UNSET


class Subprocessor(Registration, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Announced, objected to, authorised; without `controller_id` for every controller (Article 28(2), (4))."""

    subprocessor_id: OwnKey


class AssessmentRecorded(Registration, kw_only=True, frozen=True, forbid_unknown_fields=True):
    assessment_id: OwnKey
    kind: Annotated[AssessmentKind, ruled(Public())]
    covers: OwnKeyList
    outcome: OwnKey
    countries: CountryList | UnsetType = UNSET
    digest: OwnKey | UnsetType = UNSET


class NoticePublished(Registration, kw_only=True, frozen=True, forbid_unknown_fields=True):
    version: OwnKey
    effective_from: TimeOrDate
    purposes: PurposeBasesList
    audience: OwnKey | UnsetType = UNSET
    digest: OwnKey | UnsetType = UNSET
    material_for: PurposeList | UnsetType = UNSET


class RetentionRule(Registration, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How long data of these categories is kept for a purpose, counted from the latest `anchor` event."""

    period: Duration
    anchor: OwnKey | UnsetType = UNSET
    scope: OwnText | UnsetType = UNSET


class SecurityMeasure(Registration, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Article 32."""

    measure: OwnText
    scope: OwnText | UnsetType = UNSET


class Coverage(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    from_: TimeOrDate | UnsetType = field(default=UNSET, name="from")
    to: TimeOrDate | UnsetType = UNSET


class SourceHeartbeat(EventData, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A source is alive, and what its events cover."""

    coverage: Coverage | UnsetType = UNSET


class ImportDeclared(EventData, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A backfill: events of `of_source` whose `time` lies in [from, to) are exempt from lateness."""

    of_source: OwnKey
    from_: Time = field(name="from")
    to: Time


class RowEnded(Registration, kw_only=True, frozen=True, forbid_unknown_fields=True):
    section: OwnKey
    key: OwnKey


class RowSet(RowEnded, kw_only=True, frozen=True, forbid_unknown_fields=True):
    row: RowList
