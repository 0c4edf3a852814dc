-- Writes a few bytes of write-ahead log, so that this statement's commit waits
-- for the standbys as the server has it. Nobody reads the message.
-- Oldest server: 13. Privileges: none.
SELECT pg_logical_emit_message(true, 'pgcutover', '')
