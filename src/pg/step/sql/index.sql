-- An index by the name that CREATE INDEX gives it, in its table's schema.
-- Parameters: index text, table text; as written, the server folds their case.
-- Columns: valid bool, definition text (NULL where it is on another table, as a
--          namesake's may be), builder int (pid that builds it now),
--          remove text (the statement that drops it).
-- Where there is one on that table, pg_get_indexdef waits behind ACCESS EXCLUSIVE,
-- for as long as lock_timeout lets it.
-- Oldest server: 13. Privileges: none (the progress of other roles' builds is
-- hidden without pg_read_all_stats, their pid is not).
SELECT i.indisvalid AND i.indisready AS valid,
       CASE WHEN i.indrelid = t.oid THEN pg_get_indexdef(c.oid) END AS definition,
       (SELECT p.pid FROM pg_stat_progress_create_index p WHERE p.index_relid = c.oid LIMIT 1) AS builder,
       format('DROP INDEX CONCURRENTLY IF EXISTS %I.%I', n.nspname, c.relname) AS remove
FROM pg_class t
JOIN pg_class c ON c.relnamespace = t.relnamespace AND c.relname = (parse_ident($1))[1]
JOIN pg_index i ON i.indexrelid = c.oid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE t.oid = to_regclass($2)
