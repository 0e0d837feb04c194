//! The append of a single run: what [`APPEND`](super::APPEND) does for many, without looking anything up by lists.
//!
//! On an idle instance nearly every append is one of these, and its time is the time between two nodes.

use deadpool_postgres::GenericClient;
use gathering_domain::{BreakerId, InstanceId, Json, RunId};
use jiff::Timestamp;

use super::{Appended, Batch, HeadChange, appended};
use crate::Error;

/// The run and epoch that a batch is all about, if it is about one.
pub(super) fn only_claim(batch: &Batch) -> Option<(RunId, i32)> {
    let entries = batch
        .entries
        .iter()
        .map(|entry| (entry.run_id, entry.epoch, entry.with_head));
    let heads = batch.heads.iter().map(|head| (head.run_id, head.epoch, true));
    let mut all = entries.chain(heads);
    let (run, epoch, with_head) = all.next()?;
    let alone = batch.heads.len() == usize::from(with_head) && all.all(|other| other == (run, epoch, with_head));
    alone.then_some((run, epoch))
}

/// Appends a batch that is all about one claim.
pub(super) async fn append(
    client: &impl GenericClient,
    owner: InstanceId,
    (run, epoch): (RunId, i32),
    batch: &Batch,
) -> Result<Appended, Error> {
    let Batch { entries, heads } = batch;
    let seqs: Vec<i32> = entries.iter().map(|entry| entry.seq).collect();
    let ats: Vec<Timestamp> = entries.iter().map(|entry| entry.at).collect();
    let kinds: Vec<&str> = entries.iter().map(|entry| entry.kind).collect();
    let nodes: Vec<Option<&str>> = entries.iter().map(|entry| entry.node.as_deref()).collect();
    let data: Vec<Option<&str>> = entries.iter().map(|entry| entry.data.as_deref()).collect();
    let (owner, run) = (owner.as_uuid(), run.as_uuid());
    let Some(head) = heads.first() else {
        let statement = client.prepare_cached(ENTRIES).await?;
        let done = client
            .execute(&statement, &[&owner, &run, &epoch, &seqs, &ats, &kinds, &nodes, &data])
            .await?;
        return Ok(appended(i64::try_from(done).unwrap_or(i64::MAX), batch));
    };
    let HeadChange {
        status,
        wait_ms,
        held_by,
        output,
        error,
        finished_at,
        run_id: _,
        epoch: _,
    } = head;
    let output = output.as_ref().map(Json::text);
    let held_by = held_by.map(BreakerId::as_uuid);
    let statement = client.prepare_cached(ENTRIES_AND_HEAD).await?;
    let row = client
        .query_one(
            &statement,
            &[
                &owner,
                &run,
                &epoch,
                &seqs,
                &ats,
                &kinds,
                &nodes,
                &data,
                status,
                wait_ms,
                &output,
                error,
                finished_at,
                &held_by,
            ],
        )
        .await?;
    Ok(appended(row.get(0), batch))
}

// The run's row says in this statement's snapshot whether the claim still holds; the primary key decides between two who both think so.
const ENTRIES: &str = "
    INSERT INTO run_journal (run_id, seq, epoch, at, kind, node, data)
    SELECT r.id, e.seq, r.epoch, e.at, e.kind, e.node, e.data::json
    FROM runs r, unnest($4::integer[], $5::timestamptz[], $6::text[], $7::text[], $8::text[]) AS e (seq, at, kind, node, data)
    WHERE r.id = $2 AND r.owner = $1 AND r.epoch = $3";

// `head` locks and changes the run's row if the claim still holds, and the entries count only if it did.
const ENTRIES_AND_HEAD: &str = "
    WITH head AS (
        UPDATE runs
        SET status = $9, owner = NULL, wake_at = now() + $10::bigint * interval '1 millisecond',
            held_by = $14, output = $11::text::json, error = $12::text::json, finished_at = $13
        WHERE id = $2 AND owner = $1 AND epoch = $3
        RETURNING id, epoch),
    entry AS (
        INSERT INTO run_journal (run_id, seq, epoch, at, kind, node, data)
        SELECT h.id, e.seq, h.epoch, e.at, e.kind, e.node, e.data::json
        FROM head h, unnest($4::integer[], $5::timestamptz[], $6::text[], $7::text[], $8::text[]) AS e (seq, at, kind, node, data)
        RETURNING 1)
    SELECT (SELECT count(*) FROM entry) + (SELECT count(*) FROM head)";
