-- Takes a row out of quarantine, in the transaction that wrote it: $1 run, $2
-- step, $3 attempt, $4 key. That waits for the disk: the journal may be elsewhere,
-- and counts the row as written.
-- Columns: none to be read. Oldest server: 13. Privileges: DELETE on pgcutover.quarantine.
WITH removed AS (
    DELETE FROM pgcutover.quarantine WHERE run_id = $1 AND step = $2 AND attempt = $3 AND key = $4
)
SELECT set_config('synchronous_commit', 'on', true)
