//! Connections: pooled, never to an address that the policy refuses.

use std::collections::BTreeMap;
use std::sync::Arc;

use reqwest::{Client, ClientBuilder, Response, redirect, retry};

use super::client::HttpOptions;
use super::failure;
use super::outgoing::Outgoing;
use crate::ToolError;
use crate::config::target::Target;
use crate::outbound::{Lookup, OutboundPolicy, PolicyResolver};

const USER_AGENT: &str = concat!("gathering/", env!("CARGO_PKG_VERSION"));

/// The HTTP client could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client could not be set up; look at its TLS provider and at the system's CA certificates")]
pub struct ClientError(#[source] reqwest::Error);

/// One client for each port that the allow list names, and one for all others: a resolver is told no port.
#[derive(Debug)]
pub(super) struct Transport {
    policy: Arc<OutboundPolicy>,
    any: Client,
    by_port: BTreeMap<u16, Client>,
}

impl Transport {
    pub(super) fn new(options: &HttpOptions, lookup: Lookup) -> Result<Self, ClientError> {
        // Whoever was first has chosen the provider; any serves.
        drop(rustls::crypto::ring::default_provider().install_default());
        let policy = Arc::new(options.policy.clone());
        let resolver = PolicyResolver::new(Arc::clone(&policy), lookup);
        let any = build(options, &resolver)?;
        let ports = policy.ports().into_iter();
        let by_port = ports
            .map(|port| Ok((port, build(options, &resolver.for_port(port))?)))
            .collect::<Result<_, _>>()?;
        Ok(Self { policy, any, by_port })
    }

    /// Sends the request; the answer's head has arrived when this ends.
    pub(super) async fn send(&self, outgoing: Outgoing) -> Result<Response, ToolError> {
        self.check_address(&outgoing.target)?;
        let client = self.by_port.get(&outgoing.target.port()).unwrap_or(&self.any);
        let mut request = client
            .request(outgoing.method, outgoing.target.url().clone())
            .headers(outgoing.headers);
        if let Some(body) = outgoing.body {
            request = request.body(body);
        }
        request
            .send()
            .await
            .map_err(|error| failure::of(error, outgoing.target.host()))
    }

    /// An address needs no resolver, so it is checked here; names are checked as they are resolved.
    fn check_address(&self, target: &Target) -> Result<(), ToolError> {
        let Some(address) = target.address() else {
            return Ok(());
        };
        let verdict = self.policy.judge(target.host(), Some(target.port()), address);
        verdict.map_err(|word| failure::refused(target.host(), word))
    }
}

fn build(options: &HttpOptions, resolver: &PolicyResolver) -> Result<Client, ClientError> {
    match settings(options, resolver).build() {
        Ok(client) => Ok(client),
        Err(error) => {
            // No CA certificate on the system is an error to the TLS library. Trusting nobody instead keeps http working.
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "no CA certificates could be loaded: https calls will fail; install ca-certificates or set SSL_CERT_FILE"
            );
            settings(options, resolver)
                .tls_certs_only([])
                .build()
                .map_err(ClientError)
        }
    }
}

fn settings(options: &HttpOptions, resolver: &PolicyResolver) -> ClientBuilder {
    Client::builder()
        .user_agent(USER_AGENT)
        .dns_resolver(Arc::new(resolver.clone()))
        // A proxy, or the target of a redirect, would be reached past the policy.
        .no_proxy()
        .redirect(redirect::Policy::none())
        .referer(false)
        // Whether to try again is for the caller, who counts attempts.
        .retry(retry::never())
        .connect_timeout(options.connect_timeout)
        .pool_max_idle_per_host(options.max_idle_per_host)
        .pool_idle_timeout(options.idle_timeout)
        .tcp_nodelay(true)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::{CallApi, CallContext, HttpClient};

    /// The first look-up gives an allowed address, every later one a private one: DNS rebinding.
    fn rebinding(asked: &Arc<AtomicUsize>) -> Lookup {
        let asked = Arc::clone(asked);
        Arc::new(move |_| {
            let first = asked.fetch_add(1, Ordering::SeqCst) == 0;
            Ok(vec![IpAddr::from(if first { [127, 0, 0, 1] } else { [127, 0, 0, 2] })])
        })
    }

    #[tokio::test]
    async fn a_name_that_changes_its_address_is_checked_at_each_connection() {
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(AtomicUsize::new(0));
        let policy = "127.0.0.1".parse().unwrap();
        let options = HttpOptions {
            policy,
            ..HttpOptions::default()
        };
        let client = HttpClient::with_lookup(options, rebinding(&asked)).unwrap();
        let config = json!({ "url": format!("http://rebind.test:{port}/") });
        let call = CallApi::from_config(config.as_object().unwrap()).unwrap();
        let context = CallContext::new("run/node");

        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert_ne!(stream.read(&mut [0; 4096]).await.unwrap(), 0);
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
                .await
                .unwrap();
        };
        let (first, ()) = tokio::join!(client.call_api(&call, &context), serve);
        assert!(first.is_ok(), "{first:?}");
        // The checked address was used: nothing was looked up between check and use.
        assert_eq!(asked.load(Ordering::SeqCst), 1);

        let second = client.call_api(&call, &context).await.unwrap_err();
        assert_eq!(second.code(), "address_refused");
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }
}
