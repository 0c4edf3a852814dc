-- Whether a commit of this session waits for a standby.
-- Columns: waits bool.
-- Oldest server: 13. Privileges: none.
SELECT current_setting('synchronous_standby_names') <> ''
   AND current_setting('synchronous_commit') NOT IN ('off', 'local') AS waits
