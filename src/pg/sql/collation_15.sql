-- The collation of the database and its version.
-- Parameters: none.
-- Columns: collation text, such as "de_DE.UTF-8 2.36".
-- Oldest server: 15. Privileges: none.
SELECT pg_catalog.concat_ws(' ', d.datcollate::text,
           pg_catalog.pg_database_collation_actual_version(d.oid)) AS collation
FROM pg_catalog.pg_database AS d
WHERE d.datname = pg_catalog.current_database()
