-- name: head
SELECT size, root FROM head

-- name: leaves
SELECT seq, 0::smallint, leaf FROM entry WHERE ledger_id = (SELECT ledger_id FROM head) ORDER BY seq
