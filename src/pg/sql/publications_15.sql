-- The publications of the database.
-- Parameters: $1 oid[] relations, the only tables that are told.
-- Columns: name text, all_tables bool, schemas text[], tables json (an array of
--   {schema, name, columns}; columns null: all).
-- Oldest server: 15. Privileges: none. The view pg_publication_tables is left
--   alone: it would walk every published table.
SELECT p.pubname::text AS name,
       p.puballtables AS all_tables,
       ARRAY(
           SELECT n.nspname::text
           FROM pg_catalog.pg_publication_namespace AS pn
           JOIN pg_catalog.pg_namespace AS n ON n.oid = pn.pnnspid
           WHERE pn.pnpubid = p.oid
           ORDER BY n.nspname) AS schemas,
       coalesce(t.tables, '[]') AS tables
FROM pg_catalog.pg_publication AS p
LEFT JOIN LATERAL (
    SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
               'schema', n.nspname, 'name', c.relname, 'columns', (
               SELECT pg_catalog.array_agg(a.attname::text ORDER BY a.attnum)
               FROM pg_catalog.pg_attribute AS a
               WHERE a.attrelid = c.oid AND a.attnum = ANY (r.prattrs::int2[])))
           ORDER BY c.oid) AS tables
    FROM pg_catalog.pg_publication_rel AS r
    JOIN pg_catalog.pg_class AS c ON c.oid = r.prrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE r.prpubid = p.oid AND r.prrelid = ANY ($1::oid[])
) AS t ON true
ORDER BY p.pubname
