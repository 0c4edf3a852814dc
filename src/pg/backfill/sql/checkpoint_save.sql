-- Writes a checkpoint, in the transaction of the chunk that it counts: $1 run,
-- $2 step, $3 attempt, $4 round, $5 range, $6 stage, $7 high, $8 last_key, $9
-- rows_expected, $10 rows_visited, $11 rows_written, $12 rows_swept, $13 chunks,
-- $14 chunk_rows, $15 busy_ms, $16 saves so far.
-- Columns: none to be read. Raises PGC04 where the range is gone or has been saved
-- meanwhile: by a chunk whose connection was lost, and whose COMMIT arrived all
-- the same.
-- The end of a range waits for the disk, and with it all chunks before: the journal
-- may be on another server, and says that they are done for good.
-- Oldest server: 13. Privileges: UPDATE on pgcutover.checkpoint, EXECUTE on
-- pgcutover.saved_one.
WITH saved AS (
    UPDATE pgcutover.checkpoint
    SET stage = $6, high = $7, last_key = $8, rows_expected = $9, rows_visited = $10, rows_written = $11,
        rows_swept = $12, chunks = $13, chunk_rows = $14, busy_ms = $15, saves = saves + 1,
        updated_at = clock_timestamp()
    WHERE run_id = $1 AND step = $2 AND attempt = $3 AND round = $4 AND range = $5 AND saves = $16
    RETURNING 1
)
SELECT pgcutover.saved_one((SELECT count(*) FROM saved)),
       CASE WHEN $6 = 'done' THEN set_config('synchronous_commit', 'on', true) END
