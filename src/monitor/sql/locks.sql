-- Sessions that wait for a lock, and those that they wait for.
-- Columns: pid int (0: a prepared transaction), started_us bigint, application,
--          usename, state, query text (NULL without pg_read_all_stats for other
--          roles' sessions), transaction_s, waited_s float8; and where it waits
--          itself mode, kind, relation text (NULL in another database), behind int[].
-- pg_blocking_pids is asked for waiters only: it stops every lock manager
-- partition for a moment. pg_locks shows waits to every role. Its `waitstart`
-- is there from 14 on, hence the detour through jsonb; before, the time since
-- the statement began stands for it.
-- No lock is taken on a user's table: regclass::text does not.
-- Oldest server: 13. Privileges: pg_monitor (or pg_read_all_stats) to see statements.
WITH waiting AS MATERIALIZED (
    SELECT l.pid,
           l.mode,
           l.locktype AS kind,
           CASE WHEN l.database = d.oid THEN l.relation::regclass::text END AS relation,
           (to_jsonb(l) ->> 'waitstart')::timestamptz AS since,
           pg_blocking_pids(l.pid) AS behind
    FROM pg_locks l, pg_database d
    WHERE NOT l.granted AND d.datname = current_database()
), involved AS (
    SELECT w.pid FROM waiting w
    UNION
    SELECT unnest(w.behind) FROM waiting w
)
SELECT i.pid,
       (extract(epoch FROM a.backend_start) * 1000000)::bigint AS started_us,
       coalesce(a.application_name, '') AS application,
       coalesce(a.usename::text, '') AS usename,
       coalesce(a.state, '') AS state,
       coalesce(a.query, '') AS query,
       extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS transaction_s,
       CASE WHEN w.pid IS NOT NULL THEN
           extract(epoch FROM clock_timestamp() - coalesce(w.since, a.query_start))::float8
       END AS waited_s,
       w.mode,
       w.kind,
       w.relation,
       coalesce(w.behind, '{}') AS behind
FROM involved i
LEFT JOIN waiting w ON w.pid = i.pid
LEFT JOIN pg_stat_activity a ON a.pid = i.pid
ORDER BY i.pid
