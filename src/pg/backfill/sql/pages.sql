-- Size of a table or partition, its partitions included: $1 its oid (bigint).
-- Columns: pages bigint. Oldest server: 13. Privileges: none. Takes ACCESS
-- SHARE, so it waits behind ACCESS EXCLUSIVE for as long as lock_timeout lets it.
SELECT coalesce(sum(pg_relation_size(leaf.relid)), pg_relation_size($1::bigint::oid))::bigint
       / current_setting('block_size')::bigint AS pages
FROM pg_partition_tree($1::bigint::oid) leaf
