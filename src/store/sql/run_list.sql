-- Every run, newest first.
-- Columns: run_id text, cutover text, plan_hash text, created_at timestamptz,
-- created_by text, ended text, head bigint. Oldest server: 13. Privileges: SELECT on the tables.
SELECT r.run_id, r.cutover, r.plan_hash, r.created_at, r.created_by, r.ended, h.seq AS head
FROM pgcutover.run r
JOIN pgcutover.head h USING (run_id)
ORDER BY r.created_at DESC, r.run_id DESC
LIMIT 1000
