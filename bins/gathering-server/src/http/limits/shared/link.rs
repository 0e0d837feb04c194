//! A connection to Redis, and the one script that is run there.

use std::fmt;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, IntoConnectionInfo as _, RedisError, ServerErrorKind,
};
use tokio::time::timeout;

use super::gcra::{Decision, Pace};

const SCRIPT: &str = include_str!("gcra.lua");

/// How long connecting may take, with TLS and login.
const CONNECTING: Duration = Duration::from_secs(1);
/// How many nodes of a Redis Cluster are followed to the one that has the keys.
const HOPS: usize = 3;
/// How many requests may wait for answers on the connection; it is given up long before they are that many.
const UNDER_WAY: usize = 10_000;

/// Where a Redis is, and how to log in there.
#[derive(Clone)]
pub(crate) struct Address(Client);

impl Address {
    /// From `redis://USER:PASSWORD@HOST:PORT/DATABASE`, or `rediss://…` for TLS; `None` where the text is neither.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let known = ["redis://", "rediss://"].iter().any(|scheme| text.starts_with(scheme));
        known.then(|| Client::open(text).ok()).flatten().map(Self)
    }

    /// The same login at another node, `HOST:PORT`, which a node of a cluster names.
    fn at(&self, node: &str) -> Option<Self> {
        let (named, port) = node.rsplit_once(':')?;
        let port = port.parse().ok()?;
        let info = self.0.get_connection_info();
        // A node that does not know its own name means that it is reached as before.
        let host = |before: &str| {
            if named.is_empty() {
                before
            } else {
                named.trim_matches(['[', ']'])
            }
            .to_owned()
        };
        let addr = match info.addr() {
            ConnectionAddr::Tcp(before, _) => ConnectionAddr::Tcp(host(before), port),
            ConnectionAddr::TcpTls {
                host: before,
                insecure,
                tls_params,
                ..
            } => ConnectionAddr::TcpTls {
                host: host(before),
                port,
                insecure: *insecure,
                tls_params: tls_params.clone(),
            },
            ConnectionAddr::Unix(_) | _ => return None,
        };
        let info = info.clone().set_addr(addr).into_connection_info().ok()?;
        Client::open(info).ok().map(Self)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The rest may be a password.
        write!(f, "{}", self.0.get_connection_info().addr())
    }
}

/// Why Redis cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// It said so, or the connection broke.
    #[error("Redis failed")]
    Failed(#[from] RedisError),
    /// No answer came in time.
    #[error("Redis did not answer in time")]
    Silent,
}

/// A connection that works.
pub(super) struct Link {
    connection: MultiplexedConnection,
    /// The name that Redis gave the script.
    script: String,
}

impl Link {
    /// Connects, and tries the script on this key; an answer must come within `patience`.
    pub(super) async fn open(address: &Address, probe: &str, patience: Duration) -> Result<Self, Trouble> {
        let mut address = address.clone();
        for _ in 0..HOPS {
            let link = timeout(CONNECTING, Self::connect(&address)).await;
            let link = link.unwrap_or(Err(Trouble::Silent))?;
            let tried = timeout(patience, link.decide(probe, Pace { each: 1, burst: 1 })).await;
            match tried.unwrap_or(Err(Trouble::Silent)) {
                Ok(_) => return Ok(link),
                Err(Trouble::Failed(error)) => match error.redirect_node().and_then(|(node, _)| address.at(node)) {
                    Some(node) => address = node,
                    None => return Err(error.into()),
                },
                Err(trouble) => return Err(trouble),
            }
        }
        Err(Trouble::Silent)
    }

    async fn connect(address: &Address) -> Result<Self, Trouble> {
        // Waiting is bounded outside, for all that one request needs.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_concurrency_limit(UNDER_WAY);
        let mut connection = address.0.get_multiplexed_async_connection_with_config(&config).await?;
        let load = redis::cmd("SCRIPT")
            .arg("LOAD")
            .arg(SCRIPT)
            .query_async(&mut connection)
            .await;
        Ok(Self {
            script: load?,
            connection,
        })
    }

    /// Counts one request against the limit with this key.
    pub(super) async fn decide(&self, key: &str, pace: Pace) -> Result<Decision, Trouble> {
        match self.run("EVALSHA", &self.script, key, pace).await {
            // A restart, or somebody's SCRIPT FLUSH, made it forget the script. Sending it whole also makes it known again.
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                Ok(self.run("EVAL", SCRIPT, key, pace).await?)
            }
            decided => Ok(decided?),
        }
    }

    async fn run(&self, how: &str, what: &str, key: &str, pace: Pace) -> Result<Decision, RedisError> {
        let mut command = redis::cmd(how);
        command.arg(what).arg(1).arg(key).arg(pace.each).arg(pace.burst);
        command.query_async(&mut self.connection.clone()).await
    }
}
