//! What the database allows: C, single-row transactions per second; B, rows per second in statements of 100 rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gathering_persistence::{Connection, Pool};
use jiff::Timestamp;
use uuid::Uuid;

use crate::database::Database;
use crate::report::Report;

const EACH: Duration = Duration::from_secs(2);

/// The limits that figures are compared with.
pub(crate) struct Limits {
    /// Single-row transactions per second, at the best client count.
    pub(crate) c: f64,
}

/// Measures on the journal's own table, with a row of the size that a node's completion has.
pub(crate) async fn measure(database: &mut Database, report: &mut Report) -> Limits {
    let pool = database.fresh().await;
    let commit = idle_commit(&pool).await;
    report.add(
        "commit, one client, p50",
        format!("{:.3} ms", commit.as_secs_f64() * 1e3),
        "",
        "",
    );
    let (mut c, mut b) = (0.0_f64, 0.0_f64);
    for clients in [1, 8, 16, 32, 48] {
        c = c.max(rate(&pool, clients, 1).await);
    }
    for clients in [1, 2, 4, 8] {
        b = b.max(rate(&pool, clients, 100).await);
    }
    report.add("C: single-row transactions", format!("{c:.0}/s"), "", "");
    report.add("B: rows, 100 a statement", format!("{b:.0}/s"), "", "");
    Limits { c }
}

const INSERT: &str = "INSERT INTO run_journal (run_id, seq, epoch, at, kind, node, data)
    SELECT $1, i, 1, $2, 'node_completed', 'n1', '{\"attempt\":1,\"started_at\":\"2026-01-01T00:00:00.000000Z\",\"output\":null}'
    FROM generate_series(1, $3) i";

/// One single-row transaction.
pub(crate) async fn commit(client: &Connection) {
    let statement = client.prepare_cached(INSERT).await.unwrap();
    client
        .execute(&statement, &[&Uuid::now_v7(), &Timestamp::now(), &1_i32])
        .await
        .unwrap();
}

async fn idle_commit(pool: &Pool) -> Duration {
    let client = pool.get().await.unwrap();
    let mut times = Vec::new();
    for _ in 0..500 {
        let begun = Instant::now();
        commit(&client).await;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    times[times.len() / 2]
}

async fn rate(pool: &Pool, clients: usize, rows: i32) -> f64 {
    let done = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let working = (0..clients).map(|_| {
        let (pool, done) = (pool.clone(), done.clone());
        tokio::spawn(async move {
            let client = pool.get().await.unwrap();
            let statement = client.prepare_cached(INSERT).await.unwrap();
            while begun.elapsed() < EACH {
                client
                    .execute(&statement, &[&Uuid::now_v7(), &Timestamp::now(), &rows])
                    .await
                    .unwrap();
                done.fetch_add(u64::from(rows.unsigned_abs()), Ordering::Relaxed);
            }
        })
    });
    futures::future::join_all(working).await;
    done.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64()
}
