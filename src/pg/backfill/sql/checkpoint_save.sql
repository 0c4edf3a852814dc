-- Writes a checkpoint, in the transaction of the chunk that it counts: $1 run,
-- $2 step, $3 attempt, $4 worker, $5 stage, $6 last_key, $7 rows_visited, $8
-- rows_written, $9 rows_swept, $10 chunks, $11 chunk_rows, $12 busy_ms.
-- Columns: none; one row, or the checkpoint is gone.
-- Oldest server: 13. Privileges: UPDATE on pgcutover.checkpoint.
UPDATE pgcutover.checkpoint
SET stage = $5, last_key = $6, rows_visited = $7, rows_written = $8, rows_swept = $9,
    chunks = $10, chunk_rows = $11, busy_ms = $12, updated_at = clock_timestamp()
WHERE run_id = $1 AND step = $2 AND attempt = $3 AND worker = $4
