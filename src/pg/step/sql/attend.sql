-- Holds the lock on a lease's token while the session lives, so that a take-over
-- ends it. Shared, and nobody takes it exclusively: it waits for nobody.
-- Parameters: token text.
-- Oldest server: 13. Privileges: none.
SELECT pg_try_advisory_lock_shared(pgcutover.lock_key($1))
