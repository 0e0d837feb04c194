//! What can go wrong between here and the database.

use std::error::Error as _;
use std::time::Duration;

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

/// The SQLSTATE of a table that is not there.
const TABLE_NOT_FOUND: &str = "42P01";

/// A failed query, connection or migration.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The connection URL cannot be used.
    #[error("the database URL is wrong: {0}")]
    Url(String),
    /// The name of a schema cannot be used.
    #[error(
        "`{0}` cannot be the name of a schema here; use up to 63 lower-case letters, digits and underscores, no digit first and no \
         pg_, such as gathering"
    )]
    Schema(String),
    /// The tables are not where the connections look for them.
    #[error(
        "schema `{schema}`, which the connections look into first (search_path is {search_path}), has no tables of pipelines; call \
         migrate with this pool, or make the pool with the schema that was migrated: ConnectOptions::schema, or \
         options=-csearch_path=SCHEMA in the URL of a pool of your own"
    )]
    NoTables {
        /// The first schema of the path that exists; empty where there is none.
        schema: String,
        /// What is searched.
        search_path: String,
    },
    /// A table is not where a statement looked for it: its connection, or the caller's transaction, searches other schemas.
    #[error(
        "{message}, as the search_path of this connection or transaction does not lead to the schema that was migrated; make its pool with \
         ConnectOptions::schema, SET LOCAL search_path in the transaction, or call migrate where that was not done (SQLSTATE {TABLE_NOT_FOUND})"
    )]
    TableNotFound {
        /// PostgreSQL's own words, which name the table.
        message: String,
    },
    /// TLS could not be set up.
    #[error("TLS to the database cannot be set up: {0}")]
    Tls(String),
    /// No connection could be had.
    #[error("no connection to the database{0}")]
    Unavailable(String),
    /// Every connection was in use for longer than the acquire timeout.
    #[error("every database connection was in use for {0:?}; raise database_max_connections or lower the load")]
    PoolExhausted(Duration),
    /// A constraint of the database refused the write.
    #[error("the database refused the write: {message} (constraint {constraint})")]
    Constraint {
        /// The name of the constraint or index.
        constraint: String,
        /// PostgreSQL's own words.
        message: String,
        /// The SQLSTATE.
        code: String,
    },
    /// The server refused a statement.
    #[error("the database refused a statement: {message} (SQLSTATE {code})")]
    Statement {
        /// PostgreSQL's own words.
        message: String,
        /// The SQLSTATE.
        code: String,
    },
    /// The driver failed: a value of an unexpected type, a protocol error.
    #[error("the database driver failed: {0}")]
    Driver(String),
    /// A row does not hold what it must.
    #[error("a row of {table} cannot be read: {reason}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// What is wrong with the row.
        reason: String,
    },
    /// A migration failed.
    #[error("migration failed: {0}")]
    Migration(String),
    /// The database was not brought up to this release yet.
    #[error(
        "the database has migration {found}, this release needs {known}; run `gathering migrate`, or start a server of this release"
    )]
    TooOld {
        /// The newest that was applied.
        found: i64,
        /// The newest that this release has.
        known: i64,
    },
    /// The database was migrated by a newer release.
    #[error(
        "the database has migration {found}, this release knows up to {known}; run the release that migrated it, or a newer one"
    )]
    TooNew {
        /// The newest that was applied.
        found: i64,
        /// The newest that this release has.
        known: i64,
    },
}

impl Error {
    /// The constraint that refused the write, if one did.
    pub fn constraint(&self) -> Option<&str> {
        if let Self::Constraint { constraint, .. } = self {
            Some(constraint)
        } else {
            None
        }
    }

