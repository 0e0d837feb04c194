-- Which instance is to stop working on a run that was cancelled elsewhere. The run itself is over already: this only tells its
-- owner sooner than the owner's next append would. Rows go as soon as they are read, or with their instance.
CREATE TABLE cancellations (
    run_id         uuid        PRIMARY KEY,
    instance_id    uuid        NOT NULL,
    created_at     timestamptz NOT NULL
);
CREATE INDEX cancellations_by_instance ON cancellations (instance_id);
