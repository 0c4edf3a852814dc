-- What the server is.
-- Columns: version_num int, version text, database text, in_recovery bool.
-- Oldest server: 13. Privileges: none.
SELECT current_setting('server_version_num')::int AS version_num,
       current_setting('server_version') AS version,
       current_database()::text AS database,
       pg_is_in_recovery() AS in_recovery
