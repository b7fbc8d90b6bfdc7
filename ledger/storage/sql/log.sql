-- name: head
SELECT size, root, frontier FROM head WHERE ledger_id = $1

-- name: appended
SELECT appended FROM head WHERE ledger_id = $1

-- name: leaves
SELECT seq, leaf FROM entry WHERE ledger_id = $1 AND seq >= $2 AND seq < $3 ORDER BY seq LIMIT $4

-- name: leaf
SELECT leaf FROM entry WHERE ledger_id = $1 AND seq = $2

-- name: tile
SELECT hashes FROM tile WHERE ledger_id = $1 AND level = $2 AND index = $3

-- name: tile_roots
SELECT root FROM tile WHERE ledger_id = $1 AND level = $2 AND index >= $3 AND index < $4 ORDER BY index

-- name: places
SELECT want.n AS n, e.seq, e.type, e.leaf
  FROM unnest($2::uuid[], $3::integer[], $4::bigint[]) WITH ORDINALITY AS want (topic_id, partition, "offset", n)
  JOIN entry AS e ON e.ledger_id = $1 AND e.topic_id = want.topic_id AND e.partition = want.partition
                 AND e."offset" = want."offset"

-- name: duplicates_since
SELECT seq, leaf FROM entry
 WHERE ledger_id = $1 AND type = 'org.accountability-ledger.ledger.events-duplicate.v1' AND seq >= $2
   AND position($3::bytea IN leaf) > 0
 ORDER BY seq

-- name: tally
SELECT (SELECT coalesce(sum(next_offset), 0) FROM intake WHERE ledger_id = $1)::bigint AS positions,
       (SELECT count(*) FROM entry WHERE ledger_id = $1 AND type = 'org.accountability-ledger.ledger.event-rejected.v1') AS rejected,
       (SELECT count(*) FROM entry WHERE ledger_id = $1 AND type = 'org.accountability-ledger.ledger.event-conflict.v1') AS conflict,
       (SELECT count(*) FROM entry WHERE ledger_id = $1 AND position('\x22756e7265676973746572656422'::bytea IN leaf) > 0) AS unregistered

-- name: said_of_offsets
SELECT type, leaf FROM entry
 WHERE ledger_id = $1 AND type IN ('org.accountability-ledger.ledger.events-duplicate.v1',
                                   'org.accountability-ledger.ledger.offsets-skipped.v1')

-- name: positions
SELECT topic, topic_id, partition, next_offset FROM intake WHERE ledger_id = $1 AND NOT retired
