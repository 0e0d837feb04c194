//! Settings: defaults, then gathering.toml, then variables, then flags; all that is wrong is found at once.

mod layers;
mod parse;
mod problem;
mod show;
pub(crate) mod table;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use gathering::{OutboundPolicy, Registration};
use reqwest::Url;
use secrecy::SecretString;

pub(crate) use self::layers::Inputs;
use self::layers::{Source, Values};
use self::problem::Problem;
pub(crate) use self::problem::Refused;
pub(crate) use self::show::{json, table as text_table};
use self::table::{Default, Setting};
use crate::http::client_address::Trust;
use crate::http::cors::Origins;
use crate::http::limits::{Rates, RedisAddress};
use crate::telemetry::LogFormat;

/// Every setting, read and checked.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Where the server listens.
    pub(crate) listen: SocketAddr,
    /// The certificate and the key for HTTPS; `None`: plain HTTP.
    pub(crate) tls: Option<TlsFiles>,
    /// The most connections at once.
    pub(crate) http_max_connections: usize,
    /// Whose pages may use the API.
    pub(crate) cors: Origins,
    /// Where metrics are; `None`: nowhere.
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// Where the embedded database lives; `None`: the usual place of the user who runs the server.
    pub(crate) data_dir: Option<PathBuf>,
    /// The PostgreSQL to use; `None`: the embedded one.
    pub(crate) database_url: Option<SecretString>,
    /// The most connections of the pool.
    pub(crate) database_max_connections: usize,
    /// Where PostgreSQL's binaries are; `None`: search.
    pub(crate) pg_bin_dir: Option<PathBuf>,
    /// How log lines look.
    pub(crate) log_format: LogFormat,
    /// Which log lines are written; known to parse.
    pub(crate) log_filter: String,
    /// Where spans are sent; `None`: nowhere, and none are taken.
    pub(crate) otlp_endpoint: Option<Url>,
    /// Who may register.
    pub(crate) registration: Registration,
    /// What tools and actions may reach.
    pub(crate) outbound: OutboundPolicy,
    /// How often somebody may ask; `None` for as often as they like.
    pub(crate) rate_limits: Option<Rates>,
    /// Where all instances count together how often; `None`: each for itself.
    pub(crate) redis: Option<RedisAddress>,
    /// Whom to believe about where requests come from.
    pub(crate) trust: Trust,
    /// The most runs in memory.
    pub(crate) max_runs_in_memory: usize,
    /// How long an instance may be silent before others take over its runs, although it holds its lock.
    pub(crate) instance_lease: Duration,
    pub(crate) max_waiting_starts: usize,
    /// The most nodes of a pipeline.
    pub(crate) max_pipeline_nodes: usize,
    /// How long ended runs are kept; `None`: for ever.
    pub(crate) run_retention: Option<Duration>,
    /// The largest request body, in bytes.
    pub(crate) http_body_limit: usize,
    /// Passwords and tokens.
    pub(crate) accounts: AccountSettings,
    /// How long the work in flight may take to end.
    pub(crate) shutdown_deadline: Duration,
    /// How long everything goes on after the server has said that it is not ready any more.
    pub(crate) shutdown_notice: Duration,
}

/// Where the certificate of the server and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// The certificate and those that it is signed by.
    pub(crate) certificate: PathBuf,
    /// Its private key.
    pub(crate) key: PathBuf,
}

/// The settings of passwords and tokens.
#[derive(Debug, Clone)]
pub(crate) struct AccountSettings {
    /// How many passwords are hashed at once; `None`: one for every core but one.
    pub(crate) hashing_threads: Option<usize>,
    /// How long an access token is valid.
    pub(crate) access_token_ttl: Duration,
    /// How long a session lasts at most.
    pub(crate) session_ttl: Duration,
    /// How long a key signs access tokens; `None`: until somebody asks for the next one.
    pub(crate) signing_key_lifetime: Option<Duration>,
}

/// What was found: the values to show, and the settings or what is wrong with them.
#[derive(Debug)]
pub(crate) struct Loaded {
    values: Values,
    /// The settings, unless something is wrong.
    pub(crate) settings: Result<Settings, Refused>,
}

