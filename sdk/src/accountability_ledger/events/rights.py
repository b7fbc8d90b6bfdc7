"""Topic `privacy.rights`: what persons asked for and what was done about it."""

from typing import Annotated, Literal

from msgspec import UNSET, UnsetType

from accountability_ledger.events.act import AboutSubjects, EventData
from accountability_ledger.fields import (
    KEY_LENGTH,
    DataCategoryList,
    ErasureMethod,
    Flag,
    LinkingId,
    Public,
    Recipient,
    Right,
    Sealed,
    TargetKey,
    Text,
    ruled,
)

Target = Literal["store", "backup", "recipient"]


class RightsStep(EventData, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A step in the handling of a request; the right is known from its receipt."""

    request_id: LinkingId
    right: Right | UnsetType = UNSET
    told_complaint: Flag | UnsetType = UNSET
    told_remedy: Flag | UnsetType = UNSET


class RightsReceived(RightsStep, kw_only=True, frozen=True, forbid_unknown_fields=True):
    right: Right


class Erasure(EventData, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Executed, failed, acknowledged: for one target."""

    target: Annotated[Target, ruled(Public())]
    target_id: TargetKey
    request_id: LinkingId | UnsetType = UNSET
    method: ErasureMethod | UnsetType = UNSET
    evidence_digest: Annotated[str, ruled(Sealed(), max_length=KEY_LENGTH)] | UnsetType = UNSET


class RecipientTold(EventData, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Article 19."""

    recipient_id: Recipient
    request_id: LinkingId | UnsetType = UNSET


class Delivery(EventData, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`rectification.executed`, `portability.delivered`."""

    request_id: LinkingId
    recipient_id: Recipient | UnsetType = UNSET


class IdentityClaim(AboutSubjects, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Linked, unlinked: exactly two identifiers of one person."""


class Detection(AboutSubjects, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A child, or special categories, found in data. `age_band` in years, both ends included: `0-12`."""

    age_band: (
        Annotated[str, ruled(Sealed(), pattern=r"^(?:0|[1-9][0-9]{0,2})-(?:0|[1-9][0-9]{0,2})\Z")] | UnsetType
    ) = UNSET
    categories: DataCategoryList | UnsetType = UNSET


class Complaint(EventData, kw_only=True, frozen=True, forbid_unknown_fields=True):
    complaint_id: LinkingId
    forum: Text | UnsetType = UNSET
