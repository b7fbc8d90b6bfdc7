"""The benchmark's own SQL: it looks at the ledger's tables from outside, and makes its peers' tables."""
