-- Whether a backend waits for a lock, for which, and how many queue behind it.
-- Parameters: pid int.
-- Columns: mode, kind, relation (text, all NULL where it does not wait; relation
--          NULL in another database too), waiters bigint.
-- pg_locks and pg_blocking_pids show everybody's locks to everybody; the waits
-- in pg_stat_activity are shown to the session's own role, which we share.
-- The lateral part does not run while the backend does not wait.
-- Oldest server: 13. Privileges: none.
SELECT w.mode, w.kind, w.relation, coalesce(w.waiters, 0) AS waiters
FROM pg_stat_activity a
LEFT JOIN LATERAL (
    SELECT l.mode,
           l.locktype AS kind,
           CASE WHEN l.database = d.oid THEN l.relation::regclass::text END AS relation,
           (SELECT count(DISTINCT o.pid)
            FROM pg_locks o
            WHERE NOT o.granted AND o.pid <> a.pid AND a.pid = ANY (pg_blocking_pids(o.pid))) AS waiters
    FROM pg_locks l, pg_database d
    WHERE a.wait_event_type = 'Lock'
      AND l.pid = a.pid
      AND NOT l.granted
      AND d.datname = current_database()
    LIMIT 1
) w ON true
WHERE a.pid = $1
