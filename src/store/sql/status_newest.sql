-- The lead's newest picture of a run. Parameters: run.
-- Columns: body text, age_ms bigint. Oldest server: 13. Privileges: SELECT.
SELECT body::text AS body,
       (extract(epoch FROM clock_timestamp() - at) * 1000)::bigint AS age_ms
FROM pgcutover.status
WHERE run_id = $1
