-- A run with everything that its first append needs; the caller's session is its lead.
-- $1 run, $2 cutover, $3 plan hash, $4 host, $5 pid, $6 backend_start.
-- Columns: epoch bigint, token text, holder text, system text, attended boolean. Oldest server: 13.
-- Privileges: owner of the schema.
WITH run AS (
    INSERT INTO pgcutover.run (run_id, cutover, plan_hash) VALUES ($1, $2, $3)
), head AS (
    INSERT INTO pgcutover.head (run_id, seq, hash) VALUES ($1, 0, '')
), beat AS (
    INSERT INTO pgcutover.heartbeat (run_id, epoch, at) VALUES ($1, 1, clock_timestamp())
), lease AS (
    INSERT INTO pgcutover.lease (run_id, epoch, token, holder, host, system, pid, backend_start)
    VALUES ($1, 1, pgcutover.new_token(1), session_user, $4, pgcutover.system(), $5, $6)
    RETURNING epoch, token, holder, system
)
SELECT epoch, token, holder, system, pg_try_advisory_lock_shared(pgcutover.lock_key(token)) AS attended
FROM lease
