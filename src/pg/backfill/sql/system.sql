-- The server's identifier; a physical copy shares it.
-- Columns: system text. Oldest server: 13. Privileges: EXECUTE on
-- pg_control_system(), which is checked first.
SELECT system_identifier::text AS system FROM pg_control_system()
