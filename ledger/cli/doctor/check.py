"""One thing that the doctor looked at."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.cli.doctor.diagnoses import DIAGNOSES, Diagnosis, State


@dataclass(frozen=True, slots=True)
class Check:
    """`detail` says what was found; it never holds a key, a password or a person. `code` is None where all is well."""

    name: str
    detail: str
    code: str | None = None
    unreachable: bool = False

    @property
    def diagnosis(self) -> Diagnosis | None:
        return None if self.code is None else DIAGNOSES[self.code]

    @property
    def state(self) -> State:
        return self.diagnosis.state if self.diagnosis else State.OK

    @property
    def remedy(self) -> str | None:
        return self.diagnosis.remedy if self.diagnosis else None


def judged(name: str, code: str, *, ok: bool, detail: str) -> Check:
    """A check that has one way to fail; the detail is true either way."""
    return Check(name, detail, None if ok else code)
