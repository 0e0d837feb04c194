//! Runs that were, made by statements over many rows at once: nobody waits for a million real ones.

use gathering_domain::PipelineId;
use gathering_persistence::{Connection, Pool};
use jiff::{Timestamp, ToSpan as _};

use crate::database::Database;

/// Runs that one statement makes.
const CHUNK: i64 = 100_000;

/// A database with so many finished runs of six weeks, half of them in this one; kept for the next time.
pub(crate) async fn of(database: &Database, runs: i64) -> Pool {
    let pool = database.kept(&format!("bench_history_{runs}")).await;
    let client = pool.get().await.unwrap();
    let there: i64 = client.query_one("SELECT count(*) FROM runs", &[]).await.unwrap().get(0);
    if there >= runs {
        return pool;
    }
    let now = Timestamp::now();
    let first = now.checked_sub((24 * 35).hours()).unwrap();
    client
        .execute("SELECT ensure_partitions($1, 10)", &[&first])
        .await
        .unwrap();
    for from in (0..runs).step_by(usize::try_from(CHUNK).unwrap()) {
        let until = runs.min(from + CHUNK);
        client
            .execute(FINISHED, &[&first, &now, &runs, &from, &(until - 1)])
            .await
            .unwrap();
        eprintln!("  {until} of {runs} finished runs made");
    }
    // As it is in a database that has had this history for a while: what autovacuum has to do after so many rows at once would have a part in
    // what is measured. On a connection of its own, because it takes longer than a statement may.
    let client = Connection::take(client);
    client.batch_execute("SET statement_timeout = 0").await.unwrap();
    for statement in ["VACUUM (ANALYZE, FREEZE)", "CHECKPOINT"] {
        // Only the latter needs a right that the owner of a database may not have.
        if let Err(error) = client.batch_execute(statement).await {
            eprintln!("  {statement}: {error}");
        }
    }
    pool
}

// The run of number i began at the moment that is its: the first half spread over five weeks, the second over what this week has had so
// far. One in twenty failed. Its journal has what a run of three nodes leaves: an entry for each node, and its end.
const FINISHED: &str = r#"
    WITH made AS (
        SELECT i, CASE WHEN i < half THEN first + (monday - first) * (i::float8 / half)
                       ELSE monday + (now - monday) * ((i - half)::float8 / half) END AS at
        FROM (SELECT $1::timestamptz AS first, $2::timestamptz AS now, $3::bigint / 2 AS half,
                     date_trunc('week', $2::timestamptz, 'UTC') AS monday) times,
             generate_series($4::bigint, $5::bigint) i),
    run AS (
        INSERT INTO runs (id, project_id, pipeline_id, version, status, epoch, input, output, error, created_at, started_at, finished_at)
        SELECT overlay(overlay(gen_random_uuid()::text PLACING left(uuid_of_time(at AT TIME ZONE 'UTC')::text, 13) FROM 1) PLACING '7' FROM 15)::uuid,
               '00000000-0000-7000-8000-00000000000a',
               ('00000000-0000-7000-8000-0000000000' || lpad(to_hex(i % 100), 2, '0'))::uuid, 1,
               CASE WHEN i % 20 = 7 THEN 'failed' ELSE 'completed' END, 1, '{"url":"https://example.org/things/17"}',
               CASE WHEN i % 20 = 7 THEN NULL ELSE '{"tell":{"status":200,"body":{"accepted":true}}}'::json END,
               CASE WHEN i % 20 = 7 THEN '{"code":"node_failed","message":"node tell failed: the answer was 503"}'::json END,
               at, at, at + interval '2 seconds'
        FROM made
        RETURNING id, created_at, status),
    entry AS (
        INSERT INTO run_journal (run_id, seq, epoch, at, kind, node, data)
        SELECT r.id, seq, 1, r.created_at + seq * interval '300 milliseconds',
               CASE WHEN seq < 4 THEN 'node_completed' ELSE 'run_ended' END, CASE WHEN seq < 4 THEN 'n' || seq END,
               CASE WHEN seq < 4 THEN '{"number":1,"started_at":"2026-01-01T00:00:00.000000Z","output":{"status":200,"body":{"accepted":true}}}'
                    ELSE '{"status":"' || r.status || '"}' END::json
        FROM run r, generate_series(1, 4) seq)
    SELECT"#;

/// Queued runs of a pipeline, of this very moment.
pub(crate) async fn queue(pool: &Pool, pipeline: PipelineId, count: usize) {
    let client = pool.get().await.unwrap();
    let count = i64::try_from(count).unwrap();
    client.execute(QUEUED, &[&pipeline.as_uuid(), &count]).await.unwrap();
}

const QUEUED: &str = "
    INSERT INTO runs (id, project_id, pipeline_id, version, status, input, created_at)
    SELECT overlay(overlay(gen_random_uuid()::text PLACING left(uuid_of_time(clock_timestamp() AT TIME ZONE 'UTC')::text, 13) FROM 1)
                   PLACING '7' FROM 15)::uuid, p.project_id, p.id, p.version, 'queued', 'null', clock_timestamp()
    FROM pipelines p, generate_series(1, $2::bigint) WHERE p.id = $1";
