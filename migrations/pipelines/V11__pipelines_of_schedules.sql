-- The schedule that a pipeline was saved for: it is that schedule's action, of which each firing starts a run. Such a pipeline is not
-- listed, and only its schedule changes, starts or deletes it. No foreign key, because schedules are tables of another folder.
ALTER TABLE pipelines ADD COLUMN schedule_id uuid;
-- Finds a project's own pipelines, page by page, however many schedules it has.
CREATE INDEX pipelines_of_no_schedule ON pipelines (project_id, id) WHERE deleted_at IS NULL AND schedule_id IS NULL;
