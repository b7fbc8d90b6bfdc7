"""Why an event is not accepted."""

from typing import Final

REASONS: Final = (
    "empty",
    "too-large",
    "not-utf8",
    "not-json",
    "duplicate-key",
    "number",
    "string",
    "nesting",
    "key-name",
    "envelope",
    "unknown-type",
    "wrong-topic",
    "unknown-field",
    "missing-field",
    "wrong-value",
    "time",
    "future",
    "duplicate-subject",
    "too-many-persons",
    "no-owner",
    "leaf-too-large",
)
"""Reason codes in their order of precedence: an event with several faults is refused for the first of them."""


class Refused(ValueError):  # noqa: N818 - the contract's word; the event is refused, nothing went wrong here
    """An event cannot be accepted.

    `reason` is one of `REASONS`. `message` says what to do; it may name a field of our own schemas, and never holds
    text of the event, because it ends in logs and in answers.
    """

    def __init__(self, reason: str, message: str) -> None:
        if reason not in REASONS:
            raise ValueError("a reason must be one of REASONS")
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message
