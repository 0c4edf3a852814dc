-- Ends the sessions that work under an older copy of the lease.
-- $1 run, $2 token. Columns: ended int. Oldest server: 13. Privileges: owner of the schema.
SELECT pgcutover.end_holders(token) AS ended
FROM pgcutover.lease
WHERE run_id = $1 AND pgcutover.is_older(token, $2)
