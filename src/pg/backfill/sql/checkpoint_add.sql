-- Begins a range: $1 run, $2 step, $3 attempt, $4 round, $5 range, $6 part, $7
-- stage, $8 low, $9 high, $10 rows_expected, $11 chunk_rows, $12 identity (json).
-- Columns: none. Oldest server: 13. Privileges: INSERT on pgcutover.checkpoint.
INSERT INTO pgcutover.checkpoint
    (run_id, step, attempt, round, range, part, stage, low, high, rows_expected, chunk_rows, identity)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
