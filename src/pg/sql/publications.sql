-- The publications of the database.
-- Parameters: $1 oid[] relations, the only tables that are told.
-- Columns: name text, all_tables bool, schemas text[], tables json (an array of
--   {schema, name, columns}; columns null: all).
-- Oldest server: 13, to 14. Privileges: none.
SELECT p.pubname::text AS name,
       p.puballtables AS all_tables,
       '{}'::text[] AS schemas,
       coalesce(t.tables, '[]') AS tables
FROM pg_catalog.pg_publication AS p
LEFT JOIN LATERAL (
    SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
               'schema', n.nspname, 'name', c.relname, 'columns', NULL)
           ORDER BY c.oid) AS tables
    FROM pg_catalog.pg_publication_rel AS r
    JOIN pg_catalog.pg_class AS c ON c.oid = r.prrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE r.prpubid = p.oid AND r.prrelid = ANY ($1::oid[])
) AS t ON true
ORDER BY p.pubname
