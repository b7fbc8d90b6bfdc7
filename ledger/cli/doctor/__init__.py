"""`ledger doctor`: looks at settings, keys, servers and topics, mends nothing, and says what to mend."""

from ledger.cli.doctor.check import Check
from ledger.cli.doctor.diagnoses import DIAGNOSES, State
from ledger.cli.doctor.examination import examine

__all__ = ["DIAGNOSES", "Check", "State", "examine"]
