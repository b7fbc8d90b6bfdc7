-- name: relations
SELECT coalesce(parent.relname, c.relname) AS name,
       sum(CASE WHEN c.relkind = 'i' THEN pg_relation_size(c.oid) ELSE pg_table_size(c.oid) END) AS bytes
  FROM pg_class AS c
  LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid
  LEFT JOIN pg_class AS parent ON parent.oid = i.inhparent
 WHERE c.relnamespace = $1::text::regnamespace AND c.relkind IN ('r', 'i')
 GROUP BY 1
