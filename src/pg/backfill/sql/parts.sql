-- The partitions of a table that hold rows, in order of their names; the table
-- itself where it has none: $1 schema, $2 table.
-- Columns: part bigint (its oid), schema text, name text, rows bigint (the
--          catalog's estimate, NULL before the first ANALYZE).
-- Oldest server: 13. Privileges: none. Takes ACCESS SHARE on the partitions.
SELECT c.oid::bigint AS part, s.nspname::text AS schema, c.relname::text AS name,
       nullif(c.reltuples, -1)::bigint AS rows
FROM pg_class root
JOIN pg_namespace n ON n.oid = root.relnamespace
-- Of a table without partitions, or that is none, the tree is empty.
LEFT JOIN LATERAL pg_partition_tree(root.oid) leaf ON leaf.isleaf
JOIN pg_class c ON c.oid = coalesce(leaf.relid, root.oid)
JOIN pg_namespace s ON s.oid = c.relnamespace
WHERE n.nspname = $1 AND root.relname = $2 AND c.relkind <> 'p'
ORDER BY s.nspname, c.relname
