-- What the keys of a checkpoint compare by: $1 schema, $2 table, $3 key columns.
-- Keys in the order of another collation version, or of another table, would
-- skip rows.
-- Columns: identity json {database, table, key: [{type, collation, version}]}.
-- Oldest server: 13. Privileges: none. Takes no lock on the table.
SELECT json_build_object(
    'database', current_database(),
    'table', c.oid::bigint,
    'key', (
        SELECT json_agg(json_build_object(
            'type', format_type(a.atttypid, a.atttypmod),
            'collation', l.collname,
            'version', pg_collation_actual_version(l.oid)) ORDER BY k.n)
        FROM unnest($3::text[]) WITH ORDINALITY k (name, n)
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = k.name AND NOT a.attisdropped
        LEFT JOIN pg_collation l ON l.oid = a.attcollation)) AS identity
FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
WHERE s.nspname = $1 AND c.relname = $2
