-- Signing keys take turns: a new one is published first and signs later, and one that leaked is refused.

ALTER TABLE signing_keys
    -- From when on it signs, unless a later one does; NULL for from its making on.
    ADD COLUMN signs_from timestamptz,
    -- Since when nothing that it signed counts. Then it is retired too, for those who know of that only.
    ADD COLUMN refused_at timestamptz,
    ADD CONSTRAINT signing_keys_sign_after_created    CHECK (signs_from >= created_at),
    ADD CONSTRAINT signing_keys_refused_after_created CHECK (refused_at >= created_at),
    ADD CONSTRAINT signing_keys_refused_sign_no_more  CHECK (refused_at IS NULL OR retired_at IS NOT NULL);

-- No transition leads back from a refusal.
CREATE FUNCTION refuse_to_believe_signing_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'UPDATE of % is refused: a key that is refused stays so', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER signing_keys_refusal_is_final BEFORE UPDATE ON signing_keys FOR EACH ROW
    WHEN (OLD.refused_at IS NOT NULL AND NEW.refused_at IS DISTINCT FROM OLD.refused_at)
    EXECUTE FUNCTION refuse_to_believe_signing_key();
