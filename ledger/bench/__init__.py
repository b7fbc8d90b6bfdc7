"""`ledger bench`: measures the ledger on real servers, beside a plain COPY of the same rows and beside its peers."""
