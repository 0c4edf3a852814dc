-- Replication slots and the write-ahead log that each keeps.
-- Columns: name text; lost bool; retained bigint, bytes, NULL where it keeps none.
-- Oldest server: 13. Privileges: none.
SELECT s.slot_name::text AS name,
       coalesce(s.wal_status = 'lost', false) AS lost,
       pg_wal_lsn_diff(w.position, s.restart_lsn)::bigint AS retained
FROM pg_replication_slots s
CROSS JOIN (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn()
                        ELSE pg_current_wal_lsn() END AS position) w
ORDER BY s.slot_name
