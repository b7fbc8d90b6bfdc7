-- Whatever the planner believes of a slice that was empty when it planned, or has no statistics yet, each row is looked
-- up by its key. LATERAL with OFFSET 0 or LIMIT 1 fixes the order of joining. Of a place the seq is a range that holds one
-- number, and the order is asked for: only the index that has it comes without a sort; with `=` any index would do.
--
-- `next_prev` is what the leaf after an entry says of it (its `"prev":"` in bytes); null for the last. That leaf mostly
-- lies in the same slice, else it is looked for in all.

-- name: head
SELECT size, root, frontier, prev FROM head WHERE ledger_id = $1

-- name: acts
-- The links in the order of the answer; each entry is looked up by its key, so that a page costs what it shows.
SELECT e.slice, e.seq, e.appended, e."time", e.type, e.topic_id, e.partition, e."offset", e.received, e.leaf,
       coalesce((SELECT substring(n.leaf FROM position('\x2270726576223a22'::bytea IN n.leaf) + 8 FOR 43) FROM entry AS n
                  WHERE n.ledger_id = $1 AND n.slice = e.slice AND n.seq > e.seq AND n.seq < e.seq + 2 ORDER BY n.seq LIMIT 1),
                (SELECT substring(n.leaf FROM position('\x2270726576223a22'::bytea IN n.leaf) + 8 FOR 43) FROM entry AS n
                  WHERE n.ledger_id = $1 AND n.seq > e.seq AND n.seq < e.seq + 2 ORDER BY n.seq LIMIT 1)) AS next_prev
  FROM (SELECT DISTINCT link.slice, link.seq, link."time"
          FROM unnest($2::uuid[]) AS k (key_id),
               LATERAL (SELECT one.slice, one.seq, one."time", one.role FROM entry_person AS one
                         WHERE one.ledger_id = $1 AND one.key_id = k.key_id ORDER BY one.seg, one.j OFFSET 0) AS link
         WHERE link.role = ANY($3) AND link.seq < $4
           AND link."time" >= $5 AND ($6::timestamptz IS NULL OR link."time" < $6) AND (link."time", link.seq) > ($7, $8)
         ORDER BY "time", seq) AS p,
       LATERAL (SELECT * FROM entry AS one
                 WHERE one.ledger_id = $1 AND one.slice = p.slice AND one.seq >= p.seq AND one.seq <= p.seq ORDER BY one.seq LIMIT 1) AS e
 WHERE ($9::text[] IS NULL OR e.type = ANY($9))
   AND CASE WHEN e.received IS NULL THEN e.appended <= $10 ELSE e.received <= $11 END
 ORDER BY p."time", p.seq
 LIMIT $12

-- name: first_page
-- One statement, one snapshot, one round trip: the head, whether an identity link ever named the person $2 (then this
-- is not the whole person, and `acts` is asked instead), and what `head`, `acts` and `slots` give for the key alone.
SELECT h.size, h.root, h.prev AS last_hash,
       CASE WHEN coalesce(page.number, 1) = 1 THEN h.frontier END AS frontier,
       CASE WHEN coalesce(page.number, 1) = 1 THEN EXISTS (
           SELECT 1
             FROM (SELECT one.slice, one.seq, one.role FROM entry_person AS one
                    WHERE one.ledger_id = $1 AND one.key_id = $2 ORDER BY one.seg, one.j OFFSET 0) AS p,
                  LATERAL (SELECT one.type FROM entry AS one
                            WHERE one.ledger_id = $1 AND one.slice = p.slice AND one.seq >= p.seq AND one.seq <= p.seq ORDER BY one.seq LIMIT 1) AS e
            WHERE p.role = 'subject' AND e.type = ANY($3)) END AS joined,
       page.*
  FROM head AS h
  LEFT JOIN LATERAL (
      SELECT row_number() OVER (ORDER BY act."time", act.seq) AS number, act.*, slot.*
        FROM (SELECT e.slice, e.seq, e.appended, e."time", e.type, e.topic_id, e.partition, e."offset", e.received, e.leaf,
                     coalesce((SELECT substring(n.leaf FROM position('\x2270726576223a22'::bytea IN n.leaf) + 8 FOR 43) FROM entry AS n
                                WHERE n.ledger_id = $1 AND n.slice = e.slice AND n.seq > e.seq AND n.seq < e.seq + 2 ORDER BY n.seq LIMIT 1),
                              (SELECT substring(n.leaf FROM position('\x2270726576223a22'::bytea IN n.leaf) + 8 FOR 43) FROM entry AS n
                                WHERE n.ledger_id = $1 AND n.seq > e.seq AND n.seq < e.seq + 2 ORDER BY n.seq LIMIT 1)) AS next_prev
                FROM (SELECT DISTINCT link.slice, link.seq, link."time"
                        FROM (SELECT one.slice, one.seq, one."time", one.role FROM entry_person AS one
                               WHERE one.ledger_id = $1 AND one.key_id = $2 ORDER BY one.seg, one.j OFFSET 0) AS link
                       WHERE link.role = ANY($4) AND link.seq < h.size
                         AND link."time" >= $5 AND ($6::timestamptz IS NULL OR link."time" < $6)
                       ORDER BY "time", seq) AS p,
                     LATERAL (SELECT * FROM entry AS one
                               WHERE one.ledger_id = $1 AND one.slice = p.slice AND one.seq >= p.seq AND one.seq <= p.seq ORDER BY one.seq LIMIT 1) AS e
               WHERE e.type = ANY($7)
                 AND CASE WHEN e.received IS NULL THEN e.appended <= $8 ELSE e.received <= $9 END
               ORDER BY p."time", p.seq
               LIMIT $10) AS act,
             LATERAL (SELECT array_agg(p.slot) AS slots, array_agg(p.role) AS roles, array_agg(p.key_id) AS key_ids,
                             array_agg(p.seg) AS segs, array_agg(p.j) AS js, array_agg(b.blob) AS blobs
                        FROM (SELECT one.slot, one.role, one.key_id, one.seg, one.j FROM entry_person AS one
                               WHERE one.ledger_id = $1 AND one.slice = act.slice AND one.seq >= act.seq AND one.seq <= act.seq ORDER BY one.seq OFFSET 0) AS p
                        LEFT JOIN LATERAL (SELECT one.blob FROM sealed AS one
                                            WHERE one.ledger_id = $1 AND one.slice = act.slice AND one.seq = act.seq
                                              AND one.slot = p.slot LIMIT 1) AS b ON true
                       WHERE p.key_id = $2 OR p.role IN ('actor', 'recipient')) AS slot
  ) AS page ON true
 WHERE h.ledger_id = $1
 ORDER BY page.number

