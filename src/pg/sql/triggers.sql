-- The triggers of relations, those of constraints left out.
-- Parameters: $1 oid[] relations.
-- Columns: relation oid, name text, function_schema text, function_name text,
--   enabled text (O, R, A, D), on_update bool, update_of text[].
-- Oldest server: 13. Privileges: none.
SELECT t.tgrelid AS relation,
       t.tgname::text AS name,
       n.nspname::text AS function_schema,
       p.proname::text AS function_name,
       t.tgenabled::text AS enabled,
       (t.tgtype & 16) <> 0 AS on_update, -- TRIGGER_TYPE_UPDATE
       ARRAY(
           SELECT a.attname::text
           FROM pg_catalog.pg_attribute AS a
           WHERE a.attrelid = t.tgrelid AND a.attnum = ANY (t.tgattr::int2[])
           ORDER BY a.attnum) AS update_of
FROM pg_catalog.pg_trigger AS t
JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
WHERE t.tgrelid = ANY ($1::oid[]) AND NOT t.tgisinternal
ORDER BY t.tgrelid, t.tgname
