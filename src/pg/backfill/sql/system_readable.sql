-- Whether this role may read the server's identifier.
-- Columns: readable bool. Oldest server: 13. Privileges: none.
SELECT has_function_privilege('pg_control_system()', 'EXECUTE') AS readable
