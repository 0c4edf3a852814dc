-- Whether anybody leads a run, and how that lead last said that it stands.
-- $1 run. Columns: attended boolean, silence_ms bigint, and NULL before the first
-- word: body text, tool text, picture text, age_ms bigint.
-- Oldest server: 13. Privileges: EXECUTE on pgcutover.watch.
SELECT attended, silence_ms, body::text AS body, tool, picture::text AS picture, age_ms
FROM pgcutover.watch($1)
