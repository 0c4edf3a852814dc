-- Works under the lease's token until leave.sql, or as long as the session lives.
-- Parameters: token text. Columns: none to be read.
-- Oldest server: 13. Privileges: EXECUTE on pgcutover.lock_key.
SELECT pg_advisory_lock_shared(pgcutover.lock_key($1))
