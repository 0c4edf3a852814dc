-- How far the write-ahead log has come.
-- Columns: position bigint, bytes since 0/0; NULL in recovery.
-- Oldest server: 13. Privileges: none.
SELECT CASE WHEN NOT pg_is_in_recovery()
            THEN pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint END AS position
