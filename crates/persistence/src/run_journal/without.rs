//! The statements of a journal that lacks a safety: for the fault verification, which must find out.

use super::{APPEND, HAS_ENTRY};
use crate::Safety;

/// As the process was told to append.
pub(super) fn append_statement() -> &'static str {
    if Safety::EpochCheck.is_off() {
        APPEND_WITHOUT_EPOCH_CHECK
    } else if Safety::CompareAndAppend.is_off() {
        APPEND_WITHOUT_COMPARING
    } else {
        APPEND
    }
}

/// As the process was told to look for an entry of its own.
pub(super) fn has_entry_statement() -> &'static str {
    if Safety::EpochCheck.is_off() {
        HAS_ENTRY_OF_ANYBODY
    } else {
        HAS_ENTRY
    }
}

const HAS_ENTRY_OF_ANYBODY: &str =
    "SELECT EXISTS (SELECT FROM run_journal WHERE run_id = $1 AND seq = $2 AND $3::integer IS NOT NULL)";

// As APPEND, from whoever it comes.
const APPEND_WITHOUT_EPOCH_CHECK: &str = "
    WITH head AS (
        UPDATE runs r
        SET status = h.status, owner = NULL, wake_at = now() + h.wait_ms * interval '1 millisecond',
            held_by = h.held_by, output = h.output::json, error = h.error::json, finished_at = h.finished_at
        FROM unnest($10::uuid[], $11::integer[], $12::text[], $13::bigint[], $14::text[], $15::text[], $16::timestamptz[],
                    $17::uuid[])
            AS h (run_id, epoch, status, wait_ms, output, error, finished_at, held_by)
        WHERE r.id = h.run_id AND $1::uuid IS NOT NULL
        RETURNING r.id),
    entry AS (
        INSERT INTO run_journal (run_id, seq, epoch, at, kind, node, data)
        SELECT e.run_id, e.seq, e.epoch, e.at, e.kind, e.node, e.data::json
        FROM unnest($2::uuid[], $3::integer[], $4::integer[], $5::timestamptz[], $6::text[], $7::text[], $8::text[], $9::boolean[])
            AS e (run_id, seq, epoch, at, kind, node, data, with_head)
        WHERE CASE WHEN e.with_head THEN e.run_id IN (SELECT id FROM head)
                   ELSE EXISTS (SELECT FROM runs r WHERE r.id = e.run_id) END
        RETURNING 1)
    SELECT (SELECT count(*) FROM entry) + (SELECT count(*) FROM head)";

// As APPEND, under whatever number is free.
const APPEND_WITHOUT_COMPARING: &str = "
    WITH head AS (
        UPDATE runs r
        SET status = h.status, owner = NULL, wake_at = now() + h.wait_ms * interval '1 millisecond',
            held_by = h.held_by, output = h.output::json, error = h.error::json, finished_at = h.finished_at
        FROM unnest($10::uuid[], $11::integer[], $12::text[], $13::bigint[], $14::text[], $15::text[], $16::timestamptz[],
                    $17::uuid[])
            AS h (run_id, epoch, status, wait_ms, output, error, finished_at, held_by)
        WHERE r.id = h.run_id AND r.owner = $1 AND r.epoch = h.epoch
        RETURNING r.id),
    entry AS (
        INSERT INTO run_journal (run_id, seq, epoch, at, kind, node, data)
        SELECT e.run_id,
               coalesce((SELECT max(j.seq) FROM run_journal j WHERE j.run_id = e.run_id), 0)
                   + row_number() OVER (PARTITION BY e.run_id ORDER BY e.seq),
               e.epoch, e.at, e.kind, e.node, e.data::json
        FROM unnest($2::uuid[], $3::integer[], $4::integer[], $5::timestamptz[], $6::text[], $7::text[], $8::text[], $9::boolean[])
            AS e (run_id, seq, epoch, at, kind, node, data, with_head)
        WHERE CASE WHEN e.with_head THEN e.run_id IN (SELECT id FROM head)
                   ELSE EXISTS (SELECT FROM runs r WHERE r.id = e.run_id AND r.owner = $1 AND r.epoch = e.epoch) END
        RETURNING 1)
    SELECT (SELECT count(*) FROM entry) + (SELECT count(*) FROM head)";
