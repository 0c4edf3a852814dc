-- Which server this is, and where it looks names up.
-- Parameters: none.
-- Columns: version_num int4, database text, in_recovery bool,
--   started timestamptz, search_path text[], may_read_control bool.
-- Oldest server: 13. Privileges: none.
SELECT pg_catalog.current_setting('server_version_num')::int AS version_num,
       pg_catalog.current_database()::text AS database,
       pg_catalog.pg_is_in_recovery() AS in_recovery,
       pg_catalog.pg_postmaster_start_time() AS started,
       pg_catalog.current_schemas(true)::text[] AS search_path,
       pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')
           AND pg_catalog.has_function_privilege('pg_catalog.pg_control_checkpoint()', 'EXECUTE')
           AS may_read_control
