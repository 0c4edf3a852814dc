-- Makes room for a round's first checkpoints, void ones included: $1 run, $2
-- step, $3 attempt, $4 round. A rerun keeps what earlier rounds set aside.
-- Columns: none. Oldest server: 13. Privileges: DELETE on pgcutover.checkpoint
-- and pgcutover.quarantine.
WITH void AS (
    DELETE FROM pgcutover.quarantine WHERE run_id = $1 AND step = $2 AND attempt = $3 AND $4 = 0
)
DELETE FROM pgcutover.checkpoint WHERE run_id = $1 AND step = $2 AND attempt = $3 AND round = $4
