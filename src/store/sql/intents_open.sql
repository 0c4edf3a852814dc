-- The requests that wait for a reply, oldest first.
-- $1 run. Columns: intent_id bigint, by_user text, roles text[], ask text, saw bigint,
-- saw_hash text. Oldest server: 13. Privileges: owner of the schema.
SELECT intent_id, by_user, roles, ask::text AS ask, saw, saw_hash
FROM pgcutover.intent
WHERE run_id = $1 AND reply IS NULL
ORDER BY intent_id
LIMIT 100
