//! The one table of settings: name, variable, flag, default, unit and what each is for.

/// One setting, as `gathering config` prints it.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Its key in `gathering.toml`.
    pub(crate) name: &'static str,
    /// The environment variable that sets it.
    pub(crate) variable: &'static str,
    /// The flag that sets it, where there is one.
    pub(crate) flag: Option<&'static str>,
    /// What holds when nobody sets it.
    pub(crate) default: Default,
    /// What its values are counted in, or look like.
    pub(crate) unit: &'static str,
    /// What it is for, in one line.
    pub(crate) description: &'static str,
}

/// Where the value of an unset setting comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Default {
    /// This text, read like any other value.
    Value(&'static str),
    /// Decided at start from the machine or from other settings, as these words say.
    Decided(&'static str),
}

impl Setting {
    /// The default in words.
    pub(crate) fn default_text(&self) -> &'static str {
        match self.default {
            Default::Value(text) | Default::Decided(text) => text,
        }
    }
}

pub(crate) const LISTEN: Setting = Setting {
    name: "listen",
    variable: "GATHERING_LISTEN",
    flag: Some("--listen"),
    default: Default::Value("127.0.0.1:8080"),
    unit: "address:port",
    description: "where the server listens; port 0 picks a free one",
};

pub(crate) const TLS_CERTIFICATE: Setting = Setting {
    name: "tls_certificate",
    variable: "GATHERING_TLS_CERTIFICATE",
    flag: None,
    default: Default::Decided("none: plain HTTP"),
    unit: "PEM file",
    description: "the certificate and those that it is signed by, for HTTPS on listen; read again when it changes",
};

pub(crate) const TLS_KEY: Setting = Setting {
    name: "tls_key",
    variable: "GATHERING_TLS_KEY",
    flag: None,
    default: Default::Decided("none: plain HTTP"),
    unit: "PEM file",
    description: "the private key of tls_certificate",
};

pub(crate) const HTTP_MAX_CONNECTIONS: Setting = Setting {
    name: "http_max_connections",
    variable: "GATHERING_HTTP_MAX_CONNECTIONS",
    flag: None,
    default: Default::Value("10000"),
    unit: "connections",
    description: "the most connections to listen at once, 16 to 1000000; more wait to be accepted",
};

pub(crate) const CORS_ALLOWED_ORIGINS: Setting = Setting {
    name: "cors_allowed_origins",
    variable: "GATHERING_CORS_ALLOWED_ORIGINS",
    flag: None,
    default: Default::Value(""),
    unit: "origins or *",
    description: "comma-separated origins whose pages may use the API from a browser, as in https://app.example.org",
};

pub(crate) const METRICS_LISTEN: Setting = Setting {
    name: "metrics_listen",
    variable: "GATHERING_METRICS_LISTEN",
    flag: None,
    default: Default::Value("off"),
    unit: "address:port or off",
    description: "where metrics for Prometheus are, without a login; port 0 picks a free one, which the log says",
};

pub(crate) const DATA_DIR: Setting = Setting {
    name: "data_dir",
    variable: "GATHERING_DATA_DIR",
    flag: Some("--data-dir"),
    default: Default::Decided("/var/lib/gathering as root, else $XDG_DATA_HOME/gathering"),
    unit: "directory",
    description: "where the embedded database lives; unused with a database_url",
};

pub(crate) const DATABASE_URL: Setting = Setting {
    name: "database_url",
    variable: "DATABASE_URL",
    flag: None,
    default: Default::Decided("an embedded PostgreSQL in data_dir"),
    unit: "postgres URL",
    description: "the PostgreSQL to use; several instances may share one",
};

pub(crate) const DATABASE_MAX_CONNECTIONS: Setting = Setting {
    name: "database_max_connections",
    variable: "GATHERING_DATABASE_MAX_CONNECTIONS",
    flag: None,
    default: Default::Value("16"),
    unit: "connections",
    description: "the most connections the pool of this instance opens, 8 to 1000",
};

pub(crate) const PG_BIN_DIR: Setting = Setting {
    name: "pg_bin_dir",
    variable: "PG_BIN_DIR",
    flag: None,
    default: Default::Decided("searched: distribution, pg_config, cached package"),
    unit: "directory",
    description: "the PostgreSQL binaries of the embedded database",
};

pub(crate) const LOG_FORMAT: Setting = Setting {
    name: "log_format",
    variable: "GATHERING_LOG_FORMAT",
    flag: Some("--log-format"),
    default: Default::Decided("text on a terminal, else json"),
    unit: "json | text",
    description: "how log lines on standard error look",
};

pub(crate) const LOG_FILTER: Setting = Setting {
    name: "log_filter",
    variable: "GATHERING_LOG_FILTER",
    flag: None,
    default: Default::Value("info,actix_server=warn,refinery_core=warn"),
    unit: "level or target=level,…",
    description: "which log lines are written",
};

