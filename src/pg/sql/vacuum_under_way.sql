-- Whether somebody vacuums a table or one of its partitions already: $1 schema, $2 name.
-- Columns: busy bool.
-- Oldest server: 13. Privileges: pg_monitor (or pg_read_all_stats) to see that
-- of other roles; without it, the lock tells.
WITH RECURSIVE part AS (
    SELECT c.oid
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = $2 AND n.nspname = $1
    UNION ALL
    SELECT i.inhrelid FROM part p JOIN pg_inherits i ON i.inhparent = p.oid
)
SELECT EXISTS (SELECT FROM pg_stat_progress_vacuum v JOIN part p ON p.oid = v.relid) AS busy
