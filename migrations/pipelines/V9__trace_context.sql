-- The trace that a run belongs to, as whoever started it named it: `traceparent`, and behind a space `tracestate` where there is one
-- (W3C Trace Context). It is with the run so that it reaches the run's nodes on whatever instance they run, also after a crash.
ALTER TABLE runs ADD COLUMN trace text;
-- 55 characters, a space, 512 characters. NOT VALID, because there is nothing in old rows to look at, and looking would lock the table.
ALTER TABLE runs ADD CONSTRAINT runs_trace_is_short CHECK (octet_length(trace) <= 568) NOT VALID;
