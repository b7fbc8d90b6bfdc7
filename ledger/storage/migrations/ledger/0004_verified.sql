-- When the log was last verified: what watches the ledger asks this again and again. Such entries are few; the name is
-- spelled out, since an index's predicate must be a constant.
SET ROLE ledger_owner;
SET search_path TO ledger;

CREATE INDEX entry_of_verifications ON entry (ledger_id, seq)
 WHERE type = 'org.accountability-ledger.ledger.verified.v1';

RESET ROLE;
