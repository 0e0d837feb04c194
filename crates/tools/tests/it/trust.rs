//! TLS, and what happens on a machine without CA certificates.

use std::process::Command;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::receiver::Receiver;
use crate::{call, client};

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_not_trusted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert_ne!(stream.read(&mut [0; 4096]).await.unwrap(), 0);
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    };
    let client = client();
    let (outcome, ()) = tokio::join!(call(&client, json!({"url": url})), serve);
    let error = outcome.unwrap_err();
    assert_eq!((error.code(), error.is_transient()), ("tls_failed", false), "{error:?}");
}

#[test]
fn without_ca_certificates_http_still_works() {
    let itself = std::env::current_exe().unwrap();
    let outcome = Command::new(itself)
        .args(["--exact", "--ignored", "--nocapture", "trust::http_works"])
        .env("SSL_CERT_FILE", "/nonexistent/ca.pem")
        .env("SSL_CERT_DIR", "/nonexistent")
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&outcome.stdout);
    assert!(outcome.status.success() && printed.contains("1 passed"), "{printed}");
}

#[tokio::test]
#[ignore = "run by `without_ca_certificates_http_still_works`, in a process of its own"]
async fn http_works() {
    let receiver = Receiver::answering("200 OK", "").await;
    assert!(call(&client(), json!({"url": receiver.url("/")})).await.is_ok());
}
