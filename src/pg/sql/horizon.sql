-- The oldest snapshot that keeps vacuum from removing dead rows here, and whose
-- it is. Autovacuum and VACUUM hold nothing back and are left out.
-- Columns: age bigint, transactions, NULL where nothing is held back; kind, name
--          text; hidden bigint, sessions whose snapshot this role may not see.
-- A standby with hot_standby_feedback holds back through its walsender, or
-- through its slot; a slot's catalog_xmin holds back catalogs alone.
-- Oldest server: 13. Privileges: pg_monitor (or pg_read_all_stats).
SELECT held.age::bigint AS age, held.kind, held.name, unseen.hidden
FROM (SELECT count(*) FILTER (WHERE a.backend_type IS NULL) AS hidden FROM pg_stat_activity a) unseen
LEFT JOIN LATERAL (
    SELECT greatest(age(a.backend_xid), age(a.backend_xmin)) AS age,
           CASE a.backend_type WHEN 'walsender' THEN 'standby' ELSE 'session' END AS kind,
           concat_ws(' ', a.pid, nullif(a.application_name, ''), a.state) AS name
    FROM pg_stat_activity a
    WHERE (a.datid IS NULL OR a.datid = 0 OR a.datname = current_database())
      AND a.pid <> pg_backend_pid()
      AND a.backend_type IS DISTINCT FROM 'autovacuum worker'
      AND NOT EXISTS (SELECT FROM pg_stat_progress_vacuum v WHERE v.pid = a.pid)
    UNION ALL
    SELECT age(s.xmin), 'slot', s.slot_name::text FROM pg_replication_slots s
    UNION ALL
    SELECT age(p.transaction), 'prepared transaction', p.gid
    FROM pg_prepared_xacts p
    WHERE p.database = current_database()
    ORDER BY 1 DESC NULLS LAST
    LIMIT 1
) held ON true
