-- What users are on this server and in projects, and which projects they share.

-- viewer may look, member may make projects and work in them, admin may do everything.
ALTER TABLE users
    ADD COLUMN role text NOT NULL DEFAULT 'member',
    ADD CONSTRAINT users_role_is_known CHECK (role IN ('admin', 'member', 'viewer'));
-- Whether somebody is left who may say who may do what.
CREATE INDEX users_admins ON users (id) WHERE role = 'admin' AND disabled_at IS NULL;

-- owner_id is who made the project; who may do what in it stands in project_members alone.
ALTER TABLE projects
    -- Since when nobody sees it any more.
    ADD COLUMN deleted_at timestamptz,
    ADD CONSTRAINT projects_deleted_after_created CHECK (deleted_at >= created_at);

CREATE TABLE project_members (
    project_id uuid        NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id    uuid        NOT NULL REFERENCES users (id),
    role       text        NOT NULL,
    added_at   timestamptz NOT NULL,
    PRIMARY KEY (project_id, user_id),
    CONSTRAINT project_members_role_is_known CHECK (role IN ('owner', 'editor', 'viewer'))
);
-- The projects of a user.
CREATE INDEX project_members_by_user ON project_members (user_id, project_id);

INSERT INTO project_members (project_id, user_id, role, added_at)
    SELECT id, owner_id, 'owner', created_at FROM projects;

-- Whoever is something else from now on has to come in again.
ALTER TABLE sessions
    DROP CONSTRAINT sessions_end_reason_is_known,
    ADD CONSTRAINT sessions_end_reason_is_known CHECK (end_reason IN
        ('logout', 'ended', 'password_changed', 'token_reused', 'user_disabled', 'too_many', 'role_changed'));
