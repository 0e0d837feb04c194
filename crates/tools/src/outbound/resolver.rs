//! The DNS resolver of the HTTP client: it hands out only addresses that the policy permits.
//!
//! The client connects to what comes out of here and to nothing else, so that between check and use no second look-up
//! can give another answer.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

use super::OutboundPolicy;

/// The most look-ups under way at once. Each holds a blocking thread until the system gives it up, even where the call
/// that wanted it has ended; more wait for one of these.
const MAX_LOOKUPS: usize = 32;

/// Finds the addresses of a host; may block.
pub(crate) type Lookup = Arc<dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync>;

/// Resolves names for one client, whose connections all go to `port` where the policy has entries for that port.
#[derive(Clone)]
pub(crate) struct PolicyResolver {
    policy: Arc<OutboundPolicy>,
    port: Option<u16>,
    lookup: Lookup,
    running: Arc<Semaphore>,
}

/// Why a host has no address to connect to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DnsFailure {
    #[error("the name could not be resolved")]
    Lookup(#[source] io::Error),
    #[error("the name has no address")]
    NoAddress,
    #[error("every address of the name is refused; the first is {address} ({word})")]
    Refused { address: IpAddr, word: &'static str },
}

impl PolicyResolver {
    pub(crate) fn new(policy: Arc<OutboundPolicy>, lookup: Lookup) -> Self {
        Self {
            policy,
            port: None,
            lookup,
            running: Arc::new(Semaphore::new(MAX_LOOKUPS)),
        }
    }

    /// The same resolver, sharing its bound, for connections to `port`.
    pub(crate) fn for_port(&self, port: u16) -> Self {
        Self {
            port: Some(port),
            ..self.clone()
        }
    }

    async fn addresses(self, host: String) -> Result<Vec<SocketAddr>, DnsFailure> {
        let found = self.look_up(host.clone()).await.map_err(DnsFailure::Lookup)?;
        self.permitted(&host, &found)
    }

    async fn look_up(&self, host: String) -> io::Result<Vec<IpAddr>> {
        let permit = Arc::clone(&self.running)
            .acquire_owned()
            .await
            .map_err(io::Error::other)?;
        let lookup = Arc::clone(&self.lookup);
        tokio::task::spawn_blocking(move || {
            let found = lookup(&host);
            drop(permit);
            found
        })
        .await?
    }

    /// Those of `found` that may be connected to; the client sets the port.
    fn permitted(&self, host: &str, found: &[IpAddr]) -> Result<Vec<SocketAddr>, DnsFailure> {
        let mut refused = None;
        let mut permitted = Vec::with_capacity(found.len());
        for &address in found {
            match self.policy.judge(host, self.port, address) {
                Ok(()) => permitted.push(SocketAddr::new(address, 0)),
                Err(word) => refused = refused.or(Some(DnsFailure::Refused { address, word })),
            }
        }
        if permitted.is_empty() {
            Err(refused.unwrap_or(DnsFailure::NoAddress))
        } else {
            Ok(permitted)
        }
    }
}

impl Resolve for PolicyResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolving = self.clone().addresses(name.as_str().to_owned());
        Box::pin(async move {
            let addresses: Addrs = Box::new(resolving.await?.into_iter());
            Ok(addresses)
        })
    }
}

impl fmt::Debug for PolicyResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyResolver")
            .field("policy", &self.policy)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// Asks the system's resolver.
pub(crate) fn system_lookup() -> Lookup {
    Arc::new(|host| Ok((host, 0).to_socket_addrs()?.map(|address| address.ip()).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolver(list: &str) -> PolicyResolver {
        PolicyResolver::new(Arc::new(list.parse().unwrap()), system_lookup())
    }

    fn ips(addresses: &[&str]) -> Vec<IpAddr> {
        addresses.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[test]
    fn of_a_mixed_answer_only_the_permitted_addresses_are_handed_out() {
        let found = resolver("")
            .permitted("mixed", &ips(&["127.0.0.1", "1.1.1.1", "::1"]))
            .unwrap();
        assert_eq!(found, ["1.1.1.1:0".parse().unwrap()]);
    }

    #[test]
    fn an_answer_of_refused_addresses_says_so_and_an_empty_one_that_there_is_none() {
        let refused = resolver("").permitted("inside", &ips(&["10.0.0.1"])).unwrap_err();
        assert!(matches!(refused, DnsFailure::Refused { word: "private", .. }));
        assert!(matches!(
            resolver("").permitted("none", &[]),
            Err(DnsFailure::NoAddress)
        ));
    }

    #[test]
    fn an_entry_for_a_port_holds_only_for_the_resolver_of_that_port() {
        let resolver = resolver("localhost:8080");
        assert!(resolver.permitted("localhost", &ips(&["127.0.0.1"])).is_err());
        assert!(
            resolver
                .for_port(8080)
                .permitted("localhost", &ips(&["127.0.0.1"]))
                .is_ok()
        );
        assert!(
            resolver
                .for_port(9090)
                .permitted("localhost", &ips(&["127.0.0.1"]))
                .is_err()
        );
    }

    #[tokio::test]
    async fn no_more_look_ups_than_the_bound_run_at_once_and_all_are_answered() {
        use std::sync::atomic::{AtomicUsize, Ordering};

        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let lookup: Lookup = {
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            Arc::new(move |_| {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::yield_now();
                running.fetch_sub(1, Ordering::SeqCst);
                Ok(vec![IpAddr::from([1, 1, 1, 1])])
            })
        };
        let resolver = PolicyResolver::new(Arc::new(OutboundPolicy::public_only()), lookup);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..200 {
            tasks.spawn(resolver.clone().addresses("many".to_owned()));
        }
        while let Some(answer) = tasks.join_next().await {
            assert_eq!(answer.unwrap().unwrap().len(), 1);
        }
        assert!(most.load(Ordering::SeqCst) <= MAX_LOOKUPS);
    }
}
