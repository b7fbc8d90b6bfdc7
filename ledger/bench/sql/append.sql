-- The leaf count after each transaction, and when it had the head's lock.
-- name: batches
SELECT size, appended FROM ledger.batch ORDER BY size

-- name: last_record
SELECT max(seq) FROM ledger.entry WHERE topic_id IS NOT NULL

-- `seen` has no index by seq: the temporary table gives its rows in the order of their entries.
-- name: order_seen
CREATE TEMPORARY TABLE seen_in_order AS SELECT * FROM ledger.seen;
CREATE INDEX ON seen_in_order (seq);
ANALYZE seen_in_order
