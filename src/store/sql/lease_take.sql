-- Takes the lease over, unless somebody was faster: no row then. Waits for the
-- transactions that are fenced by the former token. The session attends the
-- new one before anybody can see it.
-- $1 run, $2 former token, $3 host, $4 pid, $5 backend_start.
-- Columns: epoch bigint, token text, holder text, system text, attended boolean.
-- Oldest server: 13. Privileges: owner of the schema.
WITH taken AS (
    UPDATE pgcutover.lease l
    SET epoch = l.epoch + 1, token = pgcutover.new_token(l.epoch + 1), holder = session_user,
        host = $3, system = pgcutover.system(), pid = $4, backend_start = $5,
        taken_at = clock_timestamp()
    WHERE l.run_id = $1 AND l.token = $2
    RETURNING l.epoch, l.token, l.holder, l.system
), beat AS (
    UPDATE pgcutover.heartbeat h SET epoch = taken.epoch, at = clock_timestamp()
    FROM taken WHERE h.run_id = $1
)
SELECT epoch, token, holder, system,
       pg_try_advisory_lock_shared(pgcutover.lock_key(token)) AS attended
FROM taken
