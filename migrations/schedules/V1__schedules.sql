-- Schedules and their firings. Written by crates/persistence only.

CREATE TABLE schedules (
    id             uuid        PRIMARY KEY,
    project_id     uuid        NOT NULL,
    name           text        NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    -- Raised by every change that somebody makes, and by every pause: the ETag.
    revision       integer     NOT NULL CHECK (revision >= 1),
    -- When it is due and by which policies it fires; json, so that it is given back as it was written.
    rules          json        NOT NULL,
    -- What a firing means: nothing to the scheduler.
    payload        json        NOT NULL,
    created_by     uuid,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    deleted_at     timestamptz,
    -- The next due time; none when nothing comes any more, and of a fixed delay while a firing has not ended.
    due_at         timestamptz,
    -- The last due time that was decided on: nothing at or before it comes again.
    decided_at     timestamptz,
    -- When it is to be looked at: jitter is in it, and whatever waits and may start.
    wake_at        timestamptz,
    paused_at      timestamptz,
    pause_reason   text        CHECK (char_length(pause_reason) <= 1000),
    -- Who paused it; none where it did so itself.
    paused_by      uuid,
    -- Firings that have started and not ended, that wait, and of these the ones that somebody asked for.
    open           integer     NOT NULL DEFAULT 0 CHECK (open >= 0),
    buffered       integer     NOT NULL DEFAULT 0 CHECK (buffered >= 0),
    asked          integer     NOT NULL DEFAULT 0,
    fired          bigint      NOT NULL DEFAULT 0 CHECK (fired >= 0),
    failures       integer     NOT NULL DEFAULT 0 CHECK (failures >= 0),
    CONSTRAINT schedules_pause_has_reason  CHECK ((paused_at IS NULL) = (pause_reason IS NULL)),
    CONSTRAINT schedules_asked_are_buffered CHECK (asked BETWEEN 0 AND buffered),
    CONSTRAINT schedules_deleted_rest      CHECK (deleted_at IS NULL OR wake_at IS NULL)
) WITH (fillfactor = 70);
-- The ones to look at, in their order: this is all that an idle instance reads.
CREATE INDEX schedules_by_wake ON schedules (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX schedules_by_project ON schedules (project_id, id) WHERE deleted_at IS NULL;

-- The ones that go on when a firing ends: one waits for it, or the next due time is counted from its end.
CREATE INDEX schedules_held ON schedules (id) WHERE open > 0 AND (buffered > 0 OR due_at IS NULL);

-- Each due time of a schedule, once. Partitions are weeks of due times.
CREATE TABLE firings (
    schedule_id    uuid        NOT NULL,
    due_at         timestamptz NOT NULL,
    id             uuid        NOT NULL,
    origin         text        NOT NULL CHECK (origin IN ('schedule', 'trigger', 'backfill')),
    status         text        NOT NULL
        CHECK (status IN ('buffered', 'started', 'succeeded', 'failed', 'cancelled', 'skipped', 'missed')),
    -- The revision of the schedule that decided on it.
    revision       integer     NOT NULL,
    created_at     timestamptz NOT NULL,
    started_at     timestamptz,
    finished_at    timestamptz,
    -- Why it was skipped.
    reason         text,
    error          json,
    -- Of due times that were missed together, this is the last: the first one, and how many, unless there were too many to count.
    missed_since   timestamptz,
    missed_count   bigint,
    PRIMARY KEY (schedule_id, due_at),
    CONSTRAINT firings_started_has_start  CHECK ((status IN ('buffered', 'skipped', 'missed')) = (started_at IS NULL)),
    CONSTRAINT firings_ended_has_end      CHECK ((status IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)),
    CONSTRAINT firings_failed_has_error   CHECK (status <> 'failed' OR error IS NOT NULL),
    CONSTRAINT firings_skipped_has_reason CHECK ((status = 'skipped') = (reason IS NOT NULL)),
    -- One that somebody asked for after all still tells of those before it.
    CONSTRAINT firings_missed_has_first   CHECK (status <> 'missed' OR missed_since IS NOT NULL)
) PARTITION BY RANGE (due_at);
-- The ones that may have ended, in an order to walk in; and the ones that wait, in theirs.
CREATE INDEX firings_started ON firings (id) WHERE status = 'started';
CREATE INDEX firings_open ON firings (schedule_id, due_at) WHERE status = 'started';
CREATE INDEX firings_buffered ON firings (schedule_id, due_at) WHERE status = 'buffered';
-- Due times that no week covers yet, or any more.
CREATE TABLE firings_default PARTITION OF firings DEFAULT;

-- What an Idempotency-Key stands for, so that whoever lost the answer may ask again: the schedules of a project, and the firings that somebody asked a schedule for.
CREATE TABLE schedule_keys (
    -- The project, or the schedule.
    scope          uuid        NOT NULL,
    key            text        NOT NULL,
    -- SHA-256 of what was asked for.
    fingerprint    bytea       NOT NULL,
    -- The schedule, or the firing.
    made           uuid        NOT NULL,
    -- Of a firing, its due time.
    due_at         timestamptz,
    created_at     timestamptz NOT NULL,
    -- One of them for a key, however many ask at once.
    PRIMARY KEY (scope, key),
    CONSTRAINT schedule_keys_key_is_short CHECK (char_length(key) BETWEEN 1 AND 255),
    CONSTRAINT schedule_keys_fingerprint_is_sha256 CHECK (octet_length(fingerprint) = 32)
);
-- Those that are a day old are forgotten.
CREATE INDEX schedule_keys_by_age ON schedule_keys (created_at);

CREATE FUNCTION refuse_change_of_firing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: a firing that ended never changes again', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER firings_terminal_is_final BEFORE UPDATE ON firings FOR EACH ROW
    WHEN (OLD.finished_at IS NOT NULL)
    EXECUTE FUNCTION refuse_change_of_firing();

-- Makes the weekly partitions of firings from the week of `since` on, in the schema that the connection works in. Attaching does not block those who
-- read and write meanwhile, but waits for whoever has the default partition locked; it waits for a moment only, and is done another time.
CREATE FUNCTION ensure_firing_weeks(since timestamptz, weeks integer) RETURNS integer LANGUAGE plpgsql
SET lock_timeout = '500ms' AS $$
DECLARE
    home    text := current_schema();
    monday  timestamp;
    part    text;
    made    integer := 0;
BEGIN
    FOR week IN 0 .. weeks - 1 LOOP
        monday := date_trunc('week', since AT TIME ZONE 'UTC') + week * interval '7 days';
        part := 'firings' || to_char(monday, '_IYYY"w"IW');
        CONTINUE WHEN to_regclass(format('%I.%I', home, part)) IS NOT NULL;
        BEGIN
            EXECUTE format('CREATE TABLE %I.%I (LIKE %I.firings INCLUDING ALL)', home, part, home);
            -- Room on each page for the update that ends a firing.
            EXECUTE format('ALTER TABLE %I.%I SET (fillfactor = 80)', home, part);
            EXECUTE format('ALTER TABLE %I.firings ATTACH PARTITION %I.%I FOR VALUES FROM (%L) TO (%L)', home, home, part,
                           monday AT TIME ZONE 'UTC', (monday + interval '7 days') AT TIME ZONE 'UTC');
            made := made + 1;
        EXCEPTION
            WHEN check_violation THEN
                RAISE WARNING 'partition % was not made: due times of its week are in the default partition', part;
        END;
    END LOOP;
    RETURN made;
END $$;

-- Drops the weeks that were over before `horizon` and in which no firing waits or has not ended. Gives how many.
CREATE FUNCTION drop_firing_weeks(horizon timestamptz) RETURNS integer LANGUAGE plpgsql
SET lock_timeout = '500ms' AS $$
DECLARE
    part    record;
    alive   boolean;
    dropped integer := 0;
BEGIN
    FOR part IN
        SELECT c.relname AS name, (to_timestamp(right(c.relname, 7), 'IYYY"w"IW')::timestamp + interval '7 days') AT TIME ZONE 'UTC' AS over
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = current_schema() AND c.relkind = 'r' AND c.relname ~ '^firings_\d{4}w\d{2}$'
    LOOP
        CONTINUE WHEN part.over > horizon;
        EXECUTE format('SELECT EXISTS (SELECT FROM %I.%I WHERE status IN (''buffered'', ''started''))', current_schema(), part.name) INTO alive;
        CONTINUE WHEN alive;
        EXECUTE format('DROP TABLE IF EXISTS %I.%I', current_schema(), part.name);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;

SELECT ensure_firing_weeks(now(), 5);
