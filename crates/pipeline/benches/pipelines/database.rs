//! A cluster of the benchmark's own, durable, and what it used.

use std::path::PathBuf;
use std::time::Duration;

use gathering_embedded_postgres::{Cluster, Options};
use gathering_persistence::{ConnectOptions, Pool, connect, migrate};

/// The cluster.
pub(crate) struct Database {
    cluster: Cluster,
    made: usize,
}

/// What processes and the log had used at one moment.
#[derive(Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) own_cpu: Duration,
    pub(crate) database_cpu: Duration,
    wal: i64,
}

impl Database {
    pub(crate) fn start() -> Self {
        let home = std::env::var_os("GATHERING_BENCH_DIR")
            .map_or_else(|| std::env::temp_dir().join("gathering-bench"), PathBuf::from);
        std::fs::create_dir_all(&home).unwrap();
        let cluster = Cluster::start(&Options::new(home).max_connections(200)).unwrap();
        Self { cluster, made: 0 }
    }

    /// A migrated database with nothing in it.
    pub(crate) async fn fresh(&mut self) -> Pool {
        self.fresh_with_url().await.0
    }

    /// The same with its address, for processes of their own.
    pub(crate) async fn fresh_with_url(&mut self) -> (Pool, String) {
        self.made += 1;
        let name = format!("bench_{}", self.made);
        let admin = self.pool("postgres", true, 1).await;
        let client = admin.get().await.unwrap();
        client
            .batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            .await
            .unwrap();
        client
            .batch_execute(&format!("CREATE DATABASE {name} OWNER gathering"))
            .await
            .unwrap();
        client.batch_execute("CHECKPOINT").await.unwrap();
        let pool = self.pool(&name, false, 64).await;
        migrate(&pool).await.unwrap();
        (pool, self.cluster.database_url(&name))
    }

    /// A migrated database that is kept for the next time; made if it is not there yet.
    pub(crate) async fn kept(&self, name: &str) -> Pool {
        let admin = self.pool("postgres", true, 1).await;
        let client = admin.get().await.unwrap();
        let known = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)";
        if !client.query_one(known, &[&name]).await.unwrap().get::<_, bool>(0) {
            let create = format!("CREATE DATABASE {name} OWNER gathering");
            client.batch_execute(&create).await.unwrap();
        }
        let pool = self.pool(name, false, 64).await;
        migrate(&pool).await.unwrap();
        pool
    }

    async fn pool(&self, name: &str, admin: bool, size: usize) -> Pool {
        let url = if admin {
            self.cluster.admin_url(name)
        } else {
            self.cluster.database_url(name)
        };
        connect(&ConnectOptions {
            max_connections: size,
            ..ConnectOptions::new(url)
        })
        .await
        .unwrap()
    }

    pub(crate) async fn usage(&self, pool: &Pool) -> Usage {
        let client = pool.get().await.unwrap();
        let row = client
            .query_one("SELECT (pg_current_wal_lsn() - '0/0')::bigint", &[])
            .await
            .unwrap();
        Usage {
            own_cpu: cpu(std::process::id()),
            database_cpu: self.database_cpu(),
            wal: row.get(0),
        }
    }

    /// Of the main process, of its children, and of those that it has buried.
    fn database_cpu(&self) -> Duration {
        let Some(main) = self.cluster.pid() else {
            return Duration::ZERO;
        };
        let children = std::fs::read_to_string(format!("/proc/{main}/task/{main}/children")).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|pid| pid.parse().ok()).map(cpu);
        cpu(main) + children.sum::<Duration>()
    }
}

impl Usage {
    /// CPU milliseconds of both sides, and WAL bytes, since `before`.
    pub(crate) fn since(&self, before: &Self) -> (f64, f64, f64) {
        let ms = |now: Duration, then: Duration| now.saturating_sub(then).as_secs_f64() * 1e3;
        let (own, database) = (
            ms(self.own_cpu, before.own_cpu),
            ms(self.database_cpu, before.database_cpu),
        );
        (own, database, (self.wal - before.wal) as f64)
    }
}

/// User and system time of a process and of its buried children: fields 14 to 17 of proc(5)'s stat, in ticks of 10 ms.
fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    let ticks: u64 = after_name
        .split(' ')
        .skip(11)
        .take(4)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 10)
}
