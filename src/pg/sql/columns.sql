-- The columns of relations, in order.
-- Parameters: $1 oid[] relations; $2 text, the collation and version of the
--   database's default, or NULL.
-- Columns: relation oid, name text, data_type text, collation text,
--   not_null bool, generated bool, has_default bool, has_grants bool.
-- Oldest server: 13. Privileges: none.
--
-- format_type qualifies a type unless it is in the search path, which the
-- caller has set to pg_catalog.
SELECT a.attrelid AS relation,
       a.attname::text AS name,
       pg_catalog.format_type(a.atttypid, a.atttypmod) AS data_type,
       CASE
           WHEN a.attcollation = 0 THEN NULL
           WHEN co.collprovider = 'd' THEN coalesce($2::text, 'default')
           ELSE pg_catalog.concat_ws(' ',
               pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname),
               pg_catalog.pg_collation_actual_version(co.oid))
       END AS collation,
       a.attnotnull AS not_null,
       a.attgenerated <> '' OR a.attidentity = 'a' AS generated,
       a.atthasdef AS has_default,
       a.attacl IS NOT NULL AS has_grants
FROM pg_catalog.pg_attribute AS a
LEFT JOIN pg_catalog.pg_collation AS co ON co.oid = a.attcollation
LEFT JOIN pg_catalog.pg_namespace AS cn ON cn.oid = co.collnamespace
WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
