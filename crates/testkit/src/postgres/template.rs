//! The migrated database that tests' databases are cloned from.

use std::time::Duration;

use gathering_persistence::ConnectOptions;

use super::{TestCluster, admin};

/// What a template is called, before the hash of its migrations.
const PREFIX: &str = "template_";

/// A template that is not finished.
const UNFINISHED: &str = "unfinished";

/// Longest wait for the sessions of the migrations to be gone.
const SETTLE: Duration = Duration::from_secs(10);

/// Makes the template for this binary's migrations unless it is there, and gives its name. An unfinished one never has it.
pub(super) async fn prepare(cluster: &TestCluster) -> String {
    let name = current();
    let admin_url = cluster.admin_url();
    if exists(admin_url, &name).await {
        return name;
    }
    let fresh = [
        drop_statement(UNFINISHED),
        format!("CREATE DATABASE {UNFINISHED} OWNER gathering"),
    ];
    let created = admin::run(admin_url, &fresh).await;
    created.unwrap_or_else(|error| panic!("could not create the template: {error:?}"));
    migrate(&cluster.url(UNFINISHED)).await;
    crate::until("the sessions of the migrations end", SETTLE, async || {
        admin::terminate(admin_url, UNFINISHED).await.ok()?;
        admin::run(admin_url, &[format!("ALTER DATABASE {UNFINISHED} RENAME TO {name}")])
            .await
            .ok()
    })
    .await;
    name
}

/// Drops what earlier runs have left: the databases of their tests, and templates of other migrations.
pub(super) async fn drop_others(admin_url: &str, tests: &str) {
    let (current, unfinished) = (current(), UNFINISHED.to_owned());
    let all = databases(admin_url).await.into_iter();
    let others = all.filter(|name| {
        name.starts_with(tests) || *name == unfinished || (name.starts_with(PREFIX) && *name != current)
    });
    let statements: Vec<String> = others.map(|name| drop_statement(&name)).collect();
    let dropped = admin::run(admin_url, &statements).await;
    dropped.unwrap_or_else(|error| panic!("could not drop the databases of earlier tests: {error:?}"));
}

/// Drops a database, whoever is in it.
pub(super) fn drop_statement(database: &str) -> String {
    format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)")
}

fn current() -> String {
    format!("{PREFIX}{:016x}", gathering_persistence::migrations_hash())
}

async fn exists(admin_url: &str, name: &str) -> bool {
    databases(admin_url).await.iter().any(|database| database == name)
}

async fn databases(admin_url: &str) -> Vec<String> {
    let sql = "SELECT datname::text FROM pg_database WHERE datname <> $1";
    let names = admin::texts(admin_url, sql, "postgres").await;
    names.unwrap_or_else(|error| panic!("could not list the databases: {error:?}"))
}

/// As the role that owns the tests' databases, so that everything in them is theirs.
async fn migrate(url: &str) {
    let pool = gathering_persistence::connect(&ConnectOptions {
        max_connections: 1,
        ..ConnectOptions::new(url)
    })
    .await;
    let pool = pool.unwrap_or_else(|error| panic!("could not connect to the template: {error}"));
    let migrated = gathering_persistence::migrate(&pool).await;
    migrated.unwrap_or_else(|error| panic!("could not migrate the template: {error}"));
    pool.close();
}
