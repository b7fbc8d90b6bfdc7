from __future__ import annotations

import pytest

from ledger.core import checkpoint, errors, merkle, note, static_log, tile, tlog_proof
from ledger.core.errors import LedgerError

# The exit codes of the interface: 1 bad answer, 2 bad input, 3 unreachable, 4 forbidden, 5 inconclusive, 70 our fault.
TABLE = [
    (errors.BadAnswer, "bad-answer", 1, 422),
    (errors.BadInput, "bad-input", 2, 400),
    (errors.NotFound, "not-found", 2, 404),
    (errors.Unreachable, "unreachable", 3, 503),
    (errors.Forbidden, "forbidden", 4, 403),
    (errors.Inconclusive, "inconclusive", 5, 409),
    (errors.InternalFault, "internal-fault", 70, 500),
    (errors.LedgerError, "internal-fault", 70, 500),
    (merkle.ProofError, "bad-proof", 1, 422),
    (note.MalformedNote, "malformed-note", 1, 400),
    (note.BadSignature, "bad-signature", 1, 422),
    (note.UnknownKey, "unknown-key", 1, 422),
    (checkpoint.MalformedCheckpoint, "malformed-checkpoint", 1, 400),
    (checkpoint.WrongOrigin, "wrong-origin", 1, 422),
    (tile.MalformedTile, "malformed-tile", 1, 422),
    (tlog_proof.MalformedProof, "malformed-proof", 1, 400),
    (static_log.RootMismatch, "bad-root", 1, 422),
]


@pytest.mark.parametrize(("error", "code", "exit_code", "http_status"), TABLE)
def test_each_error_has_its_code(
    error: type[LedgerError], code: str, exit_code: int, http_status: int
) -> None:
    assert (error.code, error.exit_code, error.http_status) == (code, exit_code, http_status)
    assert issubclass(error, LedgerError)
