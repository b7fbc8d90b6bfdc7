"""What a struct alone cannot say: fields that depend on one another."""

from collections.abc import Mapping
from typing import Any, Final

from accountability_ledger.catalog import EventType
from accountability_ledger.errors import Refused

_OUTCOMES: Final[Mapping[str, frozenset[str]]] = {
    "LIA": frozenset({"passed", "failed"}),
    "TIA": frozenset({"equivalent", "with_measures", "not_equivalent"}),
    "compatibility": frozenset({"compatible", "incompatible"}),
    "breach_risk": frozenset({"unlikely", "likely", "high"}),
}
"""By kind of assessment; the law names no outcomes for a DPIA."""


def check_present(event_type: EventType, data: Mapping[str, Any]) -> None:
    """Persons, where the type cannot do without; `data` need not have passed its struct.

    Raises `Refused("missing-field")`.
    """
    if data.get("subjects"):
        return
    if event_type.is_act and "population" not in data:
        raise Refused("missing-field", f"add data.subjects or data.population to {event_type.short}")
    if not event_type.is_act and "subjects" in event_type.shape.required:
        raise Refused("missing-field", f"name a person in data.subjects of {event_type.short}")


def check_values(event_type: EventType, data: Mapping[str, Any]) -> None:
    """Raises `Refused("wrong-value")`; `data` has passed its struct."""
    subjects = data.get("subjects")
    if subjects and "population" in data:
        raise Refused("wrong-value", "give data.subjects or data.population, not both")
    if event_type.short.startswith("identity.") and subjects is not None and len(subjects) != 2:
        raise Refused("wrong-value", f"name exactly two identifiers of one person in {event_type.short}")
    if event_type.short == "assessment.recorded":
        allowed = _OUTCOMES.get(data["kind"])
        if allowed is not None and data["outcome"] not in allowed:
            raise Refused(
                "wrong-value", f"data.outcome must be one of {', '.join(sorted(allowed))} for this kind"
            )
