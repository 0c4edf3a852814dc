-- Functions whose body may name a table: those of the relations' triggers, and
-- those that hold one of the names, as text.
-- Parameters: $1 oid[] relations; $2 text[] their names.
-- Columns: schema text, name text, returns_trigger bool, body text.
-- Oldest server: 13. Privileges: none. C and internal functions have no body
--   to look at; an SQL-standard body is tracked by dependencies instead.
SELECT n.nspname::text AS schema,
       p.proname::text AS name,
       p.prorettype = 'pg_catalog.trigger'::regtype AS returns_trigger,
       p.prosrc AS body
FROM pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
WHERE l.lanname NOT IN ('c', 'internal')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pgcutover')
  AND (EXISTS (
           SELECT FROM unnest($2::text[]) AS w (name)
           WHERE pg_catalog.strpos(pg_catalog.lower(p.prosrc), pg_catalog.lower(w.name)) > 0)
       OR EXISTS (
           SELECT FROM pg_catalog.pg_trigger AS t
           WHERE t.tgfoid = p.oid AND t.tgrelid = ANY ($1::oid[])))
ORDER BY n.nspname, p.proname, p.oid
