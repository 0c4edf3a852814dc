-- Ends a backend of ours, never the one that has its pid by now.
-- Parameters: pid int, backend_start timestamptz.
-- Oldest server: 13. Privileges: the session's own role, or pg_signal_backend.
SELECT pg_terminate_backend(a.pid)
FROM pg_stat_activity a
WHERE a.pid = $1 AND a.backend_start = $2
