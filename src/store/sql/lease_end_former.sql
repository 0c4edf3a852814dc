-- Ends the lead's former session, if the server still believes in it.
-- $1 run, $2 token. Columns: ended boolean. Oldest server: 13. Privileges: owner of the schema.
SELECT pg_terminate_backend(a.pid) AS ended
FROM pgcutover.lease l
JOIN pg_stat_activity a ON a.pid = l.pid AND a.backend_start = l.backend_start
WHERE l.run_id = $1 AND l.token = $2 AND a.pid <> pg_backend_pid()
