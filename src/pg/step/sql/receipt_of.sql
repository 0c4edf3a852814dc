-- The receipt of a task, where its transaction committed.
-- Parameters: run text, step text, direction text, attempt int.
-- Columns: rows bigint.
-- Oldest server: 13. Privileges: SELECT on pgcutover.receipt.
SELECT rows
FROM pgcutover.receipt
WHERE run_id = $1 AND step = $2 AND direction = $3 AND attempt = $4