pub(crate) const OTLP_ENDPOINT: Setting = Setting {
    name: "otlp_endpoint",
    variable: "GATHERING_OTLP_ENDPOINT",
    flag: None,
    default: Default::Value("off"),
    unit: "URL or off",
    description: "the OpenTelemetry collector that gets the spans of requests, runs and attempts, as in http://127.0.0.1:4318",
};

pub(crate) const REGISTRATION: Setting = Setting {
    name: "registration",
    variable: "GATHERING_REGISTRATION",
    flag: None,
    default: Default::Decided("open on the embedded database and a loopback address, else closed"),
    unit: "open | invite | closed",
    description: "who may register; invite wants an invitation of an administrator",
};

pub(crate) const OUTBOUND_ALLOW: Setting = Setting {
    name: "outbound_allow",
    variable: "GATHERING_OUTBOUND_ALLOW",
    flag: None,
    default: Default::Value(""),
    unit: "CIDR or host,…",
    description: "private addresses that tools and actions may reach all the same",
};

pub(crate) const RATE_LIMITS: Setting = Setting {
    name: "rate_limits",
    variable: "GATHERING_RATE_LIMITS",
    flag: None,
    default: Default::Value("on"),
    unit: "on | off",
    description: "whether to refuse who asks too often: the limits are the six settings that follow",
};

pub(crate) const REDIS_URL: Setting = Setting {
    name: "redis_url",
    variable: "GATHERING_REDIS_URL",
    flag: None,
    default: Default::Decided("each instance limits by itself"),
    unit: "redis URL",
    description: "the Redis in which all instances on one database count requests together; rediss:// for TLS",
};

pub(crate) const RATE_LIMIT_AUTH: Setting = Setting {
    name: "rate_limit_auth",
    variable: "GATHERING_RATE_LIMIT_AUTH",
    flag: None,
    default: Default::Value("60/1m"),
    unit: "requests/duration",
    description: "logins, registrations, refreshes and changes of passwords, per address",
};

pub(crate) const RATE_LIMIT_LOGIN: Setting = Setting {
    name: "rate_limit_login",
    variable: "GATHERING_RATE_LIMIT_LOGIN",
    flag: None,
    default: Default::Value("10/1m"),
    unit: "requests/duration",
    description: "logins to one account from one address",
};

pub(crate) const RATE_LIMIT_READ: Setting = Setting {
    name: "rate_limit_read",
    variable: "GATHERING_RATE_LIMIT_READ",
    flag: None,
    default: Default::Value("500/1s"),
    unit: "requests/duration",
    description: "requests that read, per user; per address where nobody is logged in",
};

pub(crate) const RATE_LIMIT_WRITE: Setting = Setting {
    name: "rate_limit_write",
    variable: "GATHERING_RATE_LIMIT_WRITE",
    flag: None,
    default: Default::Value("500/1s"),
    unit: "requests/duration",
    description: "other requests, per user; per address where nobody is logged in",
};

pub(crate) const RATE_LIMIT_ROUTES: Setting = Setting {
    name: "rate_limit_routes",
    variable: "GATHERING_RATE_LIMIT_ROUTES",
    flag: None,
    default: Default::Value(""),
    unit: "METHOD /path=requests/duration,…",
    description: "single routes with a limit of their own, per user, as in POST /api/v1/runs/cancel=10/1m",
};

pub(crate) const RATE_LIMIT_HEALTH: Setting = Setting {
    name: "rate_limit_health",
    variable: "GATHERING_RATE_LIMIT_HEALTH",
    flag: None,
    default: Default::Value("100/1s"),
    unit: "requests/duration",
    description: "requests for the health of the server, per address",
};

pub(crate) const TRUSTED_PROXIES: Setting = Setting {
    name: "trusted_proxies",
    variable: "GATHERING_TRUSTED_PROXIES",
    flag: None,
    default: Default::Value(""),
    unit: "networks",
    description: "comma-separated networks of proxies that are believed about where a request comes from",
};

pub(crate) const FORWARDED_HEADER: Setting = Setting {
    name: "forwarded_header",
    variable: "GATHERING_FORWARDED_HEADER",
    flag: None,
    default: Default::Value("x-forwarded-for"),
    unit: "x-forwarded-for | forwarded",
    description: "the header to which every one of trusted_proxies appends who connected to it; the other one is ignored",
};

pub(crate) const MAX_RUNS_IN_MEMORY: Setting = Setting {
    name: "max_runs_in_memory",
    variable: "GATHERING_MAX_RUNS_IN_MEMORY",
    flag: None,
    default: Default::Value("5000"),
    unit: "runs",
    description: "the most runs this instance works on at once; more wait in the database",
};

pub(crate) const MAX_WAITING_STARTS: Setting = Setting {
    name: "max_waiting_starts",
    variable: "GATHERING_MAX_WAITING_STARTS",
    flag: None,
    default: Default::Value("10000"),
    unit: "runs",
    description: "the most runs being started at once, with 64 MiB of input in all; more are answered 503",
};