-- name: service_acts
-- A service stands in clear in the leaf, not in the links: the log is read through.
SELECT e.slice, e.seq, e.appended, e."time", e.type, e.topic_id, e.partition, e."offset", e.received, e.leaf,
       coalesce((SELECT substring(n.leaf FROM position('\x2270726576223a22'::bytea IN n.leaf) + 8 FOR 43) FROM entry AS n
                  WHERE n.ledger_id = $1 AND n.slice = e.slice AND n.seq > e.seq AND n.seq < e.seq + 2 ORDER BY n.seq LIMIT 1),
                (SELECT substring(n.leaf FROM position('\x2270726576223a22'::bytea IN n.leaf) + 8 FOR 43) FROM entry AS n
                  WHERE n.ledger_id = $1 AND n.seq > e.seq AND n.seq < e.seq + 2 ORDER BY n.seq LIMIT 1)) AS next_prev
  FROM entry AS e
 WHERE e.ledger_id = $1 AND position($2::bytea IN e.leaf) > 0 AND e.seq < $3
   AND e."time" >= $4 AND ($5::timestamptz IS NULL OR e."time" < $5) AND (e."time", e.seq) > ($6, $7)
   AND CASE WHEN e.received IS NULL THEN e.appended <= $8 ELSE e.received <= $9 END
 ORDER BY e."time", e.seq
 LIMIT $10

-- name: slots
-- With $5 the blobs too, in the same round trip.
SELECT want.seq, p.slot, p.role, p.key_id, p.seg, p.j, s.blob
  FROM unnest($2::integer[], $3::bigint[]) AS want (slice, seq)
 CROSS JOIN LATERAL (SELECT one.slot, one.role, one.key_id, one.seg, one.j FROM entry_person AS one
                      WHERE one.ledger_id = $1 AND one.slice = want.slice AND one.seq >= want.seq AND one.seq <= want.seq ORDER BY one.seq OFFSET 0) AS p
  LEFT JOIN LATERAL (SELECT one.blob FROM sealed AS one
                      WHERE $5::boolean AND one.ledger_id = $1 AND one.slice = want.slice AND one.seq = want.seq
                        AND one.slot = p.slot LIMIT 1) AS s ON true
 WHERE $4::uuid[] IS NULL OR p.key_id = ANY($4) OR p.role IN ('actor', 'recipient')
 ORDER BY want.seq, p.slot

-- name: blobs
SELECT s.seq, s.slot, s.blob
  FROM unnest($2::integer[], $3::bigint[], $4::smallint[]) AS want (slice, seq, slot),
       LATERAL (SELECT * FROM sealed AS one
                 WHERE one.ledger_id = $1 AND one.slice = want.slice AND one.seq = want.seq AND one.slot = want.slot LIMIT 1) AS s

-- name: entries
SELECT e.slice, e.seq, e.appended, e."time", e.type, e.topic_id, e.partition, e."offset", e.received, e.leaf,
       coalesce((SELECT substring(n.leaf FROM position('\x2270726576223a22'::bytea IN n.leaf) + 8 FOR 43) FROM entry AS n
                  WHERE n.ledger_id = $1 AND n.slice = e.slice AND n.seq > e.seq AND n.seq < e.seq + 2 ORDER BY n.seq LIMIT 1),
                (SELECT substring(n.leaf FROM position('\x2270726576223a22'::bytea IN n.leaf) + 8 FOR 43) FROM entry AS n
                  WHERE n.ledger_id = $1 AND n.seq > e.seq AND n.seq < e.seq + 2 ORDER BY n.seq LIMIT 1)) AS next_prev
  FROM entry AS e
 WHERE e.ledger_id = $1 AND e.seq >= $2 AND e.seq < $3 AND ($4::text IS NULL OR e.type = $4)
 ORDER BY e.seq
 LIMIT $5

-- name: is_source
SELECT EXISTS (SELECT 1 FROM register WHERE ledger_id = $1 AND section = 'sources' AND key = $2)
