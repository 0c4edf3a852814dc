-- Raises PGC01 unless the token is the lease's; keeps it so until the transaction ends.
-- Parameters: run text, token text.
-- Oldest server: 13. Privileges: EXECUTE on pgcutover.fence.
SELECT pgcutover.fence($1, $2)
