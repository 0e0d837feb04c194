-- Invitations to open an account, and API keys: secrets that are shown once. What is kept of them is a SHA-256, which is enough for what is
-- random and long.

CREATE TABLE invitations (
    id           uuid        PRIMARY KEY,
    hash         bytea       NOT NULL UNIQUE,
    -- Whom it is for, lower-cased; NULL for whoever has it.
    email_key    text,
    -- What the new user will be.
    role         text        NOT NULL,
    -- In which project besides their own, and as what.
    project_id   uuid        REFERENCES projects (id) ON DELETE CASCADE,
    project_role text,
    created_by   uuid        REFERENCES users (id),
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    -- When somebody registered with it.
    used_at      timestamptz,
    CONSTRAINT invitations_hash_is_sha256          CHECK (octet_length(hash) = 32),
    CONSTRAINT invitations_email_key_is_lower_case CHECK (char_length(email_key) BETWEEN 3 AND 762 AND email_key !~ '[A-Z]'),
    CONSTRAINT invitations_role_is_known           CHECK (role IN ('admin', 'member', 'viewer')),
    CONSTRAINT invitations_project_role_is_known   CHECK (project_role IN ('owner', 'editor', 'viewer')),
    CONSTRAINT invitations_project_has_role        CHECK ((project_id IS NULL) = (project_role IS NULL)),
    CONSTRAINT invitations_expire_after_created    CHECK (expires_at > created_at),
    CONSTRAINT invitations_used_after_created      CHECK (used_at >= created_at)
);
-- What can be forgotten.
CREATE INDEX invitations_by_expiry ON invitations (expires_at);

CREATE TABLE api_keys (
    id         uuid        PRIMARY KEY,
    user_id    uuid        NOT NULL REFERENCES users (id),
    hash       bytea       NOT NULL UNIQUE,
    name       text        NOT NULL,
    -- The first letters of the key, for its user to know it by.
    hint       text        NOT NULL,
    scopes     text[]      NOT NULL,
    -- The only project that it is for; NULL for all of its user's.
    project_id uuid        REFERENCES projects (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    -- About when it was used last.
    used_at    timestamptz,
    ended_at   timestamptz,
    CONSTRAINT api_keys_hash_is_sha256       CHECK (octet_length(hash) = 32),
    CONSTRAINT api_keys_name_is_short        CHECK (char_length(name) BETWEEN 1 AND 200),
    CONSTRAINT api_keys_hint_is_short        CHECK (char_length(hint) BETWEEN 1 AND 16),
    CONSTRAINT api_keys_scopes_are_known
        CHECK (scopes <@ ARRAY['read', 'run', 'write', 'admin'] AND cardinality(scopes) BETWEEN 1 AND 4),
    CONSTRAINT api_keys_expire_after_created CHECK (expires_at > created_at)
);
-- The keys of a user, newest first.
CREATE INDEX api_keys_by_user ON api_keys (user_id, id);
-- What every instance reads to know which keys count no more.
CREATE INDEX api_keys_by_end ON api_keys (ended_at) WHERE ended_at IS NOT NULL;
-- What can be forgotten.
CREATE INDEX api_keys_by_expiry ON api_keys (expires_at);

CREATE TRIGGER api_keys_end_is_final BEFORE UPDATE ON api_keys FOR EACH ROW
    WHEN (OLD.ended_at IS NOT NULL)
    EXECUTE FUNCTION refuse_to_reopen_session();
