-- Which instance probes, so that the right is free as soon as that instance is found dead, and not only when it lapses.
ALTER TABLE breakers ADD COLUMN probe_by uuid;
-- Probes of before are taken for given up: the next call asks anew.
UPDATE breakers SET status = 'open', open_until = now(), probe = NULL, probe_until = NULL WHERE probe IS NOT NULL;
-- A probe is somebody's.
ALTER TABLE breakers ADD CONSTRAINT breakers_probe_has_holder CHECK ((probe IS NULL) = (probe_by IS NULL));
-- The probes of an instance that died.
CREATE INDEX breakers_by_holder ON breakers (probe_by) WHERE probe_by IS NOT NULL;
