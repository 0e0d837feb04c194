-- Which pipeline an Idempotency-Key stands for, so that whoever lost the answer may ask again and makes no second one.
CREATE TABLE pipeline_keys (
    project_id     uuid        NOT NULL,
    key            text        NOT NULL,
    -- SHA-256 of what was asked for.
    fingerprint    bytea       NOT NULL,
    pipeline_id    uuid        NOT NULL,
    -- When the pipeline was made as well: what was answered is answered again.
    created_at     timestamptz NOT NULL,
    -- One pipeline for a key, however many ask at once.
    PRIMARY KEY (project_id, key),
    CONSTRAINT pipeline_keys_key_is_short CHECK (char_length(key) BETWEEN 1 AND 255),
    CONSTRAINT pipeline_keys_fingerprint_is_sha256 CHECK (octet_length(fingerprint) = 32)
);
-- Those that are a day old are forgotten.
CREATE INDEX pipeline_keys_by_age ON pipeline_keys (created_at);
