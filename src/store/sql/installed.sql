-- Whether the schema is there, and whether it is ours. Asks the catalog:
-- to_regclass fails where USAGE on the schema is missing.
-- Columns: exists boolean, ours boolean. Oldest server: 13. Privileges: none.
SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'pgcutover') AS exists,
       EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = 'pgcutover' AND c.relname = 'schema_version') AS ours
