-- The CHECK constraints of relations, and NOT NULL as a constraint (18).
-- Parameters: $1 oid[] relations.
-- Columns: relation oid, name text, valid bool, not_null text (the column,
--   where the constraint says "column IS NOT NULL" and no more).
-- Oldest server: 13. Privileges: none.
--
-- pg_get_constraintdef would wait for a lock, so the stored tree is looked at:
-- a NullTest of the kind IS_NOT_NULL (1) over a bare column, and nothing else.
SELECT c.conrelid AS relation,
       c.conname::text AS name,
       c.convalidated AS valid,
       CASE WHEN pg_catalog.cardinality(c.conkey) = 1
             AND (c.contype = 'n' OR c.conbin::text ~ '^\{NULLTEST :arg \{VAR [^{}]*\} :nulltesttype 1 ')
            THEN a.attname::text END AS not_null
FROM pg_catalog.pg_constraint AS c
LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
WHERE c.conrelid = ANY ($1::oid[]) AND c.contype IN ('c', 'n')
ORDER BY c.conrelid, c.conname
