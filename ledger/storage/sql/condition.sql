-- name: clock
SELECT clock_timestamp() AS clock, current_setting('server_version_num')::integer / 10000 AS version

-- name: roles_missing
SELECT wanted FROM unnest($1::text[]) AS wanted
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted AND pg_has_role(current_user, oid, 'SET'))
 ORDER BY wanted

-- name: applied
SELECT name, sha256 FROM public.ledger_migration