    /// Whether a unique constraint refused the write.
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Constraint { code, .. } if code == SqlState::UNIQUE_VIOLATION.code())
    }

    /// Why a write was refused, in words that may be shown to anybody: no values, names or SQL.
    pub fn refusal(&self) -> String {
        let code = match self {
            Self::Statement { code, .. } | Self::Constraint { code, .. } => code,
            Self::TableNotFound { .. } => TABLE_NOT_FOUND,
            Self::Url(_)
            | Self::Schema(_)
            | Self::NoTables { .. }
            | Self::Tls(_)
            | Self::Unavailable(_)
            | Self::PoolExhausted(_)
            | Self::Driver(_)
            | Self::Corrupt { .. }
            | Self::Migration(_)
            | Self::TooOld { .. }
            | Self::TooNew { .. } => return "it could not be sent to the database".to_owned(),
        };
        // The classes of appendix A of PostgreSQL's manual.
        let why = match code.get(..2).unwrap_or_default() {
            "22" => "it holds a value that the database cannot keep",
            "23" => "a constraint of the database does not allow it",
            "25" => "the database takes no writes",
            "42" => "the database lacks what this release writes to, or the right to do so",
            "54" => "it is larger than the database takes",
            "P0" => "a trigger of the database does not allow it",
            _ => "the database gave an error",
        };
        format!("{why} (SQLSTATE {code})")
    }

    /// Whether a statement gave up waiting for a lock, or was chosen to, because two waited for each other.
    pub fn is_lock_timeout(&self) -> bool {
        let codes = [
            SqlState::LOCK_NOT_AVAILABLE.code(),
            SqlState::T_R_DEADLOCK_DETECTED.code(),
        ];
        matches!(self, Self::Statement { code, .. } if codes.contains(&code.as_str()))
    }

    /// Whether nothing is wrong with the statement itself, and a new connection may do it: it was ended by a timeout (57014), a deadlock or a race
    /// (40P01, 40001) or a lock timeout (55P03), or planned before a migration changed its tables (0A000).
    pub fn is_interrupted(&self) -> bool {
        matches!(self, Self::Statement { code, .. } if ["57014", "40P01", "40001", "55P03", "0A000"].contains(&code.as_str()))
    }

    /// Whether trying again later may help: the database is away, starting, stopping or out of connections.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::PoolExhausted(_) => true,
            // 57P: operator intervention; 53: out of resources; 08: connection.
            Self::Statement { code, .. } => code.starts_with("57P") || code.starts_with("53") || code.starts_with("08"),
            Self::Url(_)
            | Self::Schema(_)
            | Self::NoTables { .. }
            | Self::TableNotFound { .. }
            | Self::Tls(_)
            | Self::Constraint { .. }
            | Self::Driver(_)
            | Self::Corrupt { .. }
            | Self::Migration(_)
            | Self::TooOld { .. }
            | Self::TooNew { .. } => false,
        }
    }

    pub(crate) fn corrupt(table: &'static str, reason: &str) -> Self {
        Self::Corrupt {
            table,
            reason: reason.to_owned(),
        }
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            // The driver's own Display hides the cause; without its chain a log line says nothing.
            let chain = std::iter::successors(error.source(), |error| (*error).source());
            let causes = chain.fold(String::new(), |causes, cause| format!("{causes}: {cause}"));
            return if is_lost(&error) {
                Self::Unavailable(causes)
            } else {
                Self::Driver(format!("{error}{causes}"))
            };
        };
        let (message, code) = (db.message().to_owned(), db.code().code().to_owned());
        match db.constraint() {
            Some(constraint) => Self::Constraint {
                constraint: constraint.to_owned(),
                message,
                code,
            },
            None if code == TABLE_NOT_FOUND => Self::TableNotFound { message },
            None => Self::Statement { message, code },
        }
    }
}

impl From<PoolError> for Error {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Timeout(deadpool_postgres::TimeoutType::Wait) => {
                Self::PoolExhausted(crate::pool::ACQUIRE_TIMEOUT)
            }
            PoolError::Backend(error) => {
                let error = Self::from(error);
                // What fails while connecting, and is no answer of the server, is a database that cannot be reached.
                if let Self::Driver(causes) = error {
                    Self::Unavailable(format!(": {causes}"))
                } else {
                    error
                }
            }
            PoolError::Timeout(kind) => Self::Unavailable(format!(": timeout ({kind:?})")),
            PoolError::Closed => Self::Unavailable(": the pool is closed".to_owned()),
            PoolError::NoRuntimeSpecified => Self::Driver("the pool has no runtime".to_owned()),
            PoolError::PostCreateHook(error) => Self::Driver(error.to_string()),
        }
    }
}

/// Why something did not work this time, and may in a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hindrance {
    /// The database is away, starting, stopping or out of connections.
    Away,
    /// Somebody else was in the way, or it took too long: see [`Error::is_interrupted`].
    Interrupted,
}

/// What of the moment is behind an error, if anything. Errors of the driver itself are understood as well, because embedders have them.
pub fn hindrance(error: &(dyn std::error::Error + 'static)) -> Option<Hindrance> {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.into_iter().find_map(|error| {
        let ours = error.downcast_ref::<Error>().and_then(hindrance_of_ours);
        ours.or_else(|| hindrance_of_driver(error.downcast_ref::<tokio_postgres::Error>()?))
    })
}

fn hindrance_of_ours(error: &Error) -> Option<Hindrance> {
    if error.is_unavailable() {
        Some(Hindrance::Away)
    } else {
        error.is_interrupted().then_some(Hindrance::Interrupted)
    }
}

fn hindrance_of_driver(error: &tokio_postgres::Error) -> Option<Hindrance> {
    match error.as_db_error() {
        Some(db) => hindrance_of_ours(&Error::Statement {
            message: String::new(),
            code: db.code().code().to_owned(),
        }),
        None => is_lost(error).then_some(Hindrance::Away),
    }
}

/// Whether the connection is gone, rather than something wrong with what was to be sent over it.
fn is_lost(error: &tokio_postgres::Error) -> bool {
    let io = error
        .source()
        .and_then(|source| source.downcast_ref::<std::io::Error>());
    // InvalidInput is the driver's word for what it could not even send; no other connection could either.
    error.is_closed() || io.is_some_and(|io| io.kind() != std::io::ErrorKind::InvalidInput)
}
