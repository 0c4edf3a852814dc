-- Bounds a session that works chunk by chunk: $1 statement_timeout, $2 lock_timeout.
-- force_custom_plan: a generic plan of LIMIT $n or of a range expects a fixed
--   share of the table, and may sort all of it for every chunk.
-- row_security off: rows that a policy would hide are an error, not a gap.
-- Columns: none used. Oldest server: 13. Privileges: none.
SELECT set_config('statement_timeout', $1, false),
       set_config('lock_timeout', $2, false),
       set_config('plan_cache_mode', 'force_custom_plan', false),
       set_config('row_security', 'off', false),
       set_config('jit', 'off', false)
