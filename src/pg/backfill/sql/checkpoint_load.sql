-- The ranges of a round and how far each has come: $1 run, $2 step, $3 attempt,
-- $4 round.
-- Columns: range int, part bigint, stage text, low, high, last_key text[],
--          rows_expected, rows_visited, rows_written, rows_swept, chunks bigint,
--          chunk_rows int, busy_ms, saves bigint, identity json, age_ms bigint
--          (since its first chunk, by the server's clock).
-- Oldest server: 13. Privileges: SELECT on pgcutover.checkpoint.
SELECT range, part, stage, low, high, last_key, rows_expected, rows_visited, rows_written, rows_swept,
       chunks, chunk_rows, busy_ms, saves, identity,
       (extract(epoch FROM clock_timestamp() - started_at) * 1000)::bigint AS age_ms
FROM pgcutover.checkpoint
WHERE run_id = $1 AND step = $2 AND attempt = $3 AND round = $4
ORDER BY range
