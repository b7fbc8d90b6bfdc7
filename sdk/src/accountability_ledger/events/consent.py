"""Topic `privacy.consent`: consents, objections, marketing."""

from msgspec import UNSET, UnsetType

from accountability_ledger.events.act import AboutSubjects
from accountability_ledger.fields import Flag, LinkingId, Method, NoticeKey, PurposeList, TimeOrDate


class ConsentChanged(AboutSubjects, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Requested, refused, withdrawn, invalidated: which consent, and for which purposes."""

    consent_id: LinkingId
    purposes: PurposeList
    notice_version: NoticeKey | UnsetType = UNSET
    method: Method | UnsetType = UNSET
    explicit: Flag | UnsetType = UNSET
    valid: Flag | UnsetType = UNSET
    expires: TimeOrDate | UnsetType = UNSET


class ConsentGiven(ConsentChanged, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Given or renewed: Article 7(1) asks for proof of what was agreed to, and how.

    `valid` is false where the consent was bundled or pre-ticked.
    """

    notice_version: NoticeKey
    method: Method
    explicit: Flag
    valid: Flag


class RequestAboutPurpose(AboutSubjects, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Objections, restrictions, unsubscriptions, blocked accounts; `purpose` left out means every purpose."""

    request_id: LinkingId | UnsetType = UNSET
