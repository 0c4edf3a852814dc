-- Client sessions by state. The kind of another role's session is hidden
-- without pg_read_all_stats: `hidden` counts those.
-- Columns: active (ours left out), idle_in_transaction, total, hidden, max bigint;
--          oldest_s float8, of transactions other than this one.
-- Oldest server: 13. Privileges: pg_monitor (or pg_read_all_stats).
SELECT count(*) FILTER (WHERE a.state = 'active'
                          AND a.application_name NOT LIKE 'pgcutover:%') AS active,
       count(*) FILTER (WHERE a.state LIKE 'idle in transaction%') AS idle_in_transaction,
       count(*) FILTER (WHERE a.backend_type = 'client backend') AS total,
       count(*) FILTER (WHERE a.backend_type IS NULL) AS hidden,
       current_setting('max_connections')::bigint AS max,
       max(extract(epoch FROM clock_timestamp() - a.xact_start)::float8)
           FILTER (WHERE a.pid <> pg_backend_pid()) AS oldest_s
FROM pg_stat_activity a
WHERE a.backend_type = 'client backend' OR (a.backend_type IS NULL AND a.usesysid IS NOT NULL)
