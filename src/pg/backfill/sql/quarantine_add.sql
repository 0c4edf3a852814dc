-- Sets a row aside: $1 run, $2 step, $3 attempt, $4 key, $5 sqlstate, $6 message.
-- Columns: none. Oldest server: 13. Privileges: INSERT, UPDATE on
-- pgcutover.quarantine.
INSERT INTO pgcutover.quarantine (run_id, step, attempt, key, sqlstate, message)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (run_id, step, attempt, key) DO UPDATE
SET sqlstate = excluded.sqlstate, message = excluded.message, at = clock_timestamp()
