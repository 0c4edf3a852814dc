-- Begins, or begins anew where a checkpoint is void: $1 run, $2 step, $3
-- attempt, $4 worker, $5 chunk_rows, $6 identity (json).
-- Columns: none. Oldest server: 13. Privileges: INSERT, UPDATE on
-- pgcutover.checkpoint, DELETE on pgcutover.quarantine.
WITH void AS (
    DELETE FROM pgcutover.quarantine WHERE run_id = $1 AND step = $2 AND attempt = $3
)
INSERT INTO pgcutover.checkpoint (run_id, step, attempt, worker, stage, chunk_rows, identity)
VALUES ($1, $2, $3, $4, 'copy', $5, $6)
ON CONFLICT (run_id, step, attempt, worker) DO UPDATE
SET stage = excluded.stage, last_key = NULL, rows_visited = 0, rows_written = 0, rows_swept = 0,
    chunks = 0, chunk_rows = excluded.chunk_rows, busy_ms = 0, identity = excluded.identity,
    started_at = clock_timestamp(), updated_at = clock_timestamp()
