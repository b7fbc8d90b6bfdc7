-- What `status` counts and looks up without reading the whole log: the entries about records that became no event of
-- their own, and those that hold a value which no register knows. Both are rare, so the indexes stay small; the names
-- are spelled out, since an index's predicate must be a constant.
SET ROLE ledger_owner;
SET search_path TO ledger;

CREATE INDEX entry_of_records ON entry (ledger_id, type, seq)
 WHERE type IN ('org.accountability-ledger.ledger.event-rejected.v1',
                'org.accountability-ledger.ledger.event-conflict.v1',
                'org.accountability-ledger.ledger.events-duplicate.v1',
                'org.accountability-ledger.ledger.offsets-skipped.v1');

-- The JSON text "unregistered", quotation marks included: what stands in place of a value that was sealed for it.
CREATE INDEX entry_unregistered ON entry (ledger_id, seq)
 WHERE position('\x22756e7265676973746572656422'::bytea IN leaf) > 0;

RESET ROLE;
