-- Who holds a run's lease, on which server it was taken and which one this is, and
-- how alive that lead is by this server's clock.
-- $1 run. Columns: epoch bigint, token text, holder text, host text, taken_at timestamptz,
-- taken_on text, timeline bigint (NULL on a standby), system text, silence_ms bigint, attended boolean.
-- Oldest server: 13. Privileges: owner of the schema.
SELECT l.epoch, l.token, l.holder, l.host, l.taken_at, l.system AS taken_on,
       CASE WHEN NOT pg_is_in_recovery() THEN pgcutover.timeline() END AS timeline,
       pgcutover.system() AS system,
       (extract(epoch FROM clock_timestamp() - h.at) * 1000)::bigint AS silence_ms,
       EXISTS (SELECT FROM pgcutover.holders(l.token)) AS attended
FROM pgcutover.lease l
JOIN pgcutover.heartbeat h USING (run_id)
WHERE l.run_id = $1
