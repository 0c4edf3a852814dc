-- $1 run, $2 token, $3 expected head, $4 kinds, $5 bodies, $6 how the run ends or NULL.
-- Columns: seq bigint, at timestamptz, hash text, one row an event, in order.
-- Oldest server: 13. Privileges: owner of the schema.
SELECT seq, at, hash FROM pgcutover.append_all($1, $2, $3, $4, $5, $6)
