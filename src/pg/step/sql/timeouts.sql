-- Sets how long a statement may wait for a lock and run, and that its commit
-- does not wait for a standby while it holds locks.
-- Parameters: lock_timeout text, statement_timeout text, synchronous_commit text,
--             local bool (until the end of the transaction only).
-- Columns: three texts, the new values.
-- Oldest server: 13. Privileges: none.
SELECT set_config('lock_timeout', $1, $4),
       set_config('statement_timeout', $2, $4),
       set_config('synchronous_commit', $3, $4)