/// Merges and checks the settings of all sources.
pub(crate) fn load(inputs: &Inputs) -> Loaded {
    let mut problems = Vec::new();
    let values = layers::merge(inputs, &mut problems);
    let mut reader = Reader {
        values: &values,
        problems,
    };
    let settings = reader.settings();
    let settings = match settings {
        Ok(settings) if reader.problems.is_empty() => Ok(settings),
        _ => Err(Refused {
            problems: reader.problems,
        }),
    };
    Loaded { values, settings }
}

/// A value was wrong, and the reader has noted why.
struct Noted;

struct Reader<'a> {
    values: &'a Values,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    /// Reads all before it gives up on any, so that every problem is noted.
    fn settings(&mut self) -> Result<Settings, Noted> {
        let listen = self.value(&table::LISTEN, parse::address);
        let tls = self.tls();
        let http_connections = self.value(&table::HTTP_MAX_CONNECTIONS, |t| parse::number(t, 16..=1_000_000));
        let cors = self.value(&table::CORS_ALLOWED_ORIGINS, parse::origins);
        let metrics_listen = self.value(&table::METRICS_LISTEN, parse::optional_address);
        let data_dir = self.optional(&table::DATA_DIR, parse::path);
        let database_url = self.optional(&table::DATABASE_URL, parse::database_url);
        let connections = self.value(&table::DATABASE_MAX_CONNECTIONS, |t| parse::number(t, 8..=1000));
        let pg_bin_dir = self.optional(&table::PG_BIN_DIR, parse::path);
        let log_format = self.optional(&table::LOG_FORMAT, parse::log_format);
        let log_filter = self.value(&table::LOG_FILTER, parse::log_filter);
        let otlp_endpoint = self.value(&table::OTLP_ENDPOINT, parse::collector);
        let registration = self.optional(&table::REGISTRATION, parse::registration);
        let outbound = self.value(&table::OUTBOUND_ALLOW, parse::outbound);
        let rate_limits = self.rate_limits();
        let redis = self.optional(&table::REDIS_URL, parse::redis_url);
        let trust = self.trust();
        let runs = self.value(&table::MAX_RUNS_IN_MEMORY, |t| parse::number(t, 1..=1_000_000));
        let lease = self.value(&table::INSTANCE_LEASE, |t| {
            parse::duration(t, 2 * SECOND..=300 * SECOND)
        });
        let starts = self.value(&table::MAX_WAITING_STARTS, |t| parse::number(t, 1..=1_000_000));
        let nodes = self.value(&table::MAX_PIPELINE_NODES, |t| parse::number(t, 1..=100_000));
        let retention = self.value(&table::RUN_RETENTION, parse::off_or_days);
        let body = self.value(&table::HTTP_BODY_LIMIT, |t| parse::bytes(t, 1024..=64 << 20));
        let accounts = self.accounts();
        let (deadline, notice) = self.shutdown();
        let (listen, database_url) = (listen?, database_url?);
        Ok(Settings {
            registration: registration?.unwrap_or_else(|| usual_registration(listen, database_url.is_none())),
            listen,
            tls: tls?,
            http_max_connections: http_connections?,
            cors: cors?,
            metrics_listen: metrics_listen?,
            data_dir: data_dir?,
            database_url,
            database_max_connections: connections?,
            pg_bin_dir: pg_bin_dir?,
            log_format: log_format?.unwrap_or_else(LogFormat::usual),
            log_filter: log_filter?,
            otlp_endpoint: otlp_endpoint?,
            outbound: outbound?,
            rate_limits: rate_limits?,
            redis: redis?,
            trust: trust?,
            max_runs_in_memory: runs?,
            instance_lease: lease?,
            max_waiting_starts: starts?,
            max_pipeline_nodes: nodes?,
            run_retention: retention?,
            http_body_limit: body?,
            accounts: accounts?,
            shutdown_deadline: deadline?,
            shutdown_notice: notice?,
        })
    }

    /// Both files or neither.
    fn tls(&mut self) -> Result<Option<TlsFiles>, Noted> {
        let certificate = self.optional(&table::TLS_CERTIFICATE, parse::file)?;
        let key = self.optional(&table::TLS_KEY, parse::file)?;
        match (certificate, key) {
            (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
            (None, None) => Ok(None),
            (Some(_), None) => self.alone(&table::TLS_CERTIFICATE, &table::TLS_KEY),
            (None, Some(_)) => self.alone(&table::TLS_KEY, &table::TLS_CERTIFICATE),
        }
    }

    /// A setting that is there without the other one that it needs.
    fn alone<T>(&mut self, setting: &'static Setting, other: &'static Setting) -> Result<T, Noted> {
        let source = self
            .values
            .get(setting.name)
            .map_or(&Source::Default, |given| &given.source);
        let message = format!("goes with {} ({}): set both, or neither", other.name, other.variable);
        self.note(setting, source, Err(message))
    }

    fn accounts(&mut self) -> Result<AccountSettings, Noted> {
        let hashing = self.optional(&table::HASHING_THREADS, |t| parse::number(t, 1..=256));
        let ttl = self.value(&table::ACCESS_TOKEN_TTL, |t| parse::duration(t, SECOND..=900 * SECOND));
        let session = self.value(&table::SESSION_TTL, |t| {
            parse::duration(t, 60 * SECOND..=366 * 24 * 3600 * SECOND)
        });
        let key = self.value(&table::SIGNING_KEY_LIFETIME, parse::off_or_days);
        Ok(AccountSettings {
            hashing_threads: hashing?,
            access_token_ttl: ttl?,
            session_ttl: session?,
            signing_key_lifetime: key?,
        })
    }

    /// How long an end may take, and how long it is announced.
    fn shutdown(&mut self) -> (Result<Duration, Noted>, Result<Duration, Noted>) {
        let deadline = self.value(&table::SHUTDOWN_DEADLINE, |t| {
            parse::duration(t, Duration::ZERO..=3600 * SECOND)
        });
        let notice = self.value(&table::SHUTDOWN_NOTICE, |t| {
            parse::duration(t, Duration::ZERO..=300 * SECOND)
        });
        (deadline, notice)
    }

    fn trust(&mut self) -> Result<Trust, Noted> {
        let proxies = self.value(&table::TRUSTED_PROXIES, parse::networks);
        let header = self.value(&table::FORWARDED_HEADER, parse::forwarded_header);
        Ok(Trust {
            proxies: proxies?,
            header: header?,
        })
    }

    /// `None` where nobody is held to any.
    fn rate_limits(&mut self) -> Result<Option<Rates>, Noted> {
        let on = self.value(&table::RATE_LIMITS, parse::on_or_off);
        let [auth, login, read, write, health] = [
            &table::RATE_LIMIT_AUTH,
            &table::RATE_LIMIT_LOGIN,
            &table::RATE_LIMIT_READ,
            &table::RATE_LIMIT_WRITE,
            &table::RATE_LIMIT_HEALTH,
        ]
        .map(|setting| self.value(setting, parse::rate));
        let routes = self.value(&table::RATE_LIMIT_ROUTES, parse::route_rates);
        let rates = Rates {
            auth: auth?,
            login: login?,
            read: read?,
            write: write?,
            health: health?,
            routes: routes?,
        };
        Ok(on?.then_some(rates))
    }

    /// A setting that always has a value.
    fn value<T>(
        &mut self,
        setting: &'static Setting,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, Noted> {
        match self.values.get(setting.name) {
            Some(given) => self.note(setting, &given.source, parse(&given.text)),
            None => self.note(setting, &Source::Default, parse(setting.default_text())),
        }
    }

    /// A setting whose default is decided later.
    fn optional<T>(
        &mut self,
        setting: &'static Setting,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Noted> {
        debug_assert!(matches!(setting.default, Default::Decided(_)), "{}", setting.name);
        match self.values.get(setting.name) {
            Some(given) => self.note(setting, &given.source, parse(&given.text)).map(Some),
            None => Ok(None),
        }
    }

    fn note<T>(&mut self, setting: &Setting, source: &Source, parsed: Result<T, String>) -> Result<T, Noted> {
        parsed.map_err(|message| {
            self.problems.push(Problem::value(setting, source, &message));
            Noted
        })
    }
}

const SECOND: Duration = Duration::from_secs(1);

/// Open only where nobody but this machine's users can get at it.
fn usual_registration(listen: SocketAddr, embedded: bool) -> Registration {
    if embedded && listen.ip().is_loopback() {
        Registration::Open
    } else {
        Registration::Closed
    }
}

impl fmt::Debug for Noted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Noted")
    }
}

#[cfg(test)]
mod tests;
