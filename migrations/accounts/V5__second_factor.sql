-- Second factors: codes that change with the time (TOTP, RFC 6238), and recovery codes for whoever has lost what makes them.

CREATE TABLE second_factors (
    user_id     uuid        PRIMARY KEY REFERENCES users (id),
    -- What the codes are made from, as it is: whoever can read this table can make codes. A table of its own, so that it can be encrypted one day
    -- without touching users.
    secret      bytea       NOT NULL,
    created_at  timestamptz NOT NULL,
    -- Since when logins ask for it; until then it was only offered.
    enabled_at  timestamptz,
    -- The time step of the last code that counted: none of this step, or of one before it, counts again.
    last_step   bigint,
    -- Wrong codes since the last right one, within a few minutes of the first of them. Durable and the same for all instances.
    wrong_count smallint,
    wrong_since timestamptz,
    -- 160 bits, as RFC 4226 recommends.
    CONSTRAINT second_factors_secret_is_long         CHECK (octet_length(secret) = 20),
    CONSTRAINT second_factors_enabled_after_created  CHECK (enabled_at >= created_at),
    -- It was confirmed by a code.
    CONSTRAINT second_factors_enabled_by_a_code      CHECK (enabled_at IS NULL OR last_step IS NOT NULL),
    CONSTRAINT second_factors_wrong_codes_have_begun CHECK ((wrong_count IS NULL) = (wrong_since IS NULL)),
    CONSTRAINT second_factors_wrong_count_is_counted CHECK (wrong_count BETWEEN 1 AND 1000)
);

-- A code counts once, whatever else goes wrong.
CREATE FUNCTION refuse_to_repeat_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'UPDATE of % is refused: the code of a step counts once', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER second_factors_steps_only_rise BEFORE UPDATE ON second_factors FOR EACH ROW
    WHEN (OLD.enabled_at IS NOT NULL AND (NEW.last_step IS NULL OR NEW.last_step < OLD.last_step))
    EXECUTE FUNCTION refuse_to_repeat_step();

-- Those that were not used yet; a used one is gone.
CREATE TABLE recovery_codes (
    user_id    uuid        NOT NULL REFERENCES second_factors (user_id) ON DELETE CASCADE,
    -- SHA-256 of its 80 random bits, which nobody finds by trying: no slow hash is needed.
    hash       bytea       NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, hash),
    CONSTRAINT recovery_codes_hash_is_sha256 CHECK (octet_length(hash) = 32)
);
