-- As before, but by name: of several who forget at once, one may have dropped the table just before another one comes to it, and a table that
-- is gone has no name to be dropped by, only a number.
CREATE OR REPLACE FUNCTION drop_detached(week timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    old     record;
    bytes   bigint := 0;
BEGIN
    FOR old IN SELECT * FROM partition_weeks() WHERE monday = week AND NOT attached LOOP
        bytes := bytes + coalesce(pg_total_relation_size(old.part), 0);
        EXECUTE format('DROP TABLE IF EXISTS %I.%I', current_schema(), old.parent || to_char(week AT TIME ZONE 'UTC', '_IYYY"w"IW'));
    END LOOP;
    RETURN bytes;
END $$;
