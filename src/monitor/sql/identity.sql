-- What tells the server from others and from its own past; a query of its own
-- because a role that may not read it gets an error.
-- Columns: system_identifier text, timeline int (of the last checkpoint).
-- Oldest server: 13. Privileges: EXECUTE on both functions (PUBLIC has it by default).
SELECT s.system_identifier::text AS system_identifier, c.timeline_id AS timeline
FROM pg_control_system() s, pg_control_checkpoint() c
