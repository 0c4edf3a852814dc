-- Where the server is: between two of these a comparison took place.
-- Columns: wal text, at timestamptz. Oldest server: 13. Privileges: none.
SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text AS wal,
       clock_timestamp() AS at
