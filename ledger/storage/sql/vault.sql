-- name: find
SELECT blind_index, key_id, kek_id, wrapped FROM person WHERE ledger_id = $1 AND blind_index = ANY($2)

-- name: find_by_key
SELECT blind_index, key_id, kek_id, wrapped FROM person WHERE ledger_id = $1 AND key_id = ANY($2)

-- name: suppressed
SELECT mark FROM suppression WHERE ledger_id = $1 AND mark = ANY($2) AND expires > clock_timestamp()

-- name: insert
INSERT INTO person (ledger_id, blind_index, key_id, kek_id, wrapped)
SELECT $1, i, k, $4, w FROM unnest($2::bytea[], $3::uuid[], $5::bytea[]) AS row (i, k, w)
ON CONFLICT DO NOTHING

-- name: destroy
DELETE FROM person WHERE ledger_id = $1 AND key_id = ANY($2)

-- name: unsuppress
DELETE FROM suppression WHERE ledger_id = $1 AND (mark = ANY($2) OR expires <= clock_timestamp())

-- name: suppress
INSERT INTO suppression (ledger_id, mark, expires)
SELECT $1, mark, clock_timestamp() + $3 FROM unnest($2::bytea[]) AS mark
ON CONFLICT DO NOTHING

-- name: all
SELECT blind_index, key_id, kek_id, wrapped FROM person WHERE ledger_id = $1 AND key_id > $2 ORDER BY key_id LIMIT $3
