-- What an erasure asks first: which legal holds are in force. They are few, and must not be looked for in the whole
-- log; the names are spelled out, since an index's predicate must be a constant.
SET ROLE ledger_owner;
SET search_path TO ledger;

CREATE INDEX entry_of_holds ON entry (ledger_id, seq)
 WHERE type IN ('org.accountability-ledger.legal_hold.placed.v1',
                'org.accountability-ledger.legal_hold.released.v1');

RESET ROLE;
