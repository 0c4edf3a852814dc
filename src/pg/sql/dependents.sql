-- What depends on the columns of relations.
-- Parameters: $1 oid[] relations.
-- Columns: relation oid, column_name text, kind text, schema text, name text,
--   identity text, blocks bool (DROP COLUMN without CASCADE is refused).
-- Oldest server: 13. Privileges: none.
--
-- A view depends through its rule; it is the view that is told.
SELECT DISTINCT
       d.refobjid AS relation,
       a.attname::text AS column_name,
       CASE WHEN v.oid IS NULL THEN o.type
            WHEN v.relkind = 'm' THEN 'materialized view'
            ELSE 'view' END AS kind,
       coalesce(vn.nspname::text, o.schema) AS schema,
       coalesce(v.relname::text, o.name, k.conname::text, t.tgname::text) AS name,
       CASE WHEN v.oid IS NULL THEN o.identity
            ELSE pg_catalog.quote_ident(vn.nspname) || '.' || pg_catalog.quote_ident(v.relname)
       END AS identity,
       d.deptype = 'n' AS blocks
FROM pg_catalog.pg_depend AS d
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.classid, d.objid, d.objsubid) AS o
LEFT JOIN pg_catalog.pg_rewrite AS r
  ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND r.oid = d.objid AND r.rulename = '_RETURN'
LEFT JOIN pg_catalog.pg_class AS v ON v.oid = r.ev_class
LEFT JOIN pg_catalog.pg_namespace AS vn ON vn.oid = v.relnamespace
LEFT JOIN pg_catalog.pg_constraint AS k
  ON d.classid = 'pg_catalog.pg_constraint'::regclass AND k.oid = d.objid
LEFT JOIN pg_catalog.pg_trigger AS t
  ON d.classid = 'pg_catalog.pg_trigger'::regclass AND t.oid = d.objid
WHERE d.refclassid = 'pg_catalog.pg_class'::regclass
  AND d.refobjid = ANY ($1::oid[])
  AND d.refobjsubid > 0
  AND NOT a.attisdropped
  -- An internal dependency is a part of the column, such as its identity's sequence.
  AND d.deptype IN ('n', 'a')
  AND (t.oid IS NULL OR NOT t.tgisinternal)
ORDER BY relation, column_name, kind, identity