pub(crate) const INSTANCE_LEASE: Setting = Setting {
    name: "instance_lease",
    variable: "GATHERING_INSTANCE_LEASE",
    flag: None,
    default: Default::Value("10s"),
    unit: "duration",
    description: "how long an instance may be silent before others take over its runs, the same for all, 2s to 5m",
};

pub(crate) const MAX_PIPELINE_NODES: Setting = Setting {
    name: "max_pipeline_nodes",
    variable: "GATHERING_MAX_PIPELINE_NODES",
    flag: None,
    default: Default::Value("10000"),
    unit: "nodes",
    description: "the most nodes a pipeline may have",
};

pub(crate) const RUN_RETENTION: Setting = Setting {
    name: "run_retention",
    variable: "GATHERING_RUN_RETENTION",
    flag: None,
    default: Default::Value("90d"),
    unit: "duration or off",
    description: "how long ended runs are kept, 1d to 3650d and by whole weeks; off keeps them for ever",
};

pub(crate) const HTTP_BODY_LIMIT: Setting = Setting {
    name: "http_body_limit",
    variable: "GATHERING_HTTP_BODY_LIMIT",
    flag: None,
    default: Default::Value("2MiB"),
    unit: "bytes, KiB or MiB",
    description: "the largest request body that is read",
};

pub(crate) const HASHING_THREADS: Setting = Setting {
    name: "hashing_threads",
    variable: "GATHERING_HASHING_THREADS",
    flag: None,
    default: Default::Decided("one for every core but one, at least one"),
    unit: "threads",
    description: "how many passwords are hashed at once, 19 MiB of memory each",
};

pub(crate) const ACCESS_TOKEN_TTL: Setting = Setting {
    name: "access_token_ttl",
    variable: "GATHERING_ACCESS_TOKEN_TTL",
    flag: None,
    default: Default::Value("15m"),
    unit: "duration",
    description: "how long an access token is valid, 1s to 15m",
};

pub(crate) const SESSION_TTL: Setting = Setting {
    name: "session_ttl",
    variable: "GATHERING_SESSION_TTL",
    flag: None,
    default: Default::Value("30d"),
    unit: "duration",
    description: "how long a session lasts at most, however often it is refreshed, 1m to 366d",
};

pub(crate) const SIGNING_KEY_LIFETIME: Setting = Setting {
    name: "signing_key_lifetime",
    variable: "GATHERING_SIGNING_KEY_LIFETIME",
    flag: None,
    default: Default::Value("90d"),
    unit: "duration",
    description: "how long a key signs access tokens before the next one does, 1d to 3650d; off: until `gathering keys rotate`",
};

pub(crate) const SHUTDOWN_NOTICE: Setting = Setting {
    name: "shutdown_notice",
    variable: "GATHERING_SHUTDOWN_NOTICE",
    flag: None,
    default: Default::Value("0s"),
    unit: "duration",
    description: "how long everything goes on after SIGTERM, but for readiness, so that proxies notice; at most half of shutdown_deadline",
};

pub(crate) const SHUTDOWN_DEADLINE: Setting = Setting {
    name: "shutdown_deadline",
    variable: "GATHERING_SHUTDOWN_DEADLINE",
    flag: None,
    default: Default::Value("30s"),
    unit: "duration",
    description: "how long requests and nodes in flight may take to end after SIGTERM",
};

/// Every setting, in the order in which they are printed.
pub(crate) const ALL: &[&Setting] = &[
    &LISTEN,
    &TLS_CERTIFICATE,
    &TLS_KEY,
    &HTTP_MAX_CONNECTIONS,
    &CORS_ALLOWED_ORIGINS,
    &METRICS_LISTEN,
    &DATA_DIR,
    &DATABASE_URL,
    &DATABASE_MAX_CONNECTIONS,
    &PG_BIN_DIR,
    &LOG_FORMAT,
    &LOG_FILTER,
    &OTLP_ENDPOINT,
    &REGISTRATION,
    &OUTBOUND_ALLOW,
    &RATE_LIMITS,
    &RATE_LIMIT_AUTH,
    &RATE_LIMIT_LOGIN,
    &RATE_LIMIT_READ,
    &RATE_LIMIT_WRITE,
    &RATE_LIMIT_HEALTH,
    &RATE_LIMIT_ROUTES,
    &REDIS_URL,
    &TRUSTED_PROXIES,
    &FORWARDED_HEADER,
    &MAX_RUNS_IN_MEMORY,
    &INSTANCE_LEASE,
    &MAX_WAITING_STARTS,
    &MAX_PIPELINE_NODES,
    &RUN_RETENTION,
    &HTTP_BODY_LIMIT,
    &HASHING_THREADS,
    &ACCESS_TOKEN_TTL,
    &SESSION_TTL,
    &SIGNING_KEY_LIFETIME,
    &SHUTDOWN_DEADLINE,
    &SHUTDOWN_NOTICE,
];
