"""Every event type that a service may send: its full name, its topic, its struct, and what becomes of each field."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import msgspec
from msgspec import inspect

from accountability_ledger.events import access, act, consent, governance, register, rights, sharing
from accountability_ledger.fields import (
    CHECK,
    RULE,
    Field,
    Public,
    Registered,
    Rule,
    Sealed,
    Vocabulary,
)

PREFIX: Final = "org.accountability-ledger."
VERSION: Final = "v1"

TOPICS: Final = (
    "privacy.access",
    "privacy.sharing",
    "privacy.transfer",
    "privacy.consent",
    "privacy.rights",
    "privacy.governance",
)
"""The topics that services publish to, without a ledger's prefix."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The keys of an object, so that unknown and missing ones are found before any value is judged."""

    members: Mapping[str, "Shape | None"]
    required: frozenset[str]


@dataclass(frozen=True, slots=True)
class EventType:
    """One type. `registers`: wholly public. `is_act`: an act on personal data (`data.*`)."""

    name: str
    short: str
    topic: str
    data: type[msgspec.Struct]
    fields: tuple[Field, ...]
    registers: bool
    is_act: bool
    shape: Shape = field(repr=False)
    checks: tuple[tuple[tuple[str, ...], str], ...] = field(repr=False)
    """Paths whose text a check (`time`, `time-or-date`) must accept."""

    @property
    def schema_uri(self) -> str:
        """What `dataschema` says of this type, and the `$id` of its JSON Schema."""
        return f"urn:accountability-ledger:schema:{self.short}.{VERSION}"


def full_name(short: str) -> str:
    """`data.accessed` -> `org.accountability-ledger.data.accessed.v1`."""
    return f"{PREFIX}{short}.{VERSION}"


def _topic(short: str) -> str:
    family = short.split(".", 1)[0]
    if short == "data.transferred":
        return "privacy.transfer"
    if short == "data.disclosed" or family in {"share", "authority", "business_transfer"}:
        return "privacy.sharing"
    if family in {"data", "recording", "decision"}:
        return "privacy.access"
    if family in {"consent", "objection", "marketing"}:
        return "privacy.consent"
    if short == "recipient.told" or family in _RIGHTS:
        return "privacy.rights"
    return "privacy.governance"


_RIGHTS: Final = frozenset(
    {
        "rights",
        "erasure",
        "restriction",
        "rectification",
        "portability",
        "identity",
        "account",
        "child",
        "special_category",
        "complaint",
    }
)

# Struct -> the short names that share it.
_TYPES: Final[Mapping[type[act.EventData], str]] = {
    access.DataCollected: "data.collected",
    access.DataAccessed: "data.accessed",
    access.DataAnonymised: "data.anonymised",
    access.RecordingStarted: "recording.started",
    access.RecordingPresence: "recording.joined recording.left recording.stop_requested",
    access.Recording: "recording.stopped",
    access.DecisionAutomated: "decision.automated",
    sharing.DataDisclosed: "data.disclosed",
    sharing.DataTransferred: "data.transferred",
    sharing.ShareGranted: "share.granted",
    sharing.ShareRevoked: "share.revoked",
    sharing.AuthorityRequested: "authority.requested",
    sharing.AuthorityAnswered: "authority.answered",
    sharing.BusinessTransferDisclosed: "business_transfer.disclosed",
    consent.ConsentChanged: "consent.requested consent.refused consent.withdrawn consent.invalidated",
    consent.ConsentGiven: "consent.given consent.renewed",
    consent.RequestAboutPurpose: "objection.raised objection.upheld objection.overruled marketing.unsubscribed"
    " restriction.placed restriction.lifted account.blocked",
    rights.RightsReceived: "rights.received",
    rights.RightsStep: "rights.identity_requested rights.identity_verified rights.clarification_requested"
    " rights.clarified rights.extended rights.forwarded rights.fulfilled rights.declined rights.withdrawn",
    rights.Erasure: "erasure.executed erasure.failed erasure.acknowledged",
    rights.RecipientTold: "recipient.told",
    rights.Delivery: "rectification.executed portability.delivered",
    rights.IdentityClaim: "identity.linked identity.unlinked",
    rights.Detection: "child.detected special_category.detected",
    rights.Complaint: "complaint.received complaint.concluded",
    governance.Breach: "breach.detected breach.communicated breach.concluded",
    governance.BreachAssessed: "breach.assessed",
    governance.BreachNotified: "breach.notified",
    governance.LegalHold: "legal_hold.placed legal_hold.released",
    governance.NoticeCommunicated: "notice.communicated",
    register.NoticePublished: "notice.published",
    register.PartyRegistered: "party.registered",
    register.RecipientRegistered: "recipient.registered recipient.changed recipient.removed",
    register.StoreRegistered: "store.registered",
    register.ImporterCertification: "importer.certified importer.lapsed",
    register.MechanismAdopted: "mechanism.adopted",
    register.MechanismEnded: "mechanism.suspended mechanism.invalidated",
    register.Instruction: "instruction.documented instruction.withdrawn",
    register.ProcessingContractConcluded: "processing_contract.concluded",
    register.ProcessingContract: "processing_contract.ended",
    register.JointArrangement: "joint_arrangement.concluded",
    register.Subprocessor: "subprocessor.announced subprocessor.objected subprocessor.authorised",
    register.AssessmentRecorded: "assessment.recorded",
    register.RetentionRule: "retention.rule_set",
    register.SecurityMeasure: "security_measure.set",
    register.SourceHeartbeat: "source.heartbeat",
    register.ImportDeclared: "import.declared",
    register.RowSet: "register.row_set",
    register.RowEnded: "register.row_ended",
}


