-- The event that a task committed together with its work, behind a known event.
-- Parameters: run text, seq bigint, step text, direction text.
-- Columns: seq bigint, at timestamptz, hash text, body text.
-- Oldest server: 13. Privileges: SELECT on pgcutover.event.
SELECT e.seq, e.at, e.hash, e.body::text AS body
FROM pgcutover.event e
WHERE e.run_id = $1
  AND e.seq > $2
  AND e.kind = 'step_succeeded'
  AND e.body -> 'task' ->> 'step' = $3
  AND e.body -> 'task' ->> 'direction' = $4
ORDER BY e.seq
LIMIT 1
