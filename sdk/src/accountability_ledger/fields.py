"""What becomes of a field in the leaf: shown, sealed to its owner, or a person's slot.

A field is shown only when its rule says so (an allow-list), and the catalogue refuses a field without a rule. Rules
travel in `msgspec.Meta(extra=...)`, and the same facts in the JSON Schemas as `x-visibility` and `x-owner`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from msgspec import Meta

from accountability_ledger.restricted_json import MAX_INTEGER

Owner = Literal["subject", "actor"]
PersonRole = Literal["subject", "participant", "recipient", "actor"]


@dataclass(frozen=True, slots=True)
class Public:
    """Always in clear: a fixed enumeration, a time, a count, a boolean, or a field of a registering type."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """In clear when the value is a term of the closed list `name`, or a key of the register's section of that name."""

    name: str


@dataclass(frozen=True, slots=True)
class Registered:
    """In clear when the value is a key of the register's `section`, or of the section `also`."""

    section: str
    also: str | None = None


@dataclass(frozen=True, slots=True)
class Sealed:
    """Never in clear. `owner` says whose key seals it."""

    owner: Owner = "subject"


@dataclass(frozen=True, slots=True)
class Person:
    """A person, who gets a slot. Only `actor.id` may stand for something else: a service, a key of `sources`.

    `recipient_id` and `actor.on_behalf_of` are `Registered("parties")`, and a person where the value is typed
    (`identifier.is_typed`); `Event.persons` has every path at which a person stands.
    """

    role: PersonRole


Rule = Public | Vocabulary | Registered | Sealed | Person
RULE: Final = "rule"
CHECK: Final = "check"


@dataclass(frozen=True, slots=True)
class Field:
    """A leaf of an event's `data`. `path` has no list positions: the rule applies to each element."""

    path: tuple[str, ...]
    rule: Rule


def ruled(rule: Rule, *, check: str | None = None, **limits: Any) -> Meta:
    """The annotation that carries a rule, a check that the catalogue makes (`time`, `time-or-date`), and limits."""
    extra: dict[str, object] = {RULE: rule}
    schema: dict[str, object] = visibility(rule)
    if check is not None:
        extra[CHECK] = check
        if check == "time":
            schema["format"] = "date-time"
    return Meta(extra=extra, extra_json_schema=schema, **limits)


def visibility(rule: Rule) -> dict[str, object]:
    """The rule as keys of a JSON Schema."""
    match rule:
        case Public():
            return {"x-visibility": "public"}
        case Vocabulary(name):
            return {"x-visibility": "vocabulary", "x-vocabulary": name}
        case Registered(section, also):
            return {"x-visibility": "registered", "x-section": [section, also] if also else section}
        case Sealed(owner):
            return {"x-visibility": "sealed", "x-owner": owner}
        case Person(role):
            return {"x-visibility": "person", "x-role": role}


KEY_LENGTH: Final = 256
TEXT_LENGTH: Final = 8192
LIST_LENGTH: Final = 1024
# A key that events and registers share must not look like a person's identifier, or it would become one.
_NOT_A_PERSON: Final = r"^(?!\s*(?:email|phone|user|id):)"
_DURATION: Final = (
    r"^P(?=[0-9T])(?:[0-9]{1,6}Y)?(?:[0-9]{1,6}M)?(?:[0-9]{1,6}W)?(?:[0-9]{1,6}D)?"
    r"(?:T(?=[0-9])(?:[0-9]{1,6}H)?(?:[0-9]{1,6}M)?(?:[0-9]{1,6}S)?)?\Z"
)

Text = Annotated[str, ruled(Sealed(), max_length=TEXT_LENGTH)]
ActorText = Annotated[str, ruled(Sealed("actor"), max_length=TEXT_LENGTH)]
LinkingId = Annotated[str, ruled(Sealed(), min_length=1, max_length=KEY_LENGTH)]
ActorLinkingId = Annotated[str, ruled(Sealed("actor"), min_length=1, max_length=KEY_LENGTH)]