def _walk(
    node: inspect.Type, path: tuple[str, ...], visit: Callable[[tuple[str, ...], dict[str, Any]], None]
) -> Shape | None:
    """Visit every leaf; each must carry a rule. Returns the shape of an object."""
    if isinstance(node, inspect.Metadata):
        if node.extra is not None and RULE in node.extra:
            visit(path, node.extra)
            return None
        return _walk(node.type, path, visit)
    if isinstance(node, inspect.ListType):
        return _walk(node.item_type, path, visit)
    if isinstance(node, inspect.StructType):
        members = {
            member.encode_name: _walk(member.type, (*path, member.encode_name), visit)
            for member in node.fields
        }
        return Shape(
            MappingProxyType(members),
            frozenset(member.encode_name for member in node.fields if member.required),
        )
    raise TypeError(f"{'.'.join(path)} has no rule: say whether it is shown or sealed")


def _event_type(short: str, data: type[act.EventData]) -> EventType:
    registers = issubclass(data, register.Registration | register.SourceHeartbeat | register.ImportDeclared)
    fields: list[Field] = []
    checks: list[tuple[tuple[str, ...], str]] = []

    def visit(path: tuple[str, ...], extra: dict[str, Any]) -> None:
        rule: Rule = extra[RULE]
        # Wholly public; what it corrects is public as well, its id included (entry-format: `event.id` stands in clear).
        if registers and (isinstance(rule, Registered | Vocabulary) or path == ("corrects", "id")):
            rule = Public()
        fields.append(Field(path, rule))
        if CHECK in extra:
            checks.append((path, extra[CHECK]))

    shape = _walk(inspect.type_info(data), (), visit)
    if shape is None:
        raise TypeError("an event's data is a struct")
    if len({found.path for found in fields}) != len(fields):
        raise TypeError("a path of an event type has two rules")
    return EventType(
        name=full_name(short),
        short=short,
        topic=_topic(short),
        data=data,
        fields=tuple(fields),
        registers=registers,
        is_act=issubclass(data, act.Act),
        shape=shape,
        checks=tuple(checks),
    )


EVENT_TYPES: Final[Mapping[str, EventType]] = MappingProxyType(
    {
        full_name(short): _event_type(short, data)
        for data, shorts in _TYPES.items()
        for short in shorts.split()
    }
)
"""By full name."""

BY_SHORT: Final[Mapping[str, EventType]] = MappingProxyType(
    {found.short: found for found in EVENT_TYPES.values()}
)

ATTRIBUTE_RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "id": Sealed(),
        "source": Registered("sources"),
        "type": Public(),
        "time": Public(),
        "recordedtime": Public(),
        "dataschema": Vocabulary("dataschema"),
        "sequence": Public(),
        "correlationid": Sealed(),
        "traceparent": Sealed(),
        "dataref": Sealed(),
    }
)
"""What becomes of the context attributes. `specversion` and `datacontenttype` say nothing and are not kept."""
