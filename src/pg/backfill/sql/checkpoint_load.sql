-- Where a worker got to: $1 run, $2 step, $3 attempt, $4 worker.
-- Columns: stage text, last_key text[], rows_visited, rows_written, rows_swept,
--          chunks bigint, chunk_rows int, busy_ms bigint, identity json,
--          age_ms bigint (since its first chunk, by the server's clock).
-- Oldest server: 13. Privileges: SELECT on pgcutover.checkpoint.
SELECT stage, last_key, rows_visited, rows_written, rows_swept, chunks, chunk_rows, busy_ms, identity,
       (extract(epoch FROM clock_timestamp() - started_at) * 1000)::bigint AS age_ms
FROM pgcutover.checkpoint
WHERE run_id = $1 AND step = $2 AND attempt = $3 AND worker = $4
