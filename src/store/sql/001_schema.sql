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
-- fail afterwards.
CREATE TABLE pgcutover.lease (
    run_id        text PRIMARY KEY,
    epoch         bigint NOT NULL,
    token         text NOT NULL UNIQUE,
    holder        text NOT NULL,          -- session_user
    host          text NOT NULL,
    pid           int NOT NULL,           -- of the lead's writing session
    backend_start timestamptz NOT NULL,
    taken_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The heartbeat is a row of its own: it is also what standbys replay.
CREATE TABLE pgcutover.heartbeat (
    run_id text PRIMARY KEY,
    epoch  bigint NOT NULL,
    at     timestamptz NOT NULL
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

-- How far a backfill or a comparison has come: written in the transaction of
-- the chunk that it counts. Keys are text, cast back to the column's type.
CREATE TABLE pgcutover.checkpoint (
    run_id       text NOT NULL,
    step         text NOT NULL,
    attempt      int  NOT NULL,           -- of the phase
    worker       int  NOT NULL,
    stage        text NOT NULL,           -- copy, sweep, done
    low          text[],                  -- exclusive; NULL is open
    high         text[],                  -- inclusive; NULL is open
    last_key     text[],                  -- visited up to and including it; NULL before the first
    rows_visited bigint NOT NULL DEFAULT 0,
    rows_written bigint NOT NULL DEFAULT 0,
    rows_swept   bigint NOT NULL DEFAULT 0,
    chunks       bigint NOT NULL DEFAULT 0,
    chunk_rows   int    NOT NULL,         -- the size that the next chunk starts from
    busy_ms      bigint NOT NULL DEFAULT 0,
    identity     json   NOT NULL,         -- server and collation versions that keys compare by
    started_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (run_id, step, attempt, worker)
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

-- Raises PGC01 unless the token is the lease's. Held until the transaction ends.
CREATE FUNCTION pgcutover.fence(p_run text, p_token text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM 1 FROM pgcutover.lease WHERE run_id = p_run AND token = p_token FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the lease of run % is held by another lead', p_run USING ERRCODE = 'PGC01';
    END IF;
END $$;

-- The hash of one event, over the previous one's: 64 hex digits of SHA-256.
CREATE FUNCTION pgcutover.chain(p_previous text, p_run text, p_seq bigint, p_at timestamptz, p_kind text, p_body json)
RETURNS text LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT encode(sha256(convert_to(
        p_previous || E'\n' || p_run || E'\n' || p_seq || E'\n'
        || (extract(epoch FROM p_at) * 1000000)::bigint || E'\n' || p_kind || E'\n' || p_body::text,
        'UTF8')), 'hex')
$$;

-- Appends one event: the last statement before COMMIT. Raises PGC01 for a stale
-- lease, PGC02 where p_expected is given and is not the head.
CREATE FUNCTION pgcutover.append(p_run text, p_token text, p_expected bigint, p_kind text, p_body json)
RETURNS TABLE (seq bigint, at timestamptz, hash text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head pgcutover.head;
BEGIN
    SELECT * INTO STRICT head FROM pgcutover.head h WHERE h.run_id = p_run FOR UPDATE;
    PERFORM pgcutover.fence(p_run, p_token);
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

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA pgcutover FROM PUBLIC;
