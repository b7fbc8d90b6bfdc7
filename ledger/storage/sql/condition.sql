-- name: server
SELECT clock_timestamp() AS clock, current_setting('server_version_num')::integer / 10000 AS version,
       current_database() AS database, (SELECT system_identifier FROM pg_control_system())::text AS server,
       pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean AS read_only,
       current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
         - current_setting('reserved_connections')::integer
         - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::integer AS connections_free,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,
       EXISTS (SELECT FROM pg_roles WHERE rolname = $1 AND pg_has_role(current_user, oid, 'MEMBER')) AS may_own

-- name: settings
SELECT name, setting FROM pg_settings WHERE name = ANY($1)

-- name: roles_missing
SELECT wanted FROM unnest($1::text[]) AS wanted
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted AND pg_has_role(current_user, oid, 'SET'))
 ORDER BY wanted

-- name: applied
SELECT name, sha256 FROM public.ledger_migration

-- name: standbys
SELECT count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')) FROM pg_stat_replication

-- name: unvacuumed
SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = $1 AND c.relkind = 'r'
   AND EXISTS (SELECT FROM pg_options_to_table(c.reloptions) AS o
                WHERE o.option_name = 'autovacuum_enabled' AND NOT o.option_value::boolean)
 ORDER BY c.relname

-- name: unguarded
-- Two triggers, on every slice too, that fire whatever session_replication_role says (`A`): before each row's UPDATE and
-- DELETE (the bits 1, 2, 8, 16 of tgtype), and before TRUNCATE (2, 32).
WITH guarded AS (
    SELECT c.oid, c.relname, c.relnamespace FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = 'ledger' AND c.relkind = 'r'
       AND (c.relname IN ('ledger', 'tile', 'batch', 'register', 'slice', 'slice_start', 'erased')
            OR EXISTS (SELECT FROM pg_inherits AS i JOIN pg_class AS p ON p.oid = i.inhparent
                        WHERE i.inhrelid = c.oid AND p.relname IN ('entry', 'sealed', 'entry_person', 'seen'))))
SELECT DISTINCT g.relname FROM guarded AS g CROSS JOIN (VALUES (27), (34)) AS kind (bits)
 WHERE NOT EXISTS (SELECT FROM pg_trigger AS t JOIN pg_proc AS f ON f.oid = t.tgfoid
                    WHERE t.tgrelid = g.oid AND t.tgenabled = 'A' AND t.tgqual IS NULL AND t.tgattr::text = ''
                      AND t.tgtype & kind.bits = kind.bits
                      AND f.proname = 'refuse_change' AND f.pronamespace = g.relnamespace)
 ORDER BY g.relname

-- name: excess
-- What anybody may do beyond what the migrations grant; a migration that grants more says so here too.
WITH allowed (role, relation, privilege) AS (VALUES
        ('ledger_writer', NULL, 'SELECT'), ('ledger_writer', NULL, 'INSERT'),
        ('ledger_writer', 'head', 'UPDATE of columns'), ('ledger_writer', 'intake', 'UPDATE of columns'),
        ('ledger_writer', 'lease', 'UPDATE of columns'),
        ('ledger_reader', NULL, 'SELECT'), ('ledger_auditor', NULL, 'SELECT'),
        ('ledger_eraser', 'head', 'UPDATE of columns'), ('ledger_eraser', 'erased', 'SELECT'),
        ('ledger_eraser', 'erased', 'INSERT'), ('ledger_eraser', 'sealed', 'DELETE'),
        ('ledger_eraser', 'entry_person', 'DELETE'),
        ('vault_keeper', 'person', 'SELECT'), ('vault_keeper', 'person', 'INSERT'),
        ('vault_keeper', 'suppression', 'SELECT'),
        ('vault_eraser', 'person', 'SELECT'), ('vault_eraser', 'person', 'DELETE'),
        ('vault_eraser', 'suppression', 'SELECT'), ('vault_eraser', 'suppression', 'INSERT'),
        ('vault_eraser', 'suppression', 'DELETE'),
        ('vault_eraser', 'erasure', 'SELECT'), ('vault_eraser', 'erasure', 'INSERT'),
        ('vault_eraser', 'erasure', 'UPDATE'), ('vault_eraser', 'erasure', 'DELETE')
), relations AS (
    SELECT c.oid, c.relname, c.relowner, c.relacl FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relkind IN ('r', 'p')
), granted AS (
    SELECT r.relname, r.relowner, a.grantee, a.privilege_type AS privilege FROM relations AS r, aclexplode(r.relacl) AS a
    UNION
    SELECT r.relname, r.relowner, a.grantee, a.privilege_type || ' of columns'
      FROM relations AS r JOIN pg_attribute AS t ON t.attrelid = r.oid, aclexplode(t.attacl) AS a
), named AS (
    SELECT g.relname, g.privilege, coalesce(w.rolname, 'PUBLIC') AS role
      FROM granted AS g LEFT JOIN pg_roles AS w ON w.oid = g.grantee WHERE g.grantee <> g.relowner
    UNION
    SELECT r.relname, 'OWNER', o.rolname FROM relations AS r JOIN pg_roles AS o ON o.oid = r.relowner
     WHERE o.rolname <> $1 || '_owner'
)
SELECT role || ': ' || privilege || ' on ' || relname AS told FROM named
 WHERE NOT EXISTS (SELECT FROM allowed AS a WHERE a.role = named.role AND a.privilege = named.privilege
                      AND (a.relation IS NULL OR a.relation = named.relname))
 ORDER BY told
