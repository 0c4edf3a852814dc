-- Answers a request, once; a reply that is there stays.
-- $1 run, $2 token, $3 intent, $4 reply. No columns. Oldest server: 13.
-- Privileges: owner of the schema.
WITH fenced AS MATERIALIZED (SELECT pgcutover.fence($1, $2))
UPDATE pgcutover.intent SET reply = $4::text::json, replied_at = clock_timestamp()
FROM fenced
WHERE run_id = $1 AND intent_id = $3 AND reply IS NULL
