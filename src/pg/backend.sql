-- Who serves this session, and what the server allows.
-- Columns: pid int, started timestamptz, version int (server_version_num),
--          in_recovery bool, read_only bool (default of the next transaction).
-- Oldest server: 13. Privileges: none (a session always sees its own row).
SELECT a.pid,
       a.backend_start AS started,
       current_setting('server_version_num')::int AS version,
       pg_is_in_recovery() AS in_recovery,
       current_setting('transaction_read_only')::bool AS read_only
FROM pg_stat_activity a
WHERE a.pid = pg_backend_pid()
