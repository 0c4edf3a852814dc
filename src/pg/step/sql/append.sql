-- Appends the step's event, with the time since BEGIN filled in by the server:
-- it goes out together with the statements that it counts.
-- Parameters: run text, token text, kind text, body text (of a StepSucceeded
--             with a Summary::Sql).
-- Columns: seq bigint, at timestamptz, hash text, body text (as it was stored).
-- Oldest server: 13. Privileges: EXECUTE on pgcutover.append.
WITH filled AS MATERIALIZED (
    SELECT jsonb_set($4::text::jsonb, '{summary,sql,took_ms}', to_jsonb(
        (extract(epoch FROM clock_timestamp() - transaction_timestamp()) * 1000)::bigint
    ))::text AS body
)
SELECT a.seq, a.at, a.hash, f.body
FROM filled f
CROSS JOIN LATERAL pgcutover.append($1, $2, NULL, $3, f.body::json) a
