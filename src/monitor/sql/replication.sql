-- Standbys that are connected, a row each; base backups are none.
-- Columns: pid int, name text, state text, sync bool, replay_lag_s float8,
--          replay_position bigint, replay_bytes bigint, write_bytes bigint (not
--          replayed, not even received), reply_us bigint (the standby's clock).
--          All but pid and name are NULL without pg_monitor.
-- Oldest server: 13. Privileges: pg_monitor (or pg_read_all_stats) to see figures.
SELECT r.pid,
       r.application_name AS name,
       r.state,
       r.sync_state IN ('sync', 'quorum') AS sync,
       extract(epoch FROM r.replay_lag)::float8 AS replay_lag_s,
       pg_wal_lsn_diff(r.replay_lsn, '0/0')::bigint AS replay_position,
       pg_wal_lsn_diff(w.position, r.replay_lsn)::bigint AS replay_bytes,
       pg_wal_lsn_diff(w.position, r.write_lsn)::bigint AS write_bytes,
       (extract(epoch FROM r.reply_time) * 1000000)::bigint AS reply_us
FROM pg_stat_replication r
CROSS JOIN (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn()
                        ELSE pg_current_wal_lsn() END AS position) w
WHERE r.state IS DISTINCT FROM 'backup'
ORDER BY r.application_name, r.pid
