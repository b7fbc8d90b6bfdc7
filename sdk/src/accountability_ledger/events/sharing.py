"""Topics `privacy.sharing` and `privacy.transfer`: who else received data, and where it went."""

from typing import Annotated, Literal

from msgspec import UNSET, UnsetType

from accountability_ledger.events.act import Act, EventData
from accountability_ledger.fields import (
    KEY_LENGTH,
    AssessmentKey,
    Channel,
    Country,
    Flag,
    LinkingId,
    MechanismKey,
    PartyKey,
    Public,
    Recipient,
    Sealed,
    TimeOrDate,
    Vocabulary,
    ruled,
)

Side = Literal["source", "recipient"]


class DataDisclosed(Act, kw_only=True, frozen=True, forbid_unknown_fields=True):
    disclosure_id: LinkingId
    recipient_id: Recipient
    channel: Channel
    side: Annotated[Side, ruled(Public())]
    authority_request_id: LinkingId | UnsetType = UNSET
    share_id: LinkingId | UnsetType = UNSET


class DataTransferred(Act, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Chapter V: from an exporter to an importer, and from a country to a country."""

    disclosure_id: LinkingId
    exporter_id: PartyKey
    importer_id: PartyKey
    exporter_role: Annotated[str, ruled(Vocabulary("party_role"), max_length=KEY_LENGTH)]
    importer_role: Annotated[str, ruled(Vocabulary("party_role"), max_length=KEY_LENGTH)]
    origin_country: Country
    destination_country: Country
    remote_access: Flag
    mechanism_id: MechanismKey | UnsetType = UNSET
    assessment_id: AssessmentKey | UnsetType = UNSET
    onward_of: LinkingId | UnsetType = UNSET
    authority_request_id: LinkingId | UnsetType = UNSET


class ShareGranted(EventData, kw_only=True, frozen=True, forbid_unknown_fields=True):
    share_id: LinkingId
    recipient_id: Recipient
    expires: TimeOrDate | UnsetType = UNSET


class ShareRevoked(EventData, kw_only=True, frozen=True, forbid_unknown_fields=True):
    share_id: LinkingId
    recipient_id: Recipient | UnsetType = UNSET
    expires: TimeOrDate | UnsetType = UNSET


class AuthorityRequested(EventData, kw_only=True, frozen=True, forbid_unknown_fields=True):
    authority_request_id: LinkingId
    authority: PartyKey
    country: Country
    law_ref: Annotated[str, ruled(Sealed(), max_length=KEY_LENGTH)] | UnsetType = UNSET
    outcome: Annotated[str, ruled(Vocabulary("authority_outcome"), max_length=KEY_LENGTH)] | UnsetType = UNSET


class AuthorityAnswered(EventData, kw_only=True, frozen=True, forbid_unknown_fields=True):
    authority_request_id: LinkingId
    outcome: Annotated[str, ruled(Vocabulary("authority_outcome"), max_length=KEY_LENGTH)]
    authority: PartyKey | UnsetType = UNSET
    country: Country | UnsetType = UNSET


class BusinessTransferDisclosed(EventData, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Data shown to a party to a merger, a sale or an insolvency."""

    counterparty: PartyKey
