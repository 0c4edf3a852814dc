-- The rows set aside so far: $1 run, $2 step, $3 attempt.
-- Columns: key text[], message text. Oldest server: 13. Privileges: SELECT on
-- pgcutover.quarantine.
SELECT key, message FROM pgcutover.quarantine
WHERE run_id = $1 AND step = $2 AND attempt = $3
ORDER BY at
