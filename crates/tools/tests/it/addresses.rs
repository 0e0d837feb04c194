//! Where requests may go.

use gathering_tools::OutboundPolicy;
use serde_json::json;

use crate::receiver::Receiver;
use crate::{call, client_allowing};

#[tokio::test]
async fn no_spelling_of_a_private_address_is_reached() {
    let receiver = Receiver::answering("200 OK", "").await;
    let client = client_allowing("");
    let port = receiver.address.port();
    for host in [
        "127.0.0.1",
        "127.0.0.1.",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "localhost",
        "LOCALHOST",
        "169.254.169.254",
        "10.0.0.1",
        "[fd00:ec2::254]",
        "[fe80::1]",
    ] {
        let error = call(&client, json!({"url": format!("http://{host}:{port}/")}))
            .await
            .unwrap_err();
        assert_eq!(
            (error.code(), error.is_transient()),
            ("address_refused", false),
            "{host}: {error}"
        );
    }
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn what_the_list_allows_is_reached_and_nothing_beside_it() {
    let receiver = Receiver::answering("200 OK", "").await;
    let port = receiver.address.port();
    let other = if port == 1 { 2 } else { 1 };
    for (list, host, reached) in [
        ("127.0.0.0/8".to_owned(), "127.0.0.1", true),
        ("127.0.0.0/8".to_owned(), "localhost", true),
        ("127.0.0.0/8".to_owned(), "[::ffff:127.0.0.1]", true),
        ("127.0.0.0/8".to_owned(), "10.0.0.1", false),
        ("localhost".to_owned(), "localhost", true),
        ("localhost".to_owned(), "LocalHost", true),
        ("localhost".to_owned(), "127.0.0.1", false),
        (format!("localhost:{port}"), "localhost", true),
        (format!("localhost:{other}"), "localhost", false),
        (format!("127.0.0.1:{port}"), "127.0.0.1", true),
        (format!("127.0.0.1:{port}"), "localhost", true),
        (format!("127.0.0.1:{other}"), "127.0.0.1", false),
    ] {
        let outcome = call(
            &client_allowing(&list),
            json!({"url": format!("http://{host}:{port}/")}),
        )
        .await;
        assert_eq!(outcome.is_ok(), reached, "{list} {host}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_refusal_names_the_host_and_the_remedy_and_no_address_behind_the_name() {
    let error = call(&client_allowing(""), json!({"url": "http://localhost:1/hidden"}))
        .await
        .unwrap_err();
    assert_eq!(
        error.message(),
        "localhost is not a public address (loopback) and may not be reached; \
         the operator can allow it in GATHERING_OUTBOUND_ALLOW"
    );
}

#[test]
fn an_unreadable_list_is_an_error_that_names_the_entry() {
    let error = "10.0.0.0/8, 10.0.0.0/40".parse::<OutboundPolicy>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the outbound allow list has the entry `10.0.0.0/40`: an IPv4 range has at most 32 bits, an IPv6 range at most 128"
    );
}
