-- Whether the key still is one on a table or partition: $1 its oid (bigint), $2
-- the key's columns (text[]), in the index's order.
-- Columns: stands bool. Oldest server: 13. Privileges: none. Takes no lock on
-- the table.
SELECT EXISTS (
    SELECT FROM pg_index i
    WHERE i.indrelid = $1::bigint::oid
      AND i.indisunique AND i.indisvalid AND i.indimmediate
      AND i.indpred IS NULL AND i.indexprs IS NULL
      AND $2::text[] = ARRAY (
          SELECT a.attname::text
          FROM unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, n)
          JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND a.attnotnull
          WHERE k.n <= i.indnkeyatts
          ORDER BY k.n)
) AS stands
