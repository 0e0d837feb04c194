-- Sessions, and the refresh tokens that keep them going. An access token names its session: when that has ended, the token counts no more.

CREATE TABLE sessions (
    id         uuid        PRIMARY KEY,
    user_id    uuid        NOT NULL REFERENCES users (id),
    created_at timestamptz NOT NULL,
    -- When it was last logged in with or refreshed.
    used_at    timestamptz NOT NULL,
    -- Whatever happens, it is over by then.
    expires_at timestamptz NOT NULL,
    -- What the client called itself, and where it came from, for the user to recognise.
    client     text,
    address    text,
    -- Makes a refresh token's successor from the token, which is stored nowhere: without the token this is worth nothing.
    seed       bytea       NOT NULL,
    ended_at   timestamptz,
    end_reason text,
    CONSTRAINT sessions_used_after_created   CHECK (used_at >= created_at),
    CONSTRAINT sessions_expire_after_created CHECK (expires_at > created_at),
    CONSTRAINT sessions_client_is_short      CHECK (char_length(client) BETWEEN 1 AND 200),
    CONSTRAINT sessions_address_is_short     CHECK (char_length(address) BETWEEN 1 AND 64),
    CONSTRAINT sessions_seed_is_long         CHECK (octet_length(seed) = 32),
    CONSTRAINT sessions_end_has_reason       CHECK ((ended_at IS NULL) = (end_reason IS NULL)),
    CONSTRAINT sessions_end_reason_is_known
        CHECK (end_reason IN ('logout', 'ended', 'password_changed', 'token_reused', 'user_disabled', 'too_many'))
);
-- The sessions of a user, newest first.
CREATE INDEX sessions_by_user ON sessions (user_id, id);
-- What every instance reads to know which access tokens count no more.
CREATE INDEX sessions_by_end ON sessions (ended_at) WHERE ended_at IS NOT NULL;
-- What can be forgotten.
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- No transition leads back from an end.
CREATE FUNCTION refuse_to_reopen_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'UPDATE of % is refused: a session that ended never changes again', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER sessions_end_is_final BEFORE UPDATE ON sessions FOR EACH ROW
    WHEN (OLD.ended_at IS NOT NULL)
    EXECUTE FUNCTION refuse_to_reopen_session();

-- Every refresh token that a session had, so that the use of an old one is noticed.
CREATE TABLE refresh_tokens (
    -- SHA-256 of the token.
    hash       bytea       PRIMARY KEY,
    session_id uuid        NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    issued_at  timestamptz NOT NULL,
    -- When it was exchanged for its successor.
    used_at    timestamptz,
    CONSTRAINT refresh_tokens_hash_is_sha256   CHECK (octet_length(hash) = 32),
    CONSTRAINT refresh_tokens_used_after_issue CHECK (used_at >= issued_at)
);
-- What goes with a session.
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);
-- A session has one token that was not used yet.
CREATE UNIQUE INDEX refresh_tokens_one_unused ON refresh_tokens (session_id) WHERE used_at IS NULL;
