-- name: batches
SELECT size, appended FROM ledger.batch ORDER BY size

-- name: look
SELECT (SELECT coalesce(sum(next_offset), 0)::bigint FROM ledger.intake) AS accounted,
       (SELECT size FROM ledger.head) AS size,
       (SELECT checkpoint_time FROM pg_control_checkpoint()) AS checkpoint
