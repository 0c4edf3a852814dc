-- The schema pgcutover, version 1. Everything that the tool leaves in a database
-- is in here; DROP SCHEMA pgcutover CASCADE takes it away.
-- Oldest server: 13. Privileges: CREATE on the database.
--
-- Installed in the journal's database, and in every other database that a plan
-- changes (there for lease copies, receipts, checkpoints and quarantine).
-- Tables grant nothing to anybody: terminals other than the lead's act through
-- the SECURITY DEFINER functions, which stamp session_user.

CREATE SCHEMA pgcutover;
COMMENT ON SCHEMA pgcutover IS
    'pgcutover: journal, lease and checkpoints of live cutovers. Remove with DROP SCHEMA pgcutover CASCADE.';

CREATE TABLE pgcutover.schema_version (
    version    int PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE pgcutover.run (
    run_id     text PRIMARY KEY,
    cutover    text NOT NULL,
    plan_hash  text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL DEFAULT session_user,
    ended      text                       -- finished, rolled_back; NULL while open
);
-- One open run per cutover.
CREATE UNIQUE INDEX run_open ON pgcutover.run (cutover) WHERE ended IS NULL;

-- The head: locked by every append, so that numbers have no gap and the chain
-- no fork. Apart from the lease, so that a heartbeat never waits for it.
CREATE TABLE pgcutover.head (
    run_id text PRIMARY KEY REFERENCES pgcutover.run ON DELETE CASCADE,
    seq    bigint NOT NULL,
    hash   text NOT NULL
);

-- body is json, not jsonb: the chain hashes the text exactly as it was written.
CREATE TABLE pgcutover.event (
    run_id text   NOT NULL REFERENCES pgcutover.run ON DELETE CASCADE,
    seq    bigint NOT NULL,
    at     timestamptz NOT NULL,
    kind   text   NOT NULL,
    body   json   NOT NULL,
    hash   text   NOT NULL,
    PRIMARY KEY (run_id, seq)
);

-- The lease fences: a writing transaction reads it FOR KEY SHARE, a take-over
-- changes the key column `token` and so waits for such transactions, and they
-- fail afterwards. Elsewhere than in the journal's database it is a copy.
CREATE TABLE pgcutover.lease (
    run_id        text PRIMARY KEY,
    epoch         bigint NOT NULL,        -- counts take-overs, from 1
    token         text NOT NULL UNIQUE,   -- timeline-epoch-random
    holder        text NOT NULL,          -- session_user
    host          text NOT NULL,
    system        text,                   -- the server's system identifier, where it may be read
    pid           int NOT NULL,           -- of the lead's session that writes the journal
    backend_start timestamptz NOT NULL,
    taken_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The heartbeat is a row of its own: it is also what standbys replay.
CREATE TABLE pgcutover.heartbeat (
    run_id text PRIMARY KEY,
    epoch  bigint NOT NULL,
    at     timestamptz NOT NULL
);

-- How the lead stands, replaced once a second: for scripts, documented, and for
-- attached terminals of the same version of the program.
CREATE TABLE pgcutover.status (
    run_id  text PRIMARY KEY REFERENCES pgcutover.run ON DELETE CASCADE,
    at      timestamptz NOT NULL,
    body    json NOT NULL,                -- status --json
    tool    text NOT NULL,                -- the lead's version
    picture json NOT NULL                 -- that version's own
);

-- Terminals that are attached: there while their session is, and heard from.
CREATE TABLE pgcutover.presence (
    run_id   text NOT NULL REFERENCES pgcutover.run ON DELETE CASCADE,
    pid      int NOT NULL,
    since    timestamptz NOT NULL,        -- with the pid, what the session's lock is on
    seen     timestamptz NOT NULL,
    by_user  text NOT NULL,               -- session_user, stamped
    roles    text[] NOT NULL,             -- that user's roles, stamped
    address  text,                        -- stamped; NULL over a local socket
    host     text NOT NULL,               -- as the terminal says
    operates boolean NOT NULL,            -- as the terminal says
    PRIMARY KEY (run_id, pid)
);

CREATE TABLE pgcutover.intent (
    intent_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id     text NOT NULL REFERENCES pgcutover.run ON DELETE CASCADE,
    at         timestamptz NOT NULL,
    by_user    text NOT NULL,             -- session_user, stamped
    roles      text[] NOT NULL,           -- that user's roles, stamped
    ask        json NOT NULL,
    saw        bigint,                    -- newest material event seen
    saw_hash   text,
    reply      json,                      -- NULL while open
    replied_at timestamptz
);
CREATE INDEX intent_open ON pgcutover.intent (run_id, intent_id) WHERE reply IS NULL;

-- How far a backfill has come, one row a range of keys: written in the
-- transaction of the chunk that it counts. A worker holds one range at a time,
-- and any number of workers may go on with the ranges that others left. Keys
-- are text, cast back to the column's type.
CREATE TABLE pgcutover.checkpoint (
    run_id        text NOT NULL,
    step          text NOT NULL,
    attempt       int  NOT NULL,          -- of the phase
    round         int  NOT NULL DEFAULT 0, -- 0, then each rerun of the step; -1 is its undo
    range         int  NOT NULL,
    part          bigint NOT NULL,        -- oid of the table, or of a partition
    stage         text NOT NULL,          -- copy, sweep, done
    low           text[],                 -- exclusive; NULL is open
    high          text[],                 -- inclusive; NULL is open
    last_key      text[],                 -- visited up to and including it; NULL before the first
    rows_expected bigint,                 -- an estimate; NULL is unknown
    rows_visited  bigint NOT NULL DEFAULT 0,
    rows_written  bigint NOT NULL DEFAULT 0,
    rows_swept    bigint NOT NULL DEFAULT 0,
    chunks        bigint NOT NULL DEFAULT 0,
    chunk_rows    int    NOT NULL,        -- the size that the next chunk starts from
    busy_ms       bigint NOT NULL DEFAULT 0,
    saves         bigint NOT NULL DEFAULT 0, -- counts: one that another chunk overtook raises (saved_one)
    identity      json   NOT NULL,        -- server and collation versions that keys compare by
    started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (run_id, step, attempt, round, range)
);

CREATE TABLE pgcutover.quarantine (
    run_id   text NOT NULL,
    step     text NOT NULL,
    attempt  int  NOT NULL,
    key      text[] NOT NULL,
    sqlstate text,
    message  text NOT NULL,
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (run_id, step, attempt, key)
);

-- That a task's transaction committed, in a database other than the journal's.
CREATE TABLE pgcutover.receipt (
    run_id    text NOT NULL,
    step      text NOT NULL,
    direction text NOT NULL,              -- forward, back
    attempt   int  NOT NULL,              -- of the phase
    rows      bigint NOT NULL DEFAULT 0,
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (run_id, step, direction, attempt)
);

-- The advisory lock that tells whether anyone still works under a token: the
-- lead's own sessions hold it shared while they live, fenced transactions while
-- they run. Nobody takes it exclusively, so it never makes anybody wait.
CREATE FUNCTION pgcutover.lock_key(p_token text) RETURNS bigint
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT hashtextextended(p_token, 0)
$$;

-- The pids in this database that hold a token's lock. pg_locks shows them to
-- everybody, where pg_stat_activity would hide another login's backend_start.
CREATE FUNCTION pgcutover.holders(p_token text) RETURNS SETOF int
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT DISTINCT l.pid FROM pg_locks l
    WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted AND l.pid <> pg_backend_pid()
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND (l.classid::bigint << 32 | l.objid::bigint) = pgcutover.lock_key(p_token)
$$;

-- Ends the sessions that work under a token, those that this login may end, and
-- waits up to 8 s until they have (55P03 then): what they ran is over.
CREATE FUNCTION pgcutover.end_holders(p_token text) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    holder int;
    ended  int[] := '{}';
    until  timestamptz := clock_timestamp() + interval '8 s';
BEGIN
    FOR holder IN SELECT pgcutover.holders(p_token) LOOP
        BEGIN
            IF pg_terminate_backend(holder) THEN
                ended := ended || holder;
            END IF;
        EXCEPTION WHEN insufficient_privilege THEN
            NULL;  -- fenced all the same, only later: when its transaction ends
        END;
    END LOOP;
    WHILE EXISTS (SELECT FROM pgcutover.holders(p_token) AS still WHERE still = ANY (ended)) LOOP
        IF clock_timestamp() > until THEN
            RAISE EXCEPTION 'sessions of the former lead do not end' USING ERRCODE = '55P03';
        END IF;
        PERFORM pg_sleep(0.02);
    END LOOP;
    RETURN cardinality(ended);
END $$;

-- Which of two leads' tokens came first: by timeline, then by epoch.
CREATE FUNCTION pgcutover.is_older(p_token text, p_than text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT (split_part(p_token, '-', 1)::bigint, split_part(p_token, '-', 2)::bigint)
         < (split_part(p_than, '-', 1)::bigint, split_part(p_than, '-', 2)::bigint)
$$;

-- The timeline that WAL is written on: the control file's is older right after
-- a promotion.
CREATE FUNCTION pgcutover.timeline() RETURNS bigint
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint
$$;

-- The server's system identifier; a physical copy shares it. NULL where this login
-- may not read it.
CREATE FUNCTION pgcutover.system() RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT system_identifier::text FROM pg_control_system());
EXCEPTION WHEN insufficient_privilege THEN
    RETURN NULL;
END $$;

-- A token that nobody can guess.
CREATE FUNCTION pgcutover.new_token(p_epoch bigint) RETURNS text
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pgcutover.timeline() || '-' || p_epoch || '-' || gen_random_uuid()
$$;

-- Raises PGC01 unless the token is the lease's. Held until the transaction ends:
-- a take-over waits for it.
CREATE FUNCTION pgcutover.fence(p_run text, p_token text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(pgcutover.lock_key(p_token));
    PERFORM 1 FROM pgcutover.lease WHERE run_id = p_run AND token = p_token FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the lease of run % is held by another lead', p_run USING ERRCODE = 'PGC01';
    END IF;
END $$;

-- Raises PGC04 unless one checkpoint was saved, so that the chunk around it cannot
-- commit, whatever is on its way behind.
CREATE FUNCTION pgcutover.saved_one(p_rows bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF p_rows IS DISTINCT FROM 1 THEN
        RAISE EXCEPTION 'the checkpoint is not where this worker left it: an earlier chunk has arrived'
            USING ERRCODE = 'PGC04';
    END IF;
END $$;

-- The lead is alive; false where the lease is not its own any more. Reads the
-- lease without locking it, so that it waits for nobody but a take-over; the
-- epoch in the heartbeat's own row, read again then, decides against it.
-- Does not wait for a synchronous standby: a lost beat costs nothing.
CREATE FUNCTION pgcutover.beat(p_run text, p_token text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'local', true);
    UPDATE pgcutover.heartbeat h SET at = clock_timestamp()
    FROM pgcutover.lease l
    WHERE h.run_id = p_run AND l.run_id = p_run AND l.token = p_token AND l.epoch = h.epoch;
    RETURN FOUND;
END $$;

-- The hash of one event, over the previous one's: 64 hex digits of SHA-256. The
-- time enters as whole microseconds; before 14 they come from a double, whose
-- error at this size is a fifth of one, so the rounding is exact.
CREATE FUNCTION pgcutover.chain(p_previous text, p_run text, p_seq bigint, p_at timestamptz, p_kind text, p_body json)
RETURNS text LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT encode(sha256(convert_to(
        p_previous || E'\n' || p_run || E'\n' || p_seq || E'\n'
        || (extract(epoch FROM p_at) * 1000000)::bigint || E'\n' || p_kind || E'\n' || p_body::text,
        'UTF8')), 'hex')
$$;

-- Appends one event: the last statement before COMMIT. Raises PGC01 for a stale
-- lease, PGC02 where p_expected is given and is not the head. The lease comes
-- before the head, as in every transaction that was fenced before its work:
-- the other order would deadlock with a take-over.
CREATE FUNCTION pgcutover.append(p_run text, p_token text, p_expected bigint, p_kind text, p_body json)
RETURNS TABLE (seq bigint, at timestamptz, hash text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head pgcutover.head;
BEGIN
    PERFORM pgcutover.fence(p_run, p_token);
    SELECT * INTO STRICT head FROM pgcutover.head h WHERE h.run_id = p_run FOR UPDATE;
    IF p_expected IS NOT NULL AND p_expected <> head.seq THEN
        RAISE EXCEPTION 'the journal of run % is at %, not at %', p_run, head.seq, p_expected
            USING ERRCODE = 'PGC02';
    END IF;
    seq := head.seq + 1;
    at := clock_timestamp();
    hash := pgcutover.chain(head.hash, p_run, seq, at, p_kind, p_body);
    INSERT INTO pgcutover.event (run_id, seq, at, kind, body, hash)
        VALUES (p_run, seq, at, p_kind, p_body, hash);
    UPDATE pgcutover.head h SET seq = append.seq, hash = append.hash WHERE h.run_id = p_run;
    RETURN NEXT;
END $$;

-- Appends several events or none, and marks the run as ended where p_ended says so.
CREATE FUNCTION pgcutover.append_all(p_run text, p_token text, p_expected bigint,
                                     p_kinds text[], p_bodies text[], p_ended text)
RETURNS TABLE (seq bigint, at timestamptz, hash text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    FOR i IN 1 .. cardinality(p_kinds) LOOP
        RETURN QUERY SELECT * FROM pgcutover.append(
            p_run, p_token, p_expected + i - 1, p_kinds[i], p_bodies[i]::json);
    END LOOP;
    IF p_ended IS NOT NULL THEN
        UPDATE pgcutover.run r SET ended = p_ended WHERE r.run_id = p_run;
    END IF;
END $$;

-- The roles that a login is or belongs to, by walking the memberships:
-- pg_has_role would say yes to a superuser for every role. From 16 on, a
-- membership that can neither be used nor be switched to (what CREATEROLE gives
-- to the creator of a role) does not count.
CREATE FUNCTION pgcutover.roles_of(p_user name) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE role AS (
        SELECT oid, rolname FROM pg_roles WHERE rolname = p_user
        UNION
        SELECT parent.oid, parent.rolname
        FROM role
        JOIN pg_auth_members m ON m.member = role.oid
        JOIN pg_roles parent ON parent.oid = m.roleid
        WHERE coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, true)
           OR coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)
    )
    SELECT array_agg(rolname::text ORDER BY rolname) FROM role
$$;

-- Puts an operator's request where the lead finds it, and stamps who asks.
-- Raises PGC03 where it cannot be put. Callable by whom EXECUTE is granted
-- (with USAGE on the schema); tables grant nothing.
CREATE FUNCTION pgcutover.request(p_run text, p_ask json, p_saw bigint, p_saw_hash text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    intent bigint;
BEGIN
    IF p_ask IS NULL OR octet_length(p_ask::text) > 8192 OR octet_length(p_saw_hash) > 64 THEN
        RAISE EXCEPTION 'a request is a JSON object of at most 8192 bytes' USING ERRCODE = 'PGC03';
    END IF;
    PERFORM 1 FROM pgcutover.run WHERE run_id = p_run AND ended IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no run % is under way here', p_run USING ERRCODE = 'PGC03';
    END IF;
    INSERT INTO pgcutover.intent (run_id, at, by_user, roles, ask, saw, saw_hash)
        VALUES (p_run, clock_timestamp(), session_user, pgcutover.roles_of(session_user),
                p_ask, p_saw, p_saw_hash)
        RETURNING intent_id INTO intent;
    PERFORM pg_notify('pgcutover', p_run);
    RETURN intent;
END $$;

-- Holds the run, from psql: SELECT pgcutover.hold('why'). Without p_run the only
-- one under way. Returns the intent; pgcutover.reply_of tells what became of it.
CREATE FUNCTION pgcutover.hold(p_reason text DEFAULT '', p_run text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    open text[];
BEGIN
    IF p_run IS NULL THEN
        SELECT array_agg(run_id ORDER BY created_at) INTO open FROM pgcutover.run WHERE ended IS NULL;
        IF open IS NULL THEN
            RAISE EXCEPTION 'no run is under way here' USING ERRCODE = 'PGC03';
        ELSIF cardinality(open) > 1 THEN
            RAISE EXCEPTION 'several runs are under way here' USING ERRCODE = 'PGC03',
                HINT = 'name one: ' || array_to_string(open, ', ');
        END IF;
    END IF;
    RETURN pgcutover.request(coalesce(p_run, open[1]),
        json_build_object('ask', 'hold', 'reason', coalesce(p_reason, '')), NULL, NULL);
END $$;

-- The lead's reply to one's own request; NULL while there is none.
CREATE FUNCTION pgcutover.reply_of(p_intent bigint) RETURNS json
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT reply FROM pgcutover.intent WHERE intent_id = p_intent AND by_user = session_user
$$;

-- The advisory lock that an attached terminal's session holds while it lives: a
-- pid that is used again does not hold it.
CREATE FUNCTION pgcutover.presence_key(p_run text, p_pid int, p_since timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pgcutover.lock_key(concat_ws('-', 'presence', p_run, p_pid::text,
        (extract(epoch FROM p_since) * 1000000)::bigint::text))
$$;

-- Whether the session behind a row of presence is still there.
CREATE FUNCTION pgcutover.is_present(p_run text, p_pid int, p_since timestamptz) RETURNS boolean
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_locks l
        WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted AND l.pid = p_pid
          AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND (l.classid::bigint << 32 | l.objid::bigint)
              = pgcutover.presence_key(p_run, p_pid, p_since))
$$;

-- Says that a terminal is attached: again every few seconds, on one session of
-- its own, whose end ends it. Who it is is stamped; p_host and p_operates are
-- the terminal's own words. Raises PGC03 where there is no such run.
-- Does not wait for a synchronous standby.
CREATE FUNCTION pgcutover.attend(p_run text, p_host text, p_operates boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    now_ timestamptz := clock_timestamp();
BEGIN
    PERFORM set_config('synchronous_commit', 'local', true);
    UPDATE pgcutover.presence p SET seen = now_
    WHERE p.run_id = p_run AND p.pid = pg_backend_pid() AND p.by_user = session_user
      AND p.operates = p_operates AND pgcutover.is_present(p.run_id, p.pid, p.since);
    IF FOUND THEN
        RETURN;
    END IF;
    PERFORM 1 FROM pgcutover.run WHERE run_id = p_run;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no run % here', p_run USING ERRCODE = 'PGC03';
    END IF;
    DELETE FROM pgcutover.presence p
    WHERE p.run_id = p_run AND (p.pid = pg_backend_pid() OR p.seen < now_ - interval '1 minute');
    INSERT INTO pgcutover.presence (run_id, pid, since, seen, by_user, roles, address, host, operates)
        VALUES (p_run, pg_backend_pid(), now_, now_, session_user, pgcutover.roles_of(session_user),
                host(inet_client_addr()), left(coalesce(p_host, ''), 100), coalesce(p_operates, false));
    PERFORM pg_advisory_lock_shared(pgcutover.presence_key(p_run, pg_backend_pid(), now_));
END $$;

-- Who is attached now: heard from in the last 15 s, its session still there.
CREATE FUNCTION pgcutover.roll(p_run text)
RETURNS TABLE (by_user text, roles text[], address text, host text, operates boolean, since timestamptz)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.by_user, p.roles, p.address, p.host, p.operates, p.since
    FROM pgcutover.presence p
    WHERE p.run_id = p_run AND p.seen > clock_timestamp() - interval '15 seconds'
      AND pgcutover.is_present(p.run_id, p.pid, p.since)
    ORDER BY p.since, p.pid
$$;

-- What an attached terminal asks once a second: whether anybody leads, for how
-- long its heart has not beaten, and how it last said that it stands. One row,
-- where there is such a run; without the lease's token.
CREATE FUNCTION pgcutover.watch(p_run text)
RETURNS TABLE (attended boolean, silence_ms bigint, body json, tool text, picture json, age_ms bigint)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pgcutover.holders(l.token)),
           (extract(epoch FROM clock_timestamp() - h.at) * 1000)::bigint,
           s.body, s.tool, s.picture,
           (extract(epoch FROM clock_timestamp() - s.at) * 1000)::bigint
    FROM pgcutover.lease l
    JOIN pgcutover.heartbeat h USING (run_id)
    LEFT JOIN pgcutover.status s USING (run_id)
    WHERE l.run_id = p_run
$$;

-- Defaults of the database may grant more than we do.
REVOKE ALL ON ALL TABLES IN SCHEMA pgcutover FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA pgcutover FROM PUBLIC;
