-- name: head
SELECT h.size, h.appended, h.epoch, l.owner, clock_timestamp() AS now,
       greatest(extract(epoch FROM l.until - clock_timestamp()), 0)::float8 AS lease_seconds
  FROM head AS h JOIN lease AS l USING (ledger_id) WHERE h.ledger_id = $1

-- name: verified
SELECT appended FROM entry WHERE ledger_id = $1 AND type = 'org.accountability-ledger.ledger.verified.v1'
 ORDER BY seq DESC LIMIT 1

-- name: positions
SELECT topic, topic_id, partition, next_offset FROM intake WHERE ledger_id = $1 AND NOT retired

-- name: shared
SELECT DISTINCT mine.topic, l.name
  FROM intake AS mine
  JOIN intake AS theirs USING (topic_id, partition)
  JOIN ledger AS l ON l.ledger_id = theirs.ledger_id
 WHERE mine.ledger_id = $1 AND theirs.ledger_id <> $1 AND NOT mine.retired AND NOT theirs.retired
 ORDER BY mine.topic, l.name

-- name: appended_at
SELECT s.size, (SELECT appended FROM batch AS b WHERE b.ledger_id = $1 AND b.size = s.size) AS appended
  FROM unnest($2::bigint[]) AS s (size)
