-- Group roles, none of them a login: GRANT them to logins, or to other groups.
--   pgcutover_owner     owns the schema; nobody needs to be in it
--   pgcutover_lead      runs cutovers: pgcutover run
--   pgcutover_operator  asks the lead: attach --operate, and every verb
--   pgcutover_observer  looks and holds: attach, status, hold
-- Oldest server: 13. Privileges: CREATEROLE, and CREATE on this database with
-- grant option; a superuser or the database's owner has them.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['pgcutover_owner', 'pgcutover_lead', 'pgcutover_operator', 'pgcutover_observer'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        END IF;
    END LOOP;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('GRANT pgcutover_owner TO %I', current_user);
    END IF;
    EXECUTE format('GRANT CREATE ON DATABASE %I TO pgcutover_owner', current_database());
END $$;
