-- Who did what: one row for every event that an operator may be asked about, each with the hash of the one before it, so that a row that was
-- changed, removed or put in between is found.

CREATE TABLE audit (
    -- Without gaps, in the order in which the events were written.
    seq        bigint      PRIMARY KEY CHECK (seq >= 1),
    at         timestamptz NOT NULL,
    action     text        NOT NULL CHECK (action ~ '^[a-z][a-z_]{0,63}$'),
    outcome    text        NOT NULL CHECK (outcome IN ('done', 'failed', 'denied')),
    -- The user who did it, where that is known.
    actor      uuid,
    -- The session in which it was done.
    session    uuid,
    -- What it was done to, as far as it is not the actor.
    subject    text        CHECK (char_length(subject) BETWEEN 1 AND 500),
    -- Where the request came from, and its id.
    address    text        CHECK (char_length(address) BETWEEN 1 AND 64),
    request_id text        CHECK (char_length(request_id) BETWEEN 1 AND 200),
    -- Why it failed, and the like.
    detail     text        CHECK (char_length(detail) BETWEEN 1 AND 500),
    -- SHA-256 over the hash of the row before and all of the above.
    hash       bytea       NOT NULL CHECK (octet_length(hash) = 32)
);
-- What a user did, newest first.
CREATE INDEX audit_by_actor ON audit (actor, seq) WHERE actor IS NOT NULL;

-- The last row, for the next one to follow. Its lock is what brings the rows into an order.
CREATE TABLE audit_head (
    one        boolean     PRIMARY KEY DEFAULT true CHECK (one),
    seq        bigint      NOT NULL CHECK (seq >= 0),
    hash       bytea       NOT NULL CHECK (octet_length(hash) = 32)
);
INSERT INTO audit_head (seq, hash) VALUES (0, sha256(''));

-- What stands there, stays; whoever gets around this is found by the hashes.
CREATE FUNCTION refuse_to_change_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: the audit is append-only', TG_OP, TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit FOR EACH STATEMENT
    EXECUTE FUNCTION refuse_to_change_audit();
REVOKE UPDATE, DELETE, TRUNCATE ON audit FROM PUBLIC, CURRENT_USER;
