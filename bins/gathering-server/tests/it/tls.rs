//! HTTPS by the server itself: over real sockets, with certificates made for the test.

use std::fs;
use std::net::SocketAddr;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use gathering_testkit::{Server, ServerOptions, TestDatabase, eventually};
use http::{Request, StatusCode};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{Directory, binary};

const LIMIT: Duration = Duration::from_secs(30);

/// A certificate for 127.0.0.1 with its key, in files.
struct Pair {
    folder: Directory,
}

impl Pair {
    fn new() -> Self {
        let pair = Self {
            folder: Directory::new(),
        };
        pair.renew();
        pair
    }

    /// Puts another certificate in its place.
    fn renew(&self) {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        fs::write(self.path("chain.pem"), made.cert.pem()).unwrap();
        fs::write(self.path("key.pem"), made.signing_key.serialize_pem()).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.folder.0.join(name).display().to_string()
    }

    fn certificate(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.path("chain.pem")).unwrap()
    }

    async fn serve(&self, database: &TestDatabase) -> Server {
        let options = ServerOptions::new(binary())
            .database_url(&database.url())
            .env("GATHERING_TLS_CERTIFICATE", &self.path("chain.pem"))
            .env("GATHERING_TLS_KEY", &self.path("key.pem"));
        Server::spawn(&options).await
    }
}

fn address(server: &Server) -> SocketAddr {
    server.url("").strip_prefix("https://").unwrap().parse().unwrap()
}

/// A connection in one version of TLS, over which one protocol is spoken.
async fn connect(
    server: &Server,
    trusted: CertificateDer<'static>,
    version: &'static SupportedProtocolVersion,
    protocol: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let stream = TcpStream::connect(address(server)).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    assert_eq!(connected.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()));
    Ok(connected)
}

async fn refused(variables: &[(&str, &str)]) -> Output {
    let mut command = tokio::process::Command::new(binary());
    command
        .args(["serve", "--listen", "127.0.0.1:0"])
        .env_clear()
        .envs(variables.iter().copied());
    timeout(LIMIT, command.output()).await.unwrap().unwrap()
}

#[tokio::test]
async fn https_is_spoken_with_both_versions_of_tls_and_of_http() {
    let (pair, database) = (Pair::new(), TestDatabase::new().await);
    let server = pair.serve(&database).await;
    for version in [&TLS12, &TLS13] {
        let mut stream = connect(&server, pair.certificate(), version, "http/1.1").await.unwrap();
        stream
            .write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        timeout(LIMIT, stream.read_to_string(&mut answer)).await.unwrap().ok();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(
            answer.contains("strict-transport-security: max-age=31536000\r\n"),
            "{answer}"
        );
    }
    let stream = connect(&server, pair.certificate(), &TLS13, "h2").await.unwrap();
    let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
    let asking = async {
        let request = Request::get(server.url("/health/live")).body(()).unwrap();
        let (answer, _) = sender.send_request(request, true).unwrap();
        answer.await.unwrap()
    };
    tokio::select! {
        answer = asking => assert_eq!(answer.status(), StatusCode::OK),
        ended = connection => panic!("the connection ended: {ended:?}"),
    }
}

#[tokio::test]
async fn one_connection_has_a_hundred_requests_under_way_at_most() {
    let (pair, database) = (Pair::new(), TestDatabase::new().await);
    let server = pair.serve(&database).await;
    let stream = connect(&server, pair.certificate(), &TLS13, "h2").await.unwrap();
    let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
    let asking = async {
        let mut open = Vec::new();
        for _ in 0..100 {
            sender = sender.ready().await.unwrap();
            let login = Request::post(server.url("/api/v1/auth/login")).header("content-type", "application/json");
            open.push(sender.send_request(login.body(()).unwrap(), false).unwrap());
        }
        let ask = async |sender: &mut h2::client::SendRequest<_>| {
            let request = Request::get(server.url("/health/live")).body(()).unwrap();
            sender.send_request(request, true).unwrap().0.await.unwrap()
        };
        let answer = ask(&mut sender).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()["retry-after"], "1");
        drop(open);
        eventually("there is a place again", LIMIT, async || {
            ask(&mut sender.clone()).await.status() == 200
        })
        .await;
    };
    tokio::select! {
        () = asking => {}
        ended = connection => panic!("the connection ended: {ended:?}"),
    }
}

#[tokio::test]
async fn whoever_does_not_speak_tls_is_sent_away_and_hangs_on_to_nothing() {
    let (pair, database) = (Pair::new(), TestDatabase::new().await);
    let server = pair.serve(&database).await;
    for said in ["GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n", "", "\u{16}\u{3}"] {
        let mut stream = TcpStream::connect(address(&server)).await.unwrap();
        stream.write_all(said.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // Either an alert of TLS or nothing, and then the end.
        timeout(LIMIT, stream.read_to_end(&mut answer)).await.unwrap().ok();
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    }
}

#[tokio::test]
async fn files_that_are_no_pair_are_refused_at_start() {
    let (one, other) = (Pair::new(), Pair::new());
    let (chain, key) = (one.path("chain.pem"), one.path("key.pem"));
    let nowhere = one.path("nowhere.pem");
    for (certificate, private, told) in [
        (&nowhere, &key, "tls_certificate: cannot read"),
        (&chain, &nowhere, "tls_key: cannot read"),
        (&key, &key, "holds no certificate in PEM"),
        (&chain, &chain, "holds no private key in PEM"),
        (&chain, &other.path("key.pem"), "cannot be used together"),
    ] {
        let ended = refused(&[
            ("GATHERING_TLS_CERTIFICATE", certificate),
            ("GATHERING_TLS_KEY", private),
        ])
        .await;
        let log = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(2), "{log}");
        assert!(log.contains(told) && !log.contains("PRIVATE KEY-----"), "{log}");
    }
    let alone = refused(&[("GATHERING_TLS_KEY", &key)]).await;
    let log = String::from_utf8_lossy(&alone.stderr).into_owned();
    assert_eq!(alone.status.code(), Some(2));
    assert!(log.contains("GATHERING_TLS_KEY: goes with tls_certificate"), "{log}");
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_without_a_restart_and_a_bad_one_never() {
    let (pair, database) = (Pair::new(), TestDatabase::new().await);
    let first = pair.certificate();
    let server = pair.serve(&database).await;
    fs::write(pair.path("key.pem"), "half a file").unwrap();
    eventually("the log tells of the bad pair", LIMIT, async || {
        server.log().contains("the new certificate cannot be used")
    })
    .await;
    connect(&server, first.clone(), &TLS13, "h2").await.unwrap();

    pair.renew();
    eventually("the new certificate is shown", LIMIT, async || {
        connect(&server, pair.certificate(), &TLS13, "h2").await.is_ok()
    })
    .await;
    assert!(connect(&server, first, &TLS13, "h2").await.is_err());
    assert_eq!(server.log().matches("cannot be used").count(), 1);
}
