-- Does not work under the lease's token any more.
-- Parameters: token text. Columns: none to be read.
-- Oldest server: 13. Privileges: EXECUTE on pgcutover.lock_key.
SELECT pg_advisory_unlock_shared(pgcutover.lock_key($1))
