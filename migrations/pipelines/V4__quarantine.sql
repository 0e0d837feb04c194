-- A node under which several processes died rests in quarantine, and the rest of its run goes on, until somebody decides.

-- A run may wait for somebody instead of for a time: then it has no wake_at, and nothing claims it.
ALTER TABLE runs DROP CONSTRAINT runs_waiting_has_wake_at;
ALTER TABLE runs ADD CONSTRAINT runs_only_waiting_has_wake_at CHECK (wake_at IS NULL OR status = 'waiting');

-- What can happen to a node, quarantine and release included.
ALTER TABLE run_journal DROP CONSTRAINT run_journal_kind_check;
ALTER TABLE run_journal ADD CONSTRAINT run_journal_kind_check
    CHECK (kind IN ('taken_over', 'attempt_started', 'attempt_failed', 'node_waiting', 'node_quarantined', 'node_released',
                    'node_completed', 'node_failed', 'node_timed_out', 'node_skipped', 'node_cancelled', 'run_ended'));

-- For the list of nodes in quarantine: as small as they are rare.
CREATE INDEX run_journal_quarantined ON run_journal (run_id, seq) WHERE kind = 'node_quarantined';

-- What somebody decided about a node in quarantine, on its way to the instance that has the run in memory. The decision counts once it
-- is in the journal: these rows only carry it. They go as soon as they are read, or with their instance.
CREATE TABLE node_decisions (
    run_id         uuid        NOT NULL,
    node           text        NOT NULL,
    -- The last attempt before the quarantine that is meant: a later one is not.
    attempt        integer     NOT NULL CHECK (attempt >= 1),
    decision       json        NOT NULL,
    instance_id    uuid        NOT NULL,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (run_id, node)
);
-- What an instance reads with its heartbeat.
CREATE INDEX node_decisions_by_instance ON node_decisions (instance_id);
