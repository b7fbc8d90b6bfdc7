-- name: database_exists
SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)

-- name: accounted
SELECT coalesce(sum(next_offset), 0)::bigint FROM ledger.intake

-- name: size
SELECT size FROM ledger.head

-- name: positions
SELECT topic, partition, next_offset FROM ledger.intake
