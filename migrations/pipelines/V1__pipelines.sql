-- Pipelines, their runs and the journal of each run. Written by crates/persistence only.

CREATE TABLE pipelines (
    id             uuid        PRIMARY KEY,
    project_id     uuid        NOT NULL,
    name           text        NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    version        integer     NOT NULL CHECK (version >= 1),
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL CHECK (updated_at >= created_at),
    deleted_at     timestamptz CHECK (deleted_at >= created_at)
);
COMMENT ON COLUMN pipelines.version IS 'The latest version; every version stays in pipeline_versions.';
CREATE INDEX pipelines_by_project ON pipelines (project_id, id) WHERE deleted_at IS NULL;

CREATE TABLE pipeline_versions (
    pipeline_id    uuid        NOT NULL REFERENCES pipelines (id),
    version        integer     NOT NULL CHECK (version >= 1),
    -- json, not jsonb: the text is given back as it came, every digit of it.
    definition     json        NOT NULL,
    created_by     uuid,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (pipeline_id, version)
);

-- One process that works on runs.
CREATE TABLE instances (
    id             uuid        PRIMARY KEY,
    -- The key of the session advisory lock that the instance holds for as long as it lives.
    lock_key       bigint      NOT NULL UNIQUE,
    name           text        NOT NULL,
    started_at     timestamptz NOT NULL,
    heartbeat_at   timestamptz NOT NULL
);

-- The head of each run. Its nodes are in run_journal; nothing here is updated per node.
-- Partitions are weeks: a UUIDv7 begins with its milliseconds, so the id itself is the range key.
CREATE TABLE runs (
    id             uuid        NOT NULL PRIMARY KEY,
    project_id     uuid        NOT NULL,
    pipeline_id    uuid        NOT NULL,
    version        integer     NOT NULL,
    status         text        NOT NULL
        CHECK (status IN ('queued', 'running', 'waiting', 'completed', 'failed', 'cancelled', 'timed_out')),
    priority       smallint    NOT NULL DEFAULT 0,
    owner          uuid,
    -- Raised by every claim: who writes with an older epoch is fenced.
    epoch          integer     NOT NULL DEFAULT 0 CHECK (epoch >= 0),
    wake_at        timestamptz,
    input          json        NOT NULL,
    labels         json,
    output         json,
    error          json,
    created_at     timestamptz NOT NULL,
    started_at     timestamptz,
    finished_at    timestamptz,
    CONSTRAINT runs_running_has_owner   CHECK ((status = 'running') = (owner IS NOT NULL)),
    CONSTRAINT runs_waiting_has_wake_at CHECK ((status = 'waiting') = (wake_at IS NOT NULL)),
    CONSTRAINT runs_ended_has_end       CHECK ((status IN ('completed', 'failed', 'cancelled', 'timed_out')) = (finished_at IS NOT NULL)),
    CONSTRAINT runs_completed_has_output CHECK ((status = 'completed') = (output IS NOT NULL)),
    CONSTRAINT runs_ended_badly_has_error CHECK ((status IN ('failed', 'cancelled', 'timed_out')) = (error IS NOT NULL))
) PARTITION BY RANGE (id);
-- What is to do: the queue in its order, and the runs that an instance may have left behind.
CREATE INDEX runs_active ON runs (status, priority DESC, id) WHERE status IN ('queued', 'running');
CREATE INDEX runs_waiting ON runs (wake_at) WHERE status = 'waiting';
CREATE INDEX runs_by_pipeline ON runs (pipeline_id, id);
CREATE INDEX runs_by_project ON runs (project_id, id);

-- The truth of each run: append-only, numbered without gaps by its one writer.
CREATE TABLE run_journal (
    run_id         uuid        NOT NULL,
    seq            integer     NOT NULL CHECK (seq >= 1),
    -- The epoch of the writer: it tells "my own commit, whose answer was lost" from "somebody else was faster".
    epoch          integer     NOT NULL,
    at             timestamptz NOT NULL,
    kind           text        NOT NULL
        CHECK (kind IN ('taken_over', 'attempt_started', 'attempt_failed', 'node_waiting', 'node_completed', 'node_failed',
                        'node_timed_out', 'node_skipped', 'node_cancelled', 'run_ended')),
    node           text,
    data           json,
    CONSTRAINT run_journal_node_where_it_belongs CHECK ((node IS NULL) = (kind IN ('taken_over', 'run_ended'))),
    PRIMARY KEY (run_id, seq)
) PARTITION BY RANGE (run_id);

-- Rows whose time no weekly partition covers yet; upkeep keeps weeks ahead, so that these stay empty.
CREATE TABLE runs_default PARTITION OF runs DEFAULT;
CREATE TABLE run_journal_default PARTITION OF run_journal DEFAULT;

-- Which start a key stands for, so that a client that asks twice starts once.
CREATE TABLE run_keys (
    pipeline_id    uuid        NOT NULL,
    key            text        NOT NULL CHECK (char_length(key) BETWEEN 1 AND 255),
    -- SHA-256 of what was asked for.
    fingerprint    bytea       NOT NULL,
    run_id         uuid        NOT NULL,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (pipeline_id, key)
);
CREATE INDEX run_keys_by_age ON run_keys (created_at);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: %', TG_OP, TG_TABLE_NAME, TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER runs_terminal_is_final BEFORE UPDATE ON runs FOR EACH ROW
    WHEN (OLD.finished_at IS NOT NULL)
    EXECUTE FUNCTION refuse_change('a run that ended never changes again');
CREATE TRIGGER run_journal_is_append_only BEFORE UPDATE OR DELETE ON run_journal FOR EACH ROW
    EXECUTE FUNCTION refuse_change('the journal is append-only');
CREATE TRIGGER pipeline_versions_are_immutable BEFORE UPDATE OR DELETE ON pipeline_versions FOR EACH ROW
    EXECUTE FUNCTION refuse_change('a version of a pipeline never changes');

-- Makes the weekly partitions of runs and run_journal from the week of `since` on. Attaching, unlike creating in place, does not
-- block those who read and write meanwhile. A week that the default partition has rows of already is left alone.
CREATE FUNCTION ensure_partitions(since timestamptz, weeks integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    monday  timestamp;
    lower   uuid;
    upper   uuid;
    part    text;
    parent  text;
    made    integer := 0;
BEGIN
    FOR week IN 0 .. weeks - 1 LOOP
        monday := date_trunc('week', since AT TIME ZONE 'UTC') + week * interval '7 days';
        lower := uuid_of_time(monday);
        upper := uuid_of_time(monday + interval '7 days');
        FOREACH parent IN ARRAY ARRAY['runs', 'run_journal'] LOOP
            part := parent || to_char(monday, '_IYYY"w"IW');
            CONTINUE WHEN to_regclass(part) IS NOT NULL;
            BEGIN
                EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', part, parent);
                IF parent = 'runs' THEN
                    -- Room on each page for the update that ends a run.
                    EXECUTE format('ALTER TABLE %I SET (fillfactor = 80)', part);
                END IF;
                EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, part, lower, upper);
                made := made + 1;
            EXCEPTION WHEN check_violation THEN
                RAISE WARNING 'partition % was not made: rows of its time are in the default partition', part;
            END;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;

-- The least UUIDv7 of a moment (RFC 9562: 48 bits of milliseconds since 1970 come first).
CREATE FUNCTION uuid_of_time(moment timestamp) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid
$$;
