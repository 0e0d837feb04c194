-- Users, their projects, and the keys that sign access tokens.
-- Times are handed in by the caller's clock; nothing here defaults to now().

CREATE TABLE users (
    id                 uuid        PRIMARY KEY,
    -- As the user wrote it; shown and written to.
    email              text        NOT NULL,
    -- Lower-cased by the application: which address is which user.
    email_key          text        NOT NULL,
    name               text,
    -- argon2id, as a PHC string.
    password_hash      text        NOT NULL,
    default_project_id uuid        NOT NULL,
    created_at         timestamptz NOT NULL,
    disabled_at        timestamptz,
    CONSTRAINT users_email_key_unique UNIQUE (email_key),
    CONSTRAINT users_email_is_an_address
        CHECK (char_length(email) BETWEEN 3 AND 254 AND email ~ '^[^@[:space:][:cntrl:]]+@[^@[:space:][:cntrl:]]+$'),
    -- Lower-casing may lengthen an address (one letter becomes up to three), never make capitals.
    CONSTRAINT users_email_key_is_lower_case
        CHECK (char_length(email_key) BETWEEN 3 AND 762 AND email_key !~ '[A-Z]'),
    CONSTRAINT users_name_is_short
        CHECK (char_length(name) BETWEEN 1 AND 200),
    CONSTRAINT users_password_is_hashed
        CHECK (password_hash LIKE '$argon2id$v=19$%' AND char_length(password_hash) <= 512),
    CONSTRAINT users_disabled_after_created
        CHECK (disabled_at >= created_at)
);

CREATE TABLE projects (
    id         uuid        PRIMARY KEY,
    name       text        NOT NULL,
    owner_id   uuid        NOT NULL REFERENCES users (id),
    created_at timestamptz NOT NULL,
    CONSTRAINT projects_name_is_short CHECK (char_length(name) BETWEEN 1 AND 200),
    -- Referenced by users: a default project is one that the user owns.
    CONSTRAINT projects_id_owner_unique UNIQUE (id, owner_id)
);

CREATE INDEX projects_by_owner ON projects (owner_id);

-- Deferred, because user and project come into being together and name each other.
ALTER TABLE users
    ADD CONSTRAINT users_own_their_default_project
        FOREIGN KEY (default_project_id, id) REFERENCES projects (id, owner_id)
        DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE signing_keys (
    -- The thumbprint of the public key (RFC 7638): SHA-256, base64url.
    kid         text        PRIMARY KEY,
    -- Ed25519 in PKCS#8.
    private_key bytea       NOT NULL,
    created_at  timestamptz NOT NULL,
    -- Since when it signs no more; it verifies until the last token it signed has expired.
    retired_at  timestamptz,
    CONSTRAINT signing_keys_kid_is_a_thumbprint CHECK (kid ~ '^[A-Za-z0-9_-]{43}$'),
    CONSTRAINT signing_keys_private_key_is_short CHECK (octet_length(private_key) BETWEEN 32 AND 256),
    CONSTRAINT signing_keys_retired_after_created CHECK (retired_at >= created_at)
);
