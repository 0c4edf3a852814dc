-- Replaces how the lead of a run stands, where its token is the lease's.
-- Parameters: run, token, status (JSON as text), tool, picture (JSON as text).
-- Columns: none. Oldest server: 13. Privileges: the schema's owner.
INSERT INTO pgcutover.status AS s (run_id, at, body, tool, picture)
SELECT l.run_id, clock_timestamp(), $3::json, $4, $5::json
FROM pgcutover.lease l
WHERE l.run_id = $1 AND l.token = $2
ON CONFLICT (run_id) DO UPDATE
    SET at = excluded.at, body = excluded.body, tool = excluded.tool, picture = excluded.picture
