-- name: head
SELECT origin, size, prev, frontier, root, seg, seg_first, seg_began, appended, slice FROM head WHERE ledger_id = $1

-- name: intake
SELECT topic_id, partition, topic, next_offset FROM intake WHERE ledger_id = $1

-- name: slices
SELECT slice, first_seq FROM slice_start WHERE ledger_id = $1 ORDER BY first_seq

-- name: last_seq
SELECT max(seq) FROM entry WHERE ledger_id = $1

-- name: next_seq
SELECT min(seq) FROM entry WHERE ledger_id = $1 AND seq >= $2

-- name: entries
SELECT seq, slice, appended, "time", type, topic_id, partition, "offset", received, leaf
  FROM entry WHERE ledger_id = $1 AND seq >= $2 AND seq < $3 ORDER BY seq, slice

-- name: sealed
SELECT seq, slot, slice, blob FROM sealed WHERE ledger_id = $1 AND seq >= $2 AND seq < $3 ORDER BY seq, slot

-- name: links
SELECT seq, slot, slice, key_id, seg, j, role, "time"
  FROM entry_person WHERE ledger_id = $1 AND seq >= $2 AND seq < $3 ORDER BY seq, slot

-- name: seen
SELECT seq, id_digest, conflict, content FROM seen WHERE ledger_id = $1 ORDER BY seq, id_digest, conflict

-- name: tiles
SELECT tile.level, tile.index, tile.hashes, tile.root
  FROM unnest($2::smallint[], $3::bigint[], $4::bigint[]) AS filled (level, first, past)
  JOIN tile ON tile.ledger_id = $1 AND tile.level = filled.level AND tile.index >= filled.first AND tile.index < filled.past

-- name: batches
SELECT size, prev, root, appended FROM batch WHERE ledger_id = $1 AND size > $2 AND size <= $3 ORDER BY size

-- name: stray_entry
(SELECT seq FROM entry WHERE ledger_id = $1 AND seq < 0 ORDER BY seq LIMIT 1)
UNION ALL (SELECT seq FROM entry WHERE ledger_id = $1 AND seq >= $2 ORDER BY seq LIMIT 1)

-- name: stray_sealed
(SELECT seq FROM sealed WHERE ledger_id = $1 AND seq < 0 ORDER BY seq LIMIT 1)
UNION ALL (SELECT seq FROM sealed WHERE ledger_id = $1 AND seq >= $2 ORDER BY seq LIMIT 1)

-- name: stray_entry_person
(SELECT seq FROM entry_person WHERE ledger_id = $1 AND seq < 0 ORDER BY seq LIMIT 1)
UNION ALL (SELECT seq FROM entry_person WHERE ledger_id = $1 AND seq >= $2 ORDER BY seq LIMIT 1)

-- name: stray_batch
SELECT max(size) FROM batch WHERE ledger_id = $1 AND size > $2

-- name: stray_tile
SELECT index FROM tile WHERE ledger_id = $1
   AND (level < 0 OR index < 0 OR (index + 1) * power(256::numeric, level + 1) > $2) LIMIT 1

-- name: events_among
SELECT seq FROM entry WHERE ledger_id = $1 AND seq = ANY($2::bigint[]) AND topic_id IS NOT NULL AND type <> $3

-- name: still_linked
SELECT key_id, min(seq) AS seq FROM entry_person WHERE ledger_id = $1 AND key_id = ANY($2::uuid[]) GROUP BY key_id

-- name: vault_keys
SELECT key_id, blind_index FROM vault.person WHERE ledger_id = $1 AND key_id > $2 ORDER BY key_id LIMIT $3

-- name: registered
SELECT seq, section, key FROM register WHERE ledger_id = $1 AND seq >= $2 AND seq < $3 ORDER BY seq

-- name: stray_register
SELECT seq FROM register WHERE ledger_id = $1 AND (seq < 0 OR seq >= $2) ORDER BY seq LIMIT 1

-- The screen reads by COPY, which takes no parameters: numbers stand in {}. What is the same of every row is asked for
-- rather than read, since each column of each row costs as much as hashing it: the slice, and that a row is well formed.

-- name: copy_entries
SELECT seq, appended, "time", topic_id, partition, "offset", received, type, leaf
  FROM entry WHERE ledger_id = {ledger_id} AND slice = {slice} AND seq >= {start} AND seq < {end} ORDER BY seq

-- name: copy_blobs
SELECT seq, slot, blob
  FROM sealed WHERE ledger_id = {ledger_id} AND slice = {slice} AND seq >= {start} AND seq < {end} ORDER BY seq, slot

-- name: copy_links
SELECT seq, slot, seg, j, CASE role WHEN 'subject' THEN 0 WHEN 'participant' THEN 1 WHEN 'recipient' THEN 2
                               WHEN 'actor' THEN 3 WHEN 'old' THEN 4 WHEN 'new' THEN 5 ELSE 255 END, "time", key_id
  FROM entry_person WHERE ledger_id = {ledger_id} AND slice = {slice} AND seq >= {start} AND seq < {end} ORDER BY seq, slot

-- name: copy_seen
SELECT seq, CASE WHEN octet_length(id_digest) <> 16 OR octet_length(content) <> 16 THEN 2::smallint
                 WHEN conflict = '' THEN 0::smallint WHEN conflict = content THEN 1::smallint ELSE 2::smallint END
  FROM seen WHERE ledger_id = {ledger_id} ORDER BY seq

-- name: elsewhere
SELECT EXISTS (SELECT FROM entry WHERE ledger_id = {ledger_id} AND slice <> {slice} AND seq >= {start} AND seq < {end})
    OR EXISTS (SELECT FROM sealed WHERE ledger_id = {ledger_id} AND slice <> {slice} AND seq >= {start} AND seq < {end})
    OR EXISTS (SELECT FROM entry_person WHERE ledger_id = {ledger_id} AND slice <> {slice} AND seq >= {start} AND seq < {end})

-- name: tile_roots
SELECT root FROM tile WHERE ledger_id = $1 AND level = $2 AND index >= $3 AND index < $4 ORDER BY index

-- name: tile
SELECT hashes, root FROM tile WHERE ledger_id = $1 AND level = $2 AND index = $3
