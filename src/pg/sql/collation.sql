-- The collation of the database and its version.
-- Parameters: none.
-- Columns: collation text, such as "de_DE.UTF-8".
-- Oldest server: 13. Privileges: none. The version is to be had from 15 on:
--   see collation_15.sql.
SELECT d.datcollate::text AS collation
FROM pg_catalog.pg_database AS d
WHERE d.datname = pg_catalog.current_database()
