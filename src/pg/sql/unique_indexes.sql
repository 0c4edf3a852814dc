-- The unique indexes of relations.
-- Parameters: $1 oid[] relations.
-- Columns: relation oid, name text, columns text[] (empty over expressions),
--   is_primary bool, valid bool, immediate bool, partial bool,
--   plain_order bool, replica_identity bool.
-- Oldest server: 13. Privileges: none. pg_get_indexdef would wait for a lock.
SELECT i.indrelid AS relation,
       c.relname::text AS name,
       CASE WHEN i.indexprs IS NULL THEN ARRAY(
           SELECT a.attname::text
           FROM generate_series(0, i.indnkeyatts - 1) AS p
           JOIN pg_catalog.pg_attribute AS a
             ON a.attrelid = i.indrelid AND a.attnum = i.indkey[p]
           ORDER BY p) ELSE '{}' END AS columns,
       i.indisprimary AS is_primary,
       i.indisvalid AND i.indisready AND i.indislive AS valid,
       i.indimmediate AS immediate,
       i.indpred IS NOT NULL AS partial,
       NOT EXISTS (
           SELECT
           FROM generate_series(0, i.indnkeyatts - 1) AS p
           JOIN pg_catalog.pg_attribute AS a
             ON a.attrelid = i.indrelid AND a.attnum = i.indkey[p]
           JOIN pg_catalog.pg_opclass AS o ON o.oid = i.indclass[p]
           WHERE NOT o.opcdefault
              OR i.indcollation[p] <> a.attcollation
              OR i.indoption[p] <> i.indoption[0]) AS plain_order,
       i.indisreplident AS replica_identity
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
WHERE i.indrelid = ANY ($1::oid[]) AND i.indisunique
ORDER BY i.indrelid, NOT i.indisprimary, c.relname
