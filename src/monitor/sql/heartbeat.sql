-- The lead's newest heartbeat, as this server has it.
-- Parameters: run text.
-- Columns: at_us bigint, microseconds since 1970 by the primary's clock.
-- Oldest server: 13. Privileges: SELECT on pgcutover.heartbeat.
SELECT (extract(epoch FROM at) * 1000000)::bigint AS at_us
FROM pgcutover.heartbeat
WHERE run_id = $1
