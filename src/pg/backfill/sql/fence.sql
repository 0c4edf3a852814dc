-- Holds the lease until the transaction ends: $1 run, $2 token. Raises PGC01
-- for a stale one.
-- Columns: none used. Oldest server: 13. Privileges: EXECUTE on pgcutover.fence.
SELECT pgcutover.fence($1, $2)
