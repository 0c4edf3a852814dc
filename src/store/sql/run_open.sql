-- The run of a cutover that is under way; at most one.
-- $1 cutover. Columns: run_id text. Oldest server: 13. Privileges: SELECT on the table.
SELECT run_id FROM pgcutover.run WHERE cutover = $1 AND ended IS NULL
