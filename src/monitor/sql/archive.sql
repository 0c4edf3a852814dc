-- Write-ahead log files that are ready and wait for the archiver.
-- Columns: ready bigint; NULL where nothing is archived (archive_mode = off).
-- A listing of one directory: takes no lock.
-- Oldest server: 13. Privileges: pg_monitor (or EXECUTE on the function).
SELECT CASE WHEN current_setting('archive_mode') <> 'off' THEN
           (SELECT count(*) FROM pg_ls_archive_statusdir() f WHERE f.name LIKE '%.ready')
       END AS ready
