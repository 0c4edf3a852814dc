-- What each of them may do in the schema pgcutover, and no more.
-- Oldest server: 13. Privileges: the schema's owner.

-- Looks: reads the journal, says that it is there, and holds.
GRANT USAGE ON SCHEMA pgcutover TO pgcutover_observer;
GRANT SELECT ON pgcutover.schema_version, pgcutover.run, pgcutover.head, pgcutover.event,
    pgcutover.heartbeat, pgcutover.status TO pgcutover_observer;
GRANT EXECUTE ON FUNCTION pgcutover.watch, pgcutover.attend,
    pgcutover.hold, pgcutover.reply_of TO pgcutover_observer;

-- Asks for more: what is accepted is up to the runbook's [roles].
GRANT pgcutover_observer TO pgcutover_operator;
GRANT EXECUTE ON FUNCTION pgcutover.request TO pgcutover_operator;

-- Leads: writes the journal and what belongs to it. Answers requests, but makes
-- none under another name, and takes nothing back.
GRANT pgcutover_operator TO pgcutover_lead;
GRANT SELECT, INSERT, UPDATE ON pgcutover.run, pgcutover.head, pgcutover.lease,
    pgcutover.heartbeat, pgcutover.status TO pgcutover_lead;
GRANT SELECT, INSERT ON pgcutover.event, pgcutover.receipt TO pgcutover_lead;
GRANT SELECT, INSERT, UPDATE, DELETE ON pgcutover.checkpoint, pgcutover.quarantine TO pgcutover_lead;
GRANT SELECT, UPDATE (reply, replied_at) ON pgcutover.intent TO pgcutover_lead;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pgcutover TO pgcutover_lead;

-- Replication and the queries of others are shown to pg_monitor alone; without
-- it they are NO-PRIV, and a guard on them stalls.
GRANT pg_monitor TO pgcutover_lead;
-- The same on attached terminals, which take their own readings; they work without.
-- GRANT pg_monitor TO pgcutover_observer;
