-- The events of a run after a number, in order; the body as the text that is hashed.
-- $1 run, $2 after, $3 at most. Columns: seq bigint, at timestamptz, kind text,
-- body text, hash text. Oldest server: 13. Privileges: SELECT on the table.
SELECT seq, at, kind, body::text AS body, hash
FROM pgcutover.event
WHERE run_id = $1 AND seq > $2
ORDER BY seq
LIMIT $3
