-- Who is attached to a run, in the order of their coming.
-- $1 run. Columns: by_user text, roles text[], address text, host text,
-- operates boolean, since timestamptz. Oldest server: 13.
-- Privileges: EXECUTE on pgcutover.roll.
SELECT by_user, roles, address, host, operates, since
FROM pgcutover.roll($1)
LIMIT 100
