-- Keeps email and email_address the same, whichever of them a client writes.
--
-- Who wins: on UPDATE the side that changed; where both changed, the new one.
-- On INSERT the side that is given; where both are, the new one. Old clients
-- never mention email_address, new ones never mention email.
--
-- On any INSERT or UPDATE, not UPDATE OF: another trigger may have changed a
-- column that the statement does not name. A row not copied yet (its address is
-- NULL) is brought along by any write to it. Setting the address to NULL fails
-- on email's own NOT NULL, as setting email to NULL always has.
CREATE FUNCTION public.users_email_in_step() RETURNS trigger
  LANGUAGE plpgsql
AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.email_address IS NULL THEN
      NEW.email_address := NEW.email;
    ELSE
      NEW.email := NEW.email_address;
    END IF;
  ELSIF NEW.email_address IS DISTINCT FROM OLD.email_address THEN
    NEW.email := NEW.email_address;
  ELSIF NEW.email IS DISTINCT FROM OLD.email OR NEW.email_address IS NULL THEN
    NEW.email_address := NEW.email;
  END IF;
  RETURN NEW;
END
$$;

-- The backfill makes the columns equal itself, so the function is spared there.
CREATE TRIGGER users_email_in_step
  BEFORE INSERT OR UPDATE ON {{tbl}}
  FOR EACH ROW
  WHEN (current_setting('pgcutover.backfill', true) IS DISTINCT FROM 'on')
  EXECUTE FUNCTION public.users_email_in_step();

-- ALWAYS: also for rows that arrive by logical replication.
ALTER TABLE {{tbl}} ENABLE ALWAYS TRIGGER users_email_in_step;
