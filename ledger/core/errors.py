"""One hierarchy of errors: each class holds its code, the CLI's exit code and the HTTP status.

The codes are the `type` of an RFC 9457 problem and the `code` of the CLI's JSON errors. A message is one plain
sentence that says what to do, and never holds personal data, keys or the content of a leaf.
"""

from __future__ import annotations

from typing import ClassVar


class LedgerError(Exception):
    """Base of every error that the ledger raises on purpose; anything else is a fault of our own."""

    code: ClassVar[str] = "internal-fault"
    exit_code: ClassVar[int] = 70
    http_status: ClassVar[int] = 500


class BadAnswer(LedgerError):  # noqa: N818 - the names say what happened, not that it is an error
    """What was checked is wrong: a failed proof, a bad signature, a finding."""

    code = "bad-answer"
    exit_code = 1
    http_status = 422


class BadInput(LedgerError):  # noqa: N818
    """The caller asked for something that has no meaning; asking again the same way cannot help."""

    code = "bad-input"
    exit_code = 2
    http_status = 400


class NotFound(LedgerError):  # noqa: N818
    """What was asked for does not exist."""

    code = "not-found"
    exit_code = 2
    http_status = 404


class Unreachable(LedgerError):  # noqa: N818
    """A service does not answer; the same call may succeed later."""

    code = "unreachable"
    exit_code = 3
    http_status = 503


class Forbidden(LedgerError):  # noqa: N818
    """The caller may not do this."""

    code = "forbidden"
    exit_code = 4
    http_status = 403


class Inconclusive(LedgerError):  # noqa: N818
    """Nothing is wrong, but not everything could be shown: unwitnessed, stale or partial."""

    code = "inconclusive"
    exit_code = 5
    http_status = 409


class InternalFault(LedgerError):  # noqa: N818
    """Our own defect or a broken invariant; it must never read as tampering."""

    code = "internal-fault"
    exit_code = 70
    http_status = 500


class InvariantBroken(InternalFault):
    """What must never happen did: halt and look before going on."""

    code = "invariant-broken"
    exit_code = 70
    http_status = 500
