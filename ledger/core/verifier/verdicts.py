"""What a verification may find: a closed list of names, each with the exit code of `ledger-verify`.

A code means one thing for ever. A verdict of the stored log alone (`ledger verify`, exit 1) that an export could show
too takes the code of the listed verdict that it is a kind of.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec


class Verdict(msgspec.Struct, frozen=True):
    """One thing that does not fit: its name, where (seq of a leaf, None for the log as a whole), and a sentence.

    `detail` never holds a value of an event: it goes into logs and onto terminals.
    """

    verdict: str
    seq: int | None
    detail: str


class Meaning(NamedTuple):
    exit_code: int
    sentence: str


VERDICTS: dict[str, Meaning] = {
    "changed-leaf": Meaning(10, "a leaf is not the one that was hashed, or not a leaf of version 1"),
    "changed-column": Meaning(11, "a column of an entry is not the copy of its leaf's field"),
    "changed-blob": Meaning(12, "a sealed blob is not the one that its leaf names, or belongs to no slot"),
    "sealed-missing": Meaning(13, "a sealed blob is gone without a `ledger.sealed-expired` entry"),
    "broken-link": Meaning(14, "a leaf under the root names another leaf than the one before it"),
    "gap": Meaning(15, "a leaf is missing"),
    "reordered": Meaning(16, "a leaf stands at the place of another"),
    "truncated-tail": Meaning(17, "the log ends before a size that it had"),
    "bad-root": Meaning(18, "the leaves do not hash to a root that was recorded or signed"),
    "bad-signature": Meaning(19, "a signature does not fit, or a signed note is malformed"),
    "unknown-key": Meaning(20, "nothing is signed by the key that was named"),
    "missing-quorum": Meaning(21, "too few witnesses cosigned"),
    "stale-checkpoint": Meaning(22, "the checkpoint is older than allowed"),
    "bad-time-stamp": Meaning(23, "an RFC 3161 time stamp does not fit"),
    "clock-outside-bracket": Meaning(24, "`appended` is not within what the time stamps allow"),
    "disclosure-mismatch": Meaning(25, "a disclosure does not belong to its leaf"),
    "omitted-entry": Meaning(26, "an entry was left out of an answer"),
    "offset-not-covered": Meaning(27, "a Kafka offset is not accounted for exactly once"),
    "answer-differs": Meaning(28, "the answer computed from the entries is another"),
    "unknown-version": Meaning(29, "a leaf is of a version that this program does not know"),
}

# Kinds of the above that only the tables, or the operator's own signature, can show.
KINDS: dict[str, tuple[str, str]] = {
    "broken-order": (
        "broken-link",
        "`seg` or `appended` of a leaf is out of order: an operator's fraud, or a defect",
    ),
    "changed-tile": ("bad-root", "a stored tile does not hold the hashes of the leaves below it"),
    "changed-batch": ("bad-root", "a recorded earlier head is not what it was"),
    "changed-head": ("bad-root", "the head row is not what the leaves say"),
    "changed-link": ("changed-column", "a person-to-entry row does not fit its leaf"),
    "changed-register": ("changed-column", "the keys that are known are not those that entries registered"),
    "changed-seen": ("changed-column", "the memory of events already seen does not fit the entries"),
    "changed-vault": ("changed-blob", "a row of the vault does not belong where it stands"),
    "erased-returned": ("changed-blob", "the key of an erased person is back in the vault"),
}


def exit_code(verdict: str) -> int:
    """The exit code of `ledger-verify` for a verdict: 10 to 29."""
    listed = KINDS[verdict][0] if verdict in KINDS else verdict
    return VERDICTS[listed].exit_code


def sentence(verdict: str) -> str:
    """What a verdict means, in one line."""
    return KINDS[verdict][1] if verdict in KINDS else VERDICTS[verdict].sentence


class Findings:
    """Collects verdicts up to a limit: a log that is wholly replaced must not fill the memory. `left_out` counts the
    rest.
    """

    def __init__(self, limit: int = 1000) -> None:
        self._limit = limit
        self._found: dict[Verdict, None] = {}
        self.left_out = 0

    def add(self, verdict: str, seq: int | None, detail: str) -> None:
        if len(self._found) < self._limit:
            self._found[Verdict(verdict, seq, detail)] = None
        else:
            self.left_out += 1

    def sorted(self) -> tuple[Verdict, ...]:
        """In the order of the log; what concerns the log as a whole comes last."""
        return tuple(sorted(self._found, key=lambda each: (each.seq is None, each.seq or 0)))

    def __bool__(self) -> bool:
        return bool(self._found)
