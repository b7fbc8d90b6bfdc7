-- name: lock_head
SELECT locked.*, clock_timestamp() AS now, (SELECT max(slice) FROM slice) AS newest_slice
  FROM (SELECT size, prev, frontier, root, seg, seg_first, seg_began, close_segment, appended, epoch, vault_epoch, slice
          FROM head WHERE ledger_id = $1 FOR UPDATE) AS locked

-- name: terminate_blockers
SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
 WHERE pid = ANY(pg_blocking_pids($1)) AND pg_has_role(usesysid, 'USAGE')

-- name: move
UPDATE intake AS i SET next_offset = m.next, probe = m.probe
  FROM unnest($2::uuid[], $3::integer[], $4::bigint[], $5::bigint[], $6::bytea[]) AS m (topic_id, partition, start, next, probe)
 WHERE i.ledger_id = $1 AND i.topic_id = m.topic_id AND i.partition = m.partition AND i.next_offset = m.start AND NOT i.retired

-- name: retire
UPDATE intake SET retired = true WHERE ledger_id = $1 AND topic_id = ANY($2)

-- name: counters
SELECT k.key_id, last.seg, last.j
  FROM unnest($2::uuid[]) AS k (key_id),
       LATERAL (SELECT seg, j FROM entry_person AS p WHERE p.ledger_id = $1 AND p.key_id = k.key_id
                 ORDER BY seg DESC, j DESC LIMIT 1) AS last

-- name: counters_since
SELECT DISTINCT ON (key_id) key_id, seg, j FROM entry_person
 WHERE ledger_id = $1 AND seq >= $2 ORDER BY key_id, seg DESC, j DESC

-- name: leaves_since
SELECT leaf FROM entry WHERE ledger_id = $1 AND seq >= $2 ORDER BY seq

-- name: committed
SELECT root FROM batch WHERE ledger_id = $1 AND size = $2

-- name: start_slice
INSERT INTO slice_start (ledger_id, slice, first_seq) VALUES ($1, $2, $3)

-- name: insert_tile
INSERT INTO tile (ledger_id, level, index, hashes, root) VALUES ($1, $2, $3, $4, $5)

-- name: tile_roots
SELECT root FROM tile WHERE ledger_id = $1 AND level = $2 AND index >= $3 AND index < $4 ORDER BY index

-- name: insert_registered
INSERT INTO register (ledger_id, seq, section, key)
SELECT $1, s, n, k FROM unnest($2::bigint[], $3::text[], $4::text[]) AS row (s, n, k)

-- name: insert_own
-- Entries without a record in Kafka, in one round trip: COPY takes two for each table.
WITH entries AS (
    INSERT INTO entry (ledger_id, slice, seq, appended, "time", type, leaf)
    SELECT $1, $2, s, $3, t, k, l FROM unnest($4::bigint[], $5::timestamptz[], $6::text[], $7::bytea[]) AS row (s, t, k, l)
), slots AS (
    SELECT * FROM unnest($8::bigint[], $9::smallint[], $10::text[], $11::uuid[], $12::bigint[], $13::integer[],
                         $14::timestamptz[], $15::bytea[]) AS row (seq, slot, role, key_id, seg, j, "time", blob)
), links AS (
    INSERT INTO entry_person (ledger_id, slice, key_id, seg, j, seq, slot, role, "time")
    SELECT $1, $2, key_id, seg, j, seq, slot, role, "time" FROM slots
)
INSERT INTO sealed (ledger_id, slice, seq, slot, blob) SELECT $1, $2, seq, slot, blob FROM slots

-- name: advance_head
WITH appended AS (INSERT INTO batch (ledger_id, size, prev, root, appended) VALUES ($1, $2, $3, $5, $10))
UPDATE head SET size = $2, prev = $3, frontier = $4, root = $5, seg = $6, seg_first = $7, seg_began = $8,
       close_segment = $9, appended = $10, slice = $11
 WHERE ledger_id = $1

-- name: delete_links
DELETE FROM entry_person WHERE ledger_id = $1 AND key_id = ANY($2)

-- name: raise_vault_epoch
UPDATE head SET vault_epoch = vault_epoch + 1 WHERE ledger_id = $1

-- name: insert_erased
INSERT INTO erased (ledger_id, erasure_id, seq) VALUES ($1, $2, $3)
