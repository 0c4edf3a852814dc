-- Copies the lease into another database; no row where a newer one is there.
-- Waits for the transactions there that are fenced by the former token.
-- $1 run, $2 epoch, $3 token, $4 holder, $5 host, $6 pid, $7 backend_start.
-- Columns: copied boolean. Oldest server: 13. Privileges: owner of the schema.
INSERT INTO pgcutover.lease AS l (run_id, epoch, token, holder, host, pid, backend_start)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (run_id) DO UPDATE
    SET epoch = excluded.epoch, token = excluded.token, holder = excluded.holder,
        host = excluded.host, pid = excluded.pid, backend_start = excluded.backend_start,
        taken_at = clock_timestamp()
    WHERE l.token = excluded.token OR pgcutover.is_older(l.token, excluded.token)
RETURNING true AS copied
