-- The session's own values of what timeouts.sql sets.
-- Columns: lock_timeout, statement_timeout, synchronous_commit; text.
-- Oldest server: 13. Privileges: none.
SELECT current_setting('lock_timeout') AS lock_timeout,
       current_setting('statement_timeout') AS statement_timeout,
       current_setting('synchronous_commit') AS synchronous_commit
