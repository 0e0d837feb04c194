-- Attaching a week locks the default partition, which whoever has read runs holds until the end of its transaction: a backup, for one. All
-- who come meanwhile wait behind whoever waits for that lock. So the wait is short, and the weeks are made another time; until
-- then the default partition takes what no week is there for.
ALTER FUNCTION ensure_partitions(timestamptz, integer) SET lock_timeout = '500ms';
