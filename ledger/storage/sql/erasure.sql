-- name: identity_links
-- By its key each row, whatever the planner believes of a new slice: see questions.sql.
SELECT DISTINCT k.key_id AS one, other.key_id AS two, e.type, e.received, e.topic_id, e.partition, e."offset"
  FROM unnest($2::uuid[]) AS k (key_id),
       LATERAL (SELECT one.slice, one.seq, one.role FROM entry_person AS one
                 WHERE one.ledger_id = $1 AND one.key_id = k.key_id ORDER BY one.seg, one.j OFFSET 0) AS p,
       LATERAL (SELECT one.type, one.received, one.topic_id, one.partition, one."offset" FROM entry AS one
                 WHERE one.ledger_id = $1 AND one.slice = p.slice AND one.seq >= p.seq AND one.seq <= p.seq ORDER BY one.seq LIMIT 1) AS e,
       LATERAL (SELECT one.key_id, one.role FROM entry_person AS one
                 WHERE one.ledger_id = $1 AND one.slice = p.slice AND one.seq >= p.seq AND one.seq <= p.seq ORDER BY one.seq OFFSET 0) AS other
 WHERE p.role = 'subject' AND e.type = ANY($3) AND ($4::bigint IS NULL OR e.received <= $4)
   AND other.role = 'subject' AND other.key_id <> k.key_id
 ORDER BY e.received, e.topic_id, e.partition, e."offset"

-- name: count_links
SELECT count(*) FROM entry_person WHERE ledger_id = $1 AND key_id = ANY($2)

-- name: count_linked
SELECT count(DISTINCT key_id) FROM entry_person WHERE ledger_id = $1 AND key_id = ANY($2)

-- name: holds
SELECT e.seq, e.type, e.leaf, p.slot, p.role, p.key_id, s.blob
  FROM entry AS e
  JOIN entry_person AS p USING (ledger_id, slice, seq)
  JOIN sealed AS s USING (ledger_id, slice, seq, slot)
 WHERE e.ledger_id = $1
   AND e.type IN ('org.accountability-ledger.legal_hold.placed.v1', 'org.accountability-ledger.legal_hold.released.v1')
 ORDER BY e.seq, p.slot

-- name: subjects_of
SELECT seq, key_id FROM entry_person WHERE ledger_id = $1 AND seq = ANY($2) AND role = 'subject'

-- name: under_way
SELECT key_id, state, erasure_id FROM erasure WHERE ledger_id = $1 AND case_digest = $2

-- name: begin
INSERT INTO erasure (ledger_id, case_digest, key_id, erasure_id, state)
SELECT $1, $2, k, $4, 'started' FROM unnest($3::uuid[]) AS k

-- name: destroyed
UPDATE erasure SET state = 'destroyed' WHERE ledger_id = $1 AND erasure_id = $2

-- name: appended
SELECT seq FROM erased WHERE ledger_id = $1 AND erasure_id = $2

-- name: finish
DELETE FROM erasure WHERE ledger_id = $1 AND erasure_id = $2
