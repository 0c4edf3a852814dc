-- Live and dead tuples of a table, its partitions included, by the statistics:
-- $1 schema (NULL: by the search path), $2 name.
-- Columns: tables bigint, 0 where there is no such table; live, dead, estimated
--          float8 (the last from the catalog); counted bool.
-- pg_inherits is read as a table: pg_partition_tree would wait behind ACCESS EXCLUSIVE.
-- Oldest server: 13. Privileges: none.
WITH RECURSIVE part AS (
    SELECT c.oid
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = $2 AND c.relkind IN ('r', 'p', 'm')
      AND CASE WHEN $1::text IS NULL THEN pg_table_is_visible(c.oid) ELSE n.nspname = $1 END
    UNION ALL
    SELECT i.inhrelid FROM part p JOIN pg_inherits i ON i.inhparent = p.oid
)
SELECT count(*) AS tables,
       coalesce(sum(pg_stat_get_live_tuples(c.oid)), 0)::float8 AS live,
       coalesce(sum(pg_stat_get_dead_tuples(c.oid)), 0)::float8 AS dead,
       coalesce(sum(greatest(c.reltuples, 0)), 0)::float8 AS estimated,
       current_setting('track_counts')::bool AS counted
FROM part p JOIN pg_class c ON c.oid = p.oid
