-- How many logical subscribers this database has, connected or not.
-- Parameters: none.
-- Columns: subscribers int4.
-- Oldest server: 13. Privileges: none.
SELECT count(*)::int AS subscribers
FROM pg_catalog.pg_replication_slots AS s
WHERE s.database = pg_catalog.current_database() AND s.plugin = 'pgoutput'
