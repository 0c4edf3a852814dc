-- Takes a row out of quarantine, in the transaction that wrote it: $1 run, $2
-- step, $3 attempt, $4 key.
-- Columns: none. Oldest server: 13. Privileges: DELETE on pgcutover.quarantine.
DELETE FROM pgcutover.quarantine WHERE run_id = $1 AND step = $2 AND attempt = $3 AND key = $4
