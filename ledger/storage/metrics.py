"""What every process that appends or looks into the vault counts, whichever program it is."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from ledger.storage.patience import ENDED

TRANSIENT_FAULTS = Counter(
    "ledger_transient_faults_total",
    "Faults that waiting cures, after which an attempt was repeated",
    ["kind"],
)
VAULT_KEYS = Counter(
    "ledger_vault_keys_total",
    "Persons' keys asked for, by where they were: in memory, in the vault, or made",
    ["outcome"],
)
OWN_APPEND_SECONDS = Histogram(
    "ledger_own_append_seconds",
    "Time until one of the ledger's own entries is committed: a read waits for it",
)
CLOCK_ACCEPTED = Counter(
    "ledger_clock_accepted_total", "Jumps forward of PostgreSQL's clock that were accepted with an entry"
)

for _kind in ("database", "kafka", "preparation"):
    TRANSIENT_FAULTS.labels(_kind)
for _outcome in ("cached", "found", "created"):
    VAULT_KEYS.labels(_outcome)

SHARED = (TRANSIENT_FAULTS, VAULT_KEYS, OWN_APPEND_SECONDS, CLOCK_ACCEPTED, ENDED)
"""For a program with a registry of its own, which shows them too."""
