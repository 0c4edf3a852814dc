-- Whether a backend may still be there. Another role's start is hidden without
-- pg_read_all_stats: it counts as there, because nothing proves the contrary.
-- Parameters: pid int, backend_start timestamptz.
-- Columns: certain bool.
-- Oldest server: 13. Privileges: none.
SELECT a.backend_start IS NOT NULL AS certain
FROM pg_stat_activity a
WHERE a.pid = $1 AND (a.backend_start = $2 OR a.backend_start IS NULL)
