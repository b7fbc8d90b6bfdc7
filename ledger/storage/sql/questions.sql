-- `next_prev` is what the leaf after an entry says of it (its `"prev":"` in bytes); null for the last. That leaf mostly
-- lies in the same slice, else it is looked for in all.

-- name: head
SELECT size, root, frontier, prev FROM head WHERE ledger_id = $1

-- name: acts
-- The links in the order of the answer; each entry is looked up by its key, so that a page costs what it shows.
SELECT e.slice, e.seq, e.appended, e."time", e.type, e.topic_id, e.partition, e."offset", e.received, e.leaf,
       coalesce((SELECT substring(n.leaf FROM position('\x2270726576223a22'::bytea IN n.leaf) + 8 FOR 43) FROM entry AS n
                  WHERE n.ledger_id = $1 AND n.slice = e.slice AND n.seq = e.seq + 1),
                (SELECT substring(n.leaf FROM position('\x2270726576223a22'::bytea IN n.leaf) + 8 FOR 43) FROM entry AS n
                  WHERE n.ledger_id = $1 AND n.seq = e.seq + 1)) AS next_prev
  FROM (SELECT DISTINCT slice, seq, "time" FROM entry_person
         WHERE ledger_id = $1 AND key_id = ANY($2) AND role = ANY($3) AND seq < $4
           AND "time" >= $5 AND ($6::timestamptz IS NULL OR "time" < $6) AND ("time", seq) > ($7, $8)
         ORDER BY "time", seq) AS p,
       LATERAL (SELECT * FROM entry AS one
                 WHERE one.ledger_id = $1 AND one.slice = p.slice AND one.seq = p.seq LIMIT 1) AS e
 WHERE ($9::text[] IS NULL OR e.type = ANY($9))
   AND CASE WHEN e.received IS NULL THEN e.appended <= $10 ELSE e.received <= $11 END
 ORDER BY p."time", p.seq
 LIMIT $12

-- name: service_acts
-- A service stands in clear in the leaf, not in the links: the log is read through.
SELECT e.slice, e.seq, e.appended, e."time", e.type, e.topic_id, e.partition, e."offset", e.received, e.leaf,
       coalesce((SELECT substring(n.leaf FROM position('\x2270726576223a22'::bytea IN n.leaf) + 8 FOR 43) FROM entry AS n
                  WHERE n.ledger_id = $1 AND n.slice = e.slice AND n.seq = e.seq + 1),
                (SELECT substring(n.leaf FROM position('\x2270726576223a22'::bytea IN n.leaf) + 8 FOR 43) FROM entry AS n
                  WHERE n.ledger_id = $1 AND n.seq = e.seq + 1)) AS next_prev
  FROM entry AS e
 WHERE e.ledger_id = $1 AND position($2::bytea IN e.leaf) > 0 AND e.seq < $3
   AND e."time" >= $4 AND ($5::timestamptz IS NULL OR e."time" < $5) AND (e."time", e.seq) > ($6, $7)
   AND CASE WHEN e.received IS NULL THEN e.appended <= $8 ELSE e.received <= $9 END
 ORDER BY e."time", e.seq
 LIMIT $10

-- name: slots
SELECT p.seq, p.slot, p.role, p.key_id, p.seg, p.j
  FROM unnest($2::integer[], $3::bigint[]) AS want (slice, seq),
       LATERAL (SELECT * FROM entry_person AS one
                 WHERE one.ledger_id = $1 AND one.slice = want.slice AND one.seq = want.seq) AS p
 WHERE $4::uuid[] IS NULL OR p.key_id = ANY($4) OR p.role IN ('actor', 'recipient')
 ORDER BY p.seq, p.slot

-- name: blobs
SELECT s.seq, s.slot, s.blob
  FROM unnest($2::integer[], $3::bigint[], $4::smallint[]) AS want (slice, seq, slot),
       LATERAL (SELECT * FROM sealed AS one
                 WHERE one.ledger_id = $1 AND one.slice = want.slice AND one.seq = want.seq AND one.slot = want.slot) AS s

-- name: entries
SELECT e.slice, e.seq, e.appended, e."time", e.type, e.topic_id, e.partition, e."offset", e.received, e.leaf,
       coalesce((SELECT substring(n.leaf FROM position('\x2270726576223a22'::bytea IN n.leaf) + 8 FOR 43) FROM entry AS n
                  WHERE n.ledger_id = $1 AND n.slice = e.slice AND n.seq = e.seq + 1),
                (SELECT substring(n.leaf FROM position('\x2270726576223a22'::bytea IN n.leaf) + 8 FOR 43) FROM entry AS n
                  WHERE n.ledger_id = $1 AND n.seq = e.seq + 1)) AS next_prev
  FROM entry AS e
 WHERE e.ledger_id = $1 AND e.seq >= $2 AND e.seq < $3 AND ($4::text IS NULL OR e.type = $4)
 ORDER BY e.seq
 LIMIT $5

-- name: is_source
SELECT EXISTS (SELECT 1 FROM register WHERE ledger_id = $1 AND section = 'sources' AND key = $2)
