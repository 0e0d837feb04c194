-- Forgetting: old weeks are dropped whole. And weeks are made in the schema that the connection works in, whatever its name.

-- An entry may go when its run is gone, never before and never alone.
CREATE FUNCTION refuse_while_run_is_there() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    there boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %I.runs WHERE id = $1)', TG_TABLE_SCHEMA) INTO there USING OLD.run_id;
    IF there THEN
        RAISE EXCEPTION 'DELETE of % is refused: the journal is append-only', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN OLD;
END $$;
DROP TRIGGER run_journal_is_append_only ON run_journal;
CREATE TRIGGER run_journal_is_append_only BEFORE UPDATE ON run_journal FOR EACH ROW
    EXECUTE FUNCTION refuse_change('the journal is append-only');
CREATE TRIGGER run_journal_goes_with_its_run BEFORE DELETE ON run_journal FOR EACH ROW
    EXECUTE FUNCTION refuse_while_run_is_there();
CREATE TRIGGER runs_unfinished_stay BEFORE DELETE ON runs FOR EACH ROW
    WHEN (OLD.finished_at IS NULL)
    EXECUTE FUNCTION refuse_change('a run that has not ended is not forgotten');

-- As before, but in the current schema alone: a partition of the same name elsewhere in the search_path is not ours.
CREATE OR REPLACE FUNCTION ensure_partitions(since timestamptz, weeks integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    home    text := current_schema();
    monday  timestamp;
    lower   uuid;
    upper   uuid;
    part    text;
    parent  text;
    made    integer := 0;
BEGIN
    FOR week IN 0 .. weeks - 1 LOOP
        monday := date_trunc('week', since AT TIME ZONE 'UTC') + week * interval '7 days';
        lower := uuid_of_time(monday);
        upper := uuid_of_time(monday + interval '7 days');
        FOREACH parent IN ARRAY ARRAY['runs', 'run_journal'] LOOP
            part := parent || to_char(monday, '_IYYY"w"IW');
            CONTINUE WHEN to_regclass(format('%I.%I', home, part)) IS NOT NULL;
            BEGIN
                EXECUTE format('CREATE TABLE %I.%I (LIKE %I.%I INCLUDING ALL)', home, part, home, parent);
                IF parent = 'runs' THEN
                    -- Room on each page for the update that ends a run.
                    EXECUTE format('ALTER TABLE %I.%I SET (fillfactor = 80)', home, part);
                END IF;
                EXECUTE format('ALTER TABLE %I.%I ATTACH PARTITION %I.%I FOR VALUES FROM (%L) TO (%L)',
                               home, parent, home, part, lower, upper);
                made := made + 1;
            EXCEPTION WHEN check_violation THEN
                RAISE WARNING 'partition % was not made: rows of its time are in the default partition', part;
            END;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;

-- The weeks that there are partitions of, by their Monday 00:00 UTC: attached ones, and those that were detached and not dropped yet.
CREATE FUNCTION partition_weeks() RETURNS TABLE (monday timestamptz, part regclass, parent text, attached boolean)
LANGUAGE sql STABLE AS $$
    SELECT to_timestamp(right(c.relname, 7), 'IYYY"w"IW')::timestamp AT TIME ZONE 'UTC', c.oid::regclass, left(c.relname, -8), c.relispartition
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relkind = 'r' AND c.relname ~ '^(runs|run_journal)_\d{4}w\d{2}$'
$$;

-- Takes a week out of runs and run_journal; the runs of `keep`, and whatever has not ended, move into the default partitions. Detaching
-- locks the parents for a moment: the caller sets a short lock_timeout. Gives how many runs moved.
CREATE FUNCTION detach_week(week timestamptz, keep uuid[]) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    home    text := current_schema();
    old     record;
    lower   uuid := uuid_of_time(week AT TIME ZONE 'UTC');
    upper   uuid := uuid_of_time(week AT TIME ZONE 'UTC' + interval '7 days');
    moving  uuid[];
    moved   integer := 0;
BEGIN
    -- Always runs first: of two who take both, none waits for the other.
    EXECUTE format('LOCK TABLE ONLY %I.runs, ONLY %I.run_journal IN ACCESS EXCLUSIVE MODE', home, home);
    -- Asked again under the lock, from the partial indexes: a run that came or woke up since `keep` was read.
    EXECUTE format(
        'SELECT array_agg(id) FROM (
             SELECT unnest($1) AS id
             UNION SELECT id FROM %1$I.runs WHERE id >= $2 AND id < $3 AND status IN (''queued'', ''running'')
             UNION SELECT id FROM %1$I.runs WHERE id >= $2 AND id < $3 AND status = ''waiting'') unfinished', home)
        INTO moving USING keep, lower, upper;
    FOR old IN SELECT * FROM partition_weeks() WHERE monday = week AND attached ORDER BY parent DESC LOOP
        EXECUTE format('ALTER TABLE %I.%I DETACH PARTITION %s', home, old.parent, old.part);
        IF old.parent = 'runs' THEN
            -- All columns, also those that later migrations add: a partition has those of its parent, in their order.
            EXECUTE format('INSERT INTO %I.runs SELECT * FROM %s WHERE id = ANY ($1)', home, old.part) USING moving;
            GET DIAGNOSTICS moved = ROW_COUNT;
        ELSE
            EXECUTE format('INSERT INTO %I.run_journal SELECT * FROM %s WHERE run_id = ANY ($1)', home, old.part) USING moving;
        END IF;
    END LOOP;
    RETURN moved;
END $$;

-- Drops what was detached of a week: nobody reads it any more, so nobody waits. Gives how many bytes that frees.
CREATE FUNCTION drop_detached(week timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    old     record;
    bytes   bigint := 0;
BEGIN
    FOR old IN SELECT * FROM partition_weeks() WHERE monday = week AND NOT attached LOOP
        bytes := bytes + pg_total_relation_size(old.part);
        EXECUTE format('DROP TABLE %s', old.part);
    END LOOP;
    RETURN bytes;
END $$;
