-- How a vacuum of ours behaves: gives its lock request up before the server
-- would cancel an autovacuum for it (deadlock_timeout, 1 s by default), and
-- rests as autovacuum does.
-- Columns: text, text. Oldest server: 13. Privileges: none.
SELECT set_config('lock_timeout', '500ms', false), set_config('vacuum_cost_delay', '2ms', false)
