-- What a server shares with its physical copies, and its timeline.
-- Parameters: none.
-- Columns: system_identifier text, timeline int4.
-- Oldest server: 13. Privileges: EXECUTE on both functions.
SELECT s.system_identifier::text AS system_identifier,
       c.timeline_id AS timeline
FROM pg_catalog.pg_control_system() AS s,
     pg_catalog.pg_control_checkpoint() AS c
