"""Closed lists: the terms that may stand in clear, and the ones that producers and registers may use.

`terms.py` holds the lists of others (W3C DPV 2.3, fideslang, ISO 3166-1); here are our own and the names of all.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from accountability_ledger import terms
from accountability_ledger.catalog import BY_SHORT

VOCABULARIES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "legal_basis": terms.LEGAL_BASES,
        "special_basis": terms.SPECIAL_BASES,
        "tool": terms.TRANSFER_TOOLS,
        "right": terms.RIGHTS,
        "reason_code": terms.JUSTIFICATIONS
        | {
            "required_by_law",
            "erasure_check",
            "storage",
            "legal_claims",
            "rights_of_others",
            "public_interest",
            "impossible",
            "disproportionate",
        },
        "data_categories": terms.DATA_CATEGORIES,
        "country": terms.COUNTRIES,
        "recording_policy": terms.COUNTRIES | {"default"},
        "subject_category": frozenset(
            {
                "user",
                "customer",
                "guest",
                "employee",
                "child",
                "applicant",
                "contractor",
                "partner",
                "patient",
                "prospect",
                "student",
                "visitor",
                "everyone",
            }
        ),
        "channel": frozenset({"api", "page", "email", "file", "sync", "phone", "post"}),
        "method": frozenset({"form", "checkbox", "banner", "verbal", "written", "import"}),
        "erasure_method": frozenset(
            {"delete", "overwrite", "crypto_erase", "anonymise", "aggregate", "rotate", "destroy"}
        ),
        "party_role": frozenset({"controller", "processor", "joint", "authority"}),
        "authority_outcome": frozenset({"disclosed", "partly_disclosed", "refused", "challenged"}),
        "breach_kind": frozenset({"confidentiality", "integrity", "availability"}) | terms.BREACH_KINDS,
        "breach_phase": frozenset({"initial", "preliminary", "ongoing", "phased", "bundled", "concluding"}),
        "event_type": frozenset(BY_SHORT),
    }
)


def contains(name: str, value: str) -> bool:
    """Whether `value` is a term of the vocabulary `name`. Raises `KeyError` for a vocabulary that does not exist."""
    return value in VOCABULARIES[name]
