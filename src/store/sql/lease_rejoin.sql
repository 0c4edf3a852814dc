-- The same lead on a new session; no row where the lease is not its own any more.
-- $1 run, $2 token, $3 pid, $4 backend_start. Columns: attended boolean.
-- Oldest server: 13. Privileges: owner of the schema.
UPDATE pgcutover.lease SET pid = $3, backend_start = $4
WHERE run_id = $1 AND token = $2
RETURNING pg_try_advisory_lock_shared(pgcutover.lock_key(token)) AS attended
