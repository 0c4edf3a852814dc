-- Relations by name, with the catalog's estimate of their size.
-- Parameters: $1 text[] names; $2 text[] schemas, NULL means any of $3;
--   $3 text[] the search path.
-- Columns: oid oid, schema text, name text, kind text, replica_identity text,
--   row_security bool, has_children bool, rows float8 (NULL: never counted),
--   bytes int8, indexes int8, index_bytes int8, fillfactor int4 (the last three of
--   the partitions: the most indexes, all bytes, the fullest pages).
-- Oldest server: 13. Privileges: none.
--
-- pg_relation_size would wait behind ACCESS EXCLUSIVE; relpages does not. The
-- size of a partitioned table is that of its partitions, by pg_inherits:
-- pg_partition_tree takes locks; row_security_active does not.
WITH RECURSIVE wanted AS (
    SELECT DISTINCT c.oid
    FROM unnest($1::text[], $2::text[]) AS w (name, schema)
    JOIN pg_catalog.pg_class AS c ON c.relname = w.name
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND CASE WHEN w.schema IS NULL THEN n.nspname = ANY ($3::text[])
               ELSE n.nspname = w.schema END
), parts (root, oid) AS (
    SELECT w.oid, w.oid FROM wanted AS w
    UNION ALL
    SELECT p.root, i.inhrelid
    FROM parts AS p
    JOIN pg_catalog.pg_class AS parent ON parent.oid = p.oid AND parent.relkind = 'p'
    JOIN pg_catalog.pg_inherits AS i ON i.inhparent = p.oid
), sizes AS (
    -- reltuples is -1 for "never counted" from 14 on; before, 0 with no pages.
    SELECT p.root,
           sum(c.reltuples::float8) FILTER (WHERE c.reltuples > 0 OR (c.reltuples = 0 AND c.relpages > 0)) AS rows,
           sum(c.relpages::int8) AS pages,
           max(x.indexes) AS indexes,
           sum(x.pages) AS index_pages,
           max(coalesce(o.fillfactor, 100)) AS fillfactor
    FROM parts AS p
    JOIN pg_catalog.pg_class AS c ON c.oid = p.oid AND c.relkind <> 'p'
    CROSS JOIN LATERAL (
        SELECT count(*) AS indexes, coalesce(sum(ic.relpages::int8), 0) AS pages
        FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS ic ON ic.oid = i.indexrelid
        WHERE i.indrelid = c.oid) AS x
    LEFT JOIN LATERAL (
        SELECT option_value::int4 AS fillfactor
        FROM pg_catalog.pg_options_to_table(c.reloptions) WHERE option_name = 'fillfactor') AS o ON true
    GROUP BY p.root
)
SELECT c.oid,
       n.nspname::text AS schema,
       c.relname::text AS name,
       c.relkind::text AS kind,
       c.relreplident::text AS replica_identity,
       pg_catalog.row_security_active(c.oid) AS row_security,
       c.relkind = 'r' AND EXISTS (
           SELECT FROM pg_catalog.pg_inherits AS i WHERE i.inhparent = c.oid) AS has_children,
       s.rows,
       coalesce(s.pages, 0)::int8 * pg_catalog.current_setting('block_size')::int8 AS bytes,
       coalesce(s.indexes, 0)::int8 AS indexes,
       coalesce(s.index_pages, 0)::int8 * pg_catalog.current_setting('block_size')::int8 AS index_bytes,
       coalesce(s.fillfactor, 100)::int4 AS fillfactor
FROM wanted AS w
JOIN pg_catalog.pg_class AS c ON c.oid = w.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN sizes AS s ON s.root = c.oid
ORDER BY n.nspname, c.relname
