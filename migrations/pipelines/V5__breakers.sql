-- Circuit breakers: counted over all runs and instances of a project, one row per key. Healthy ones that never failed have none.
CREATE TABLE breakers (
    id             uuid        PRIMARY KEY,
    project_id     uuid        NOT NULL,
    -- What is counted together: handler:NAME, type:NAME, host:HOST:PORT or name:NAME.
    key            text        NOT NULL CHECK (char_length(key) BETWEEN 1 AND 400),
    status         text        NOT NULL CHECK (status IN ('closed', 'open', 'half_open')),
    -- Failures and successes of late, in at most 32 buckets of time.
    counts         json        NOT NULL,
    -- How often in a row it opened.
    times          integer     NOT NULL CHECK (times >= 0),
    open_until     timestamptz,
    probe          uuid,
    probe_until    timestamptz,
    -- The id of its last change: what was let through under an older one is not counted any more.
    version        bigint      NOT NULL,
    -- The rules of the node that counted last, for people, and their window.
    rules          json,
    window_ms      bigint      NOT NULL CHECK (window_ms > 0),
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    -- Two projects never share a breaker.
    CONSTRAINT breakers_key_unique UNIQUE (project_id, key),
    CONSTRAINT breakers_open_has_end      CHECK ((status = 'open') = (open_until IS NOT NULL)),
    CONSTRAINT breakers_half_open_has_probe CHECK ((status = 'half_open') = (probe IS NOT NULL)),
    CONSTRAINT breakers_probe_has_end     CHECK ((probe IS NULL) = (probe_until IS NULL)),
    CONSTRAINT breakers_closed_has_no_times CHECK ((status = 'closed') = (times = 0))
);
-- The list of a project, newest first.
CREATE INDEX breakers_by_project ON breakers (project_id, id);
-- Which ones nobody has used for long.
CREATE INDEX breakers_by_use ON breakers (updated_at);

-- What happened to a breaker; the last few of each are kept.
CREATE TABLE breaker_changes (
    id             bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    breaker_id     uuid        NOT NULL REFERENCES breakers (id) ON DELETE CASCADE,
    at             timestamptz NOT NULL,
    from_status    text        NOT NULL,
    to_status      text        NOT NULL CHECK (to_status IN ('closed', 'open', 'half_open')),
    reason         text        NOT NULL,
    -- Until when it is open, where it opened.
    open_until     timestamptz,
    -- Where it was decided, and by whom, where it was a person.
    instance_id    uuid,
    user_id        uuid
);
-- The changes of one breaker, newest first.
CREATE INDEX breaker_changes_by_breaker ON breaker_changes (breaker_id, id);

-- The breaker that a waiting run is held by, so that it is woken when that closes.
ALTER TABLE runs ADD COLUMN held_by uuid;
ALTER TABLE runs ADD CONSTRAINT runs_held_while_waiting CHECK (held_by IS NULL OR status = 'waiting') NOT VALID;
-- The runs to wake.
CREATE INDEX runs_held ON runs (held_by) WHERE status = 'waiting' AND held_by IS NOT NULL;

-- One more kind of entry: node_held. The partitions have the old list as a constraint of their own.
DO $$
DECLARE
    part regclass;
BEGIN
    ALTER TABLE run_journal DROP CONSTRAINT run_journal_kind_check;
    FOR part IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'run_journal'::regclass LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS run_journal_kind_check', part);
    END LOOP;
END $$;
ALTER TABLE run_journal ADD CONSTRAINT run_journal_kind_check
    CHECK (kind IN ('taken_over', 'attempt_started', 'attempt_failed', 'node_waiting', 'node_held', 'node_quarantined',
                    'node_released', 'node_completed', 'node_failed', 'node_timed_out', 'node_skipped', 'node_cancelled', 'run_ended')) NOT VALID;
