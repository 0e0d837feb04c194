-- Which project an Idempotency-Key of a user stands for, so that whoever lost the answer may ask again and makes no second one.
CREATE TABLE project_keys (
    user_id        uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key            text        NOT NULL,
    -- SHA-256 of what was asked for.
    fingerprint    bytea       NOT NULL,
    project_id     uuid        NOT NULL,
    -- When the project was made as well: what was answered is answered again.
    created_at     timestamptz NOT NULL,
    -- One project for a key, however many ask at once.
    PRIMARY KEY (user_id, key),
    CONSTRAINT project_keys_key_is_short CHECK (char_length(key) BETWEEN 1 AND 255),
    CONSTRAINT project_keys_fingerprint_is_sha256 CHECK (octet_length(fingerprint) = 32)
);
-- Those that are a day old are forgotten.
CREATE INDEX project_keys_by_age ON project_keys (created_at);