Time = Annotated[str, ruled(Public(), check="time", max_length=27)]
TimeOrDate = Annotated[str, ruled(Public(), check="time-or-date", max_length=27)]
Count = Annotated[int, ruled(Public(), ge=0, le=MAX_INTEGER)]
Flag = Annotated[bool, ruled(Public())]
Duration = Annotated[str, ruled(Public(), pattern=_DURATION, max_length=64)]

Country = Annotated[str, ruled(Vocabulary("country"), max_length=KEY_LENGTH)]
Jurisdiction = Annotated[str, ruled(Vocabulary("recording_policy"), max_length=KEY_LENGTH)]
LegalBasis = Annotated[str, ruled(Vocabulary("legal_basis"), max_length=KEY_LENGTH)]
SpecialBasis = Annotated[str, ruled(Vocabulary("special_basis"), max_length=KEY_LENGTH)]
Right = Annotated[str, ruled(Vocabulary("right"), max_length=KEY_LENGTH)]
ReasonCode = Annotated[str, ruled(Vocabulary("reason_code"), max_length=KEY_LENGTH)]
DataCategory = Annotated[str, ruled(Vocabulary("data_categories"), max_length=KEY_LENGTH)]
SubjectCategory = Annotated[str, ruled(Vocabulary("subject_category"), max_length=KEY_LENGTH)]
Channel = Annotated[str, ruled(Vocabulary("channel"), max_length=KEY_LENGTH)]
Method = Annotated[str, ruled(Vocabulary("method"), max_length=KEY_LENGTH)]
ErasureMethod = Annotated[str, ruled(Vocabulary("erasure_method"), max_length=KEY_LENGTH)]

PurposeKey = Annotated[str, ruled(Registered("purposes"), max_length=KEY_LENGTH)]
PartyKey = Annotated[str, ruled(Registered("parties"), max_length=KEY_LENGTH)]
SourceKey = Annotated[str, ruled(Registered("sources"), max_length=KEY_LENGTH)]
StoreKey = Annotated[str, ruled(Registered("stores"), max_length=KEY_LENGTH)]
TargetKey = Annotated[str, ruled(Registered("stores", "parties"), max_length=KEY_LENGTH)]
NoticeKey = Annotated[str, ruled(Registered("notices"), max_length=KEY_LENGTH)]
MechanismKey = Annotated[str, ruled(Registered("mechanisms"), max_length=KEY_LENGTH)]
AssessmentKey = Annotated[str, ruled(Registered("assessments"), max_length=KEY_LENGTH)]
InstructionKey = Annotated[str, ruled(Registered("instructions"), max_length=KEY_LENGTH)]

Subject = Annotated[str, ruled(Person("subject"), min_length=1, max_length=KEY_LENGTH)]
Participant = Annotated[str, ruled(Person("participant"), min_length=1, max_length=KEY_LENGTH)]
Recipient = Annotated[str, ruled(Registered("parties"), min_length=1, max_length=KEY_LENGTH)]

# In registering types: shown whatever the value, since the event is what makes the key known.
OwnKey = Annotated[str, ruled(Public(), min_length=1, max_length=KEY_LENGTH, pattern=_NOT_A_PERSON)]
OwnText = Annotated[str, ruled(Public(), max_length=TEXT_LENGTH)]

SubjectList = Annotated[Sequence[Subject], Meta(max_length=LIST_LENGTH * 16)]
ParticipantList = Annotated[Sequence[Participant], Meta(max_length=LIST_LENGTH * 16)]
PurposeList = Annotated[Sequence[PurposeKey], Meta(max_length=LIST_LENGTH)]
DataCategoryList = Annotated[Sequence[DataCategory], Meta(max_length=LIST_LENGTH)]
SubjectCategoryList = Annotated[Sequence[SubjectCategory], Meta(max_length=LIST_LENGTH)]
CountryList = Annotated[Sequence[Country], Meta(max_length=LIST_LENGTH)]
OwnKeyList = Annotated[Sequence[OwnKey], Meta(max_length=LIST_LENGTH)]
