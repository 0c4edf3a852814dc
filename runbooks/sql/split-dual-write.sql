-- Keeps the address in customers and the one in addresses the same, whichever of
-- them a client writes, and whatever it writes: a new value, none, another id.
--
-- Who wins: the later write. Each trigger makes the other table say what its own
-- one says now, which it holds locked, in the transaction of the write. Not what
-- NEW says: where one statement writes both sides, that is no longer the truth when
-- the second trigger comes.
--
-- Nothing stops one trigger from calling the other, and nothing has to: each writes
-- only where the other table says something else, so the second one finds nothing
-- to do. With pg_trigger_depth() as a guard, what another trigger of yours writes
-- would be left out; with a setting as one, what such a trigger makes of our write.
--
-- SECURITY DEFINER: old clients have no rights on addresses, new ones need none on
-- the old columns.
--
-- Two clients that change one address at one moment, each on its side, wait for
-- each other: Postgres ends one of them (40P01), and nothing is half done. TRUNCATE
-- fires neither trigger; verify finds what it did.

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
  DELETE FROM {{addresses}} AS a
    WHERE a.customer_id IN (OLD.id, NEW.id)
      AND NOT EXISTS (SELECT FROM {{tbl}} AS c
                      WHERE c.id = a.customer_id AND num_nonnulls(c.street, c.city) > 0);
  INSERT INTO {{addresses}} AS a (customer_id, street, city)
    SELECT c.id, c.street, c.city FROM {{tbl}} AS c
    WHERE c.id IN (OLD.id, NEW.id) AND num_nonnulls(c.street, c.city) > 0
  ON CONFLICT (customer_id) DO UPDATE SET street = excluded.street, city = excluded.city
    WHERE (a.street, a.city) IS DISTINCT FROM (excluded.street, excluded.city);
  RETURN NULL;
END
$$;

-- A customer without a row in addresses has no address.
CREATE FUNCTION public.addresses_to_customers() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  UPDATE {{tbl}} AS c
    SET (street, city) = (SELECT a.street, a.city FROM {{addresses}} AS a WHERE a.customer_id = c.id)
    WHERE c.id IN (OLD.customer_id, NEW.customer_id)
      AND NOT EXISTS (SELECT FROM {{addresses}} AS a
                      WHERE a.customer_id = c.id
                        AND (a.street, a.city) IS NOT DISTINCT FROM (c.street, c.city));
  RETURN NULL;
END
$$;

CREATE TRIGGER customers_to_addresses
  AFTER INSERT OR UPDATE OR DELETE ON {{tbl}}
  FOR EACH ROW
  EXECUTE FUNCTION public.customers_to_addresses();

-- The backfill copies what customers says already, so the function is spared there.
CREATE TRIGGER addresses_to_customers
  AFTER INSERT OR UPDATE OR DELETE ON {{addresses}}
  FOR EACH ROW
  WHEN (current_setting('pgcutover.backfill', true) IS DISTINCT FROM 'on')
  EXECUTE FUNCTION public.addresses_to_customers();

-- ALWAYS: also for rows that arrive by logical replication.
ALTER TABLE {{tbl}} ENABLE ALWAYS TRIGGER customers_to_addresses;
ALTER TABLE {{addresses}} ENABLE ALWAYS TRIGGER addresses_to_customers;
