-- Leaves a receipt in a database that is not the journal's. The primary key
-- refuses (23505) to do the same task of the same attempt twice.
-- Parameters: run text, step text, direction text, attempt int, rows bigint.
-- Columns: took_ms bigint, since BEGIN.
-- Oldest server: 13. Privileges: INSERT on pgcutover.receipt.
INSERT INTO pgcutover.receipt (run_id, step, direction, attempt, rows)
VALUES ($1, $2, $3, $4, $5)
RETURNING (extract(epoch FROM clock_timestamp() - transaction_timestamp()) * 1000)::bigint AS took_ms
