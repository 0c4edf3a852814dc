-- Keeps the address in customers and the one in addresses the same, whichever of
-- them a client writes, and whatever it writes: a new value, none, another id.
--
-- Who wins: the later write. Each trigger makes the other table say what its own
-- one says now, which it holds locked, in the transaction of the write. Not what NEW
-- says: where one statement writes both sides, NEW is no longer the truth when
-- the second trigger comes, and the two would end crossed over.
--
-- What ends the mutual calls is a setting that is on while one trigger writes for
-- the other. Not pg_trigger_depth(): a write that another trigger of yours makes
-- is no client's own statement either, and would be left out. An error leaves the
-- setting as it was before the statement.
--
-- SECURITY DEFINER: old clients have no rights on addresses, new ones need none on
-- the old columns.
--
-- Two clients that change one address at one moment, each on its side, wait for
-- each other: Postgres ends one of them (40P01), and nothing is half done. What a
-- BEFORE trigger of yours makes of a value that is written for the other side is
-- not carried back, and TRUNCATE fires neither; verify finds both.

CREATE FUNCTION public.customers_to_addresses() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  -- It says nothing about an address: one that is there is another write's.
  IF TG_OP <> 'DELETE'
    AND (TG_OP = 'INSERT' OR NEW.id = OLD.id)
    AND (NEW.street, NEW.city) IS NOT DISTINCT FROM (OLD.street, OLD.city)
  THEN
    RETURN NULL;
  END IF;
  PERFORM set_config('addresses.in_step', 'on', true);
  DELETE FROM {{addresses}} AS a
    WHERE a.customer_id IN (OLD.id, NEW.id)
      AND NOT EXISTS (SELECT FROM {{tbl}} AS c
                      WHERE c.id = a.customer_id AND num_nonnulls(c.street, c.city) > 0);
  INSERT INTO {{addresses}} AS a (customer_id, street, city)
    SELECT c.id, c.street, c.city FROM {{tbl}} AS c
    WHERE c.id IN (OLD.id, NEW.id) AND num_nonnulls(c.street, c.city) > 0
  ON CONFLICT (customer_id) DO UPDATE SET street = excluded.street, city = excluded.city
    WHERE (a.street, a.city) IS DISTINCT FROM (excluded.street, excluded.city);
  PERFORM set_config('addresses.in_step', 'off', true);
  RETURN NULL;
END
$$;

-- A customer without a row in addresses has no address.
CREATE FUNCTION public.addresses_to_customers() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM set_config('addresses.in_step', 'on', true);
  UPDATE {{tbl}} AS c
    SET (street, city) = (SELECT a.street, a.city FROM {{addresses}} AS a WHERE a.customer_id = c.id)
    WHERE c.id IN (OLD.customer_id, NEW.customer_id);
  PERFORM set_config('addresses.in_step', 'off', true);
  RETURN NULL;
END
$$;

CREATE TRIGGER customers_to_addresses
  AFTER INSERT OR UPDATE OR DELETE ON {{tbl}}
  FOR EACH ROW
  WHEN (current_setting('addresses.in_step', true) IS DISTINCT FROM 'on')
  EXECUTE FUNCTION public.customers_to_addresses();

-- The backfill copies what customers says already, so the function is spared there.
CREATE TRIGGER addresses_to_customers
  AFTER INSERT OR UPDATE OR DELETE ON {{addresses}}
  FOR EACH ROW
  WHEN (current_setting('addresses.in_step', true) IS DISTINCT FROM 'on'
        AND current_setting('pgcutover.backfill', true) IS DISTINCT FROM 'on')
  EXECUTE FUNCTION public.addresses_to_customers();

-- ALWAYS: also for rows that arrive by logical replication.
ALTER TABLE {{tbl}} ENABLE ALWAYS TRIGGER customers_to_addresses;
ALTER TABLE {{addresses}} ENABLE ALWAYS TRIGGER addresses_to_customers;
