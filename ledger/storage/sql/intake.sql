-- name: take_lease
-- A lease that ends later than any can was taken while the clock was ahead: waiting for it would stop the ledger for as
-- long. To take it too early does no harm: the epoch fences.
UPDATE lease SET owner = $2, until = clock_timestamp() + $3::interval
 WHERE ledger_id = $1 AND (owner = $2 OR owner IS NULL OR until < clock_timestamp()
       OR until > clock_timestamp() + 10 * $3::interval + interval '15 minutes')
RETURNING ledger_id

-- name: raise_epoch
UPDATE head SET epoch = epoch + 1 WHERE ledger_id = $1 RETURNING epoch

-- name: renew_lease
UPDATE lease SET until = clock_timestamp() + $3 WHERE ledger_id = $1 AND owner = $2 RETURNING ledger_id

-- name: release_lease
UPDATE lease SET owner = NULL, until = '-infinity' WHERE ledger_id = $1 AND owner = $2

-- name: vault_epoch
SELECT vault_epoch FROM head WHERE ledger_id = $1

-- name: head
SELECT size, (SELECT root FROM batch WHERE ledger_id = $1 AND size = $2) FROM head WHERE ledger_id = $1

-- name: positions
SELECT topic, topic_id, partition, next_offset, probe FROM intake WHERE ledger_id = $1 AND NOT retired

-- name: add_partition
INSERT INTO intake (ledger_id, topic_id, partition, topic) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING

-- name: seen
SELECT id_digest, conflict, content, seq FROM seen WHERE ledger_id = $1 AND id_digest = ANY($2)

-- name: latest_identities
SELECT id_digest FROM seen WHERE ledger_id = $1 AND id_digest < '\xffffffffffff' ORDER BY id_digest DESC LIMIT $2

-- name: registered
SELECT DISTINCT section, key FROM register WHERE ledger_id = $1

-- name: advance_slice
SELECT advance_slice($1)

-- name: retire
UPDATE intake SET retired = true WHERE ledger_id = $1 AND topic_id = ANY($2)
