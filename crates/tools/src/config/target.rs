//! Where a request goes: an http or https URL that names nothing but a place.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use reqwest::Url;
use serde_json::{Map, Value};

use super::fields;
use super::reader::Fault;

/// The most bytes of a URL.
const MAX_BYTES: usize = 8 * 1024;

/// A URL that may be requested, as far as its text tells. `Debug` shows only scheme, host and port: paths and queries
/// often hold secrets.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Target {
    url: Url,
}

impl Target {
    pub(crate) fn read(value: &Value) -> Result<Self, Fault> {
        let text = fields::text(value)?;
        Self::parse(text).map_err(|reason| Fault::Value(reason.to_owned()))
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > MAX_BYTES {
            return Err("the URL is longer than 8192 bytes");
        }
        let url = Url::parse(text)
            .ok()
            .ok_or("this is no absolute URL; write it as in https://example.org/path")?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("the scheme must be http or https");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a URL must not hold a user name or password; send an Authorization header");
        }
        if url.port() == Some(0) {
            return Err("port 0 is no port to connect to");
        }
        Ok(Self { url })
    }

    /// The host, lower-case; an IPv6 address without its brackets.
    pub(crate) fn host(&self) -> &str {
        self.url
            .host_str()
            .unwrap_or_default()
            .trim_start_matches('[')
            .trim_end_matches(']')
    }

    pub(crate) fn port(&self) -> u16 {
        // Only http and https are let in above, and both have a port.
        self.url.port_or_known_default().unwrap_or_default()
    }

    /// The address, where the host is one. Decimal, hexadecimal and octal forms have become dotted ones by now.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.host().parse().ok()
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }
}

/// Where a call goes whose configuration, with its templates filled in, has this `url`: host and port, as in `example.org:443`
/// or `[::1]:80`, the same for every spelling of one place.
///
/// `None` where that is no URL to call.
pub fn target_of(config: &Map<String, Value>) -> Option<String> {
    let target = Target::read(config.get("url")?).ok()?;
    let port = target.port();
    Some(match target.address() {
        // An IPv4 address that is written as an IPv6 one leads to the same place.
        Some(address) => SocketAddr::new(address.to_canonical(), port).to_string(),
        // The dot at the end of a name says only that it is complete.
        None => format!("{}:{port}", target.host().trim_end_matches('.')),
    })
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.url.scheme(), self.host(), self.port())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_spelling_of_an_address_becomes_the_address() {
        for (url, address) in [
            ("http://127.0.0.1/", "127.0.0.1"),
            ("http://2130706433/", "127.0.0.1"),
            ("http://0x7f000001/", "127.0.0.1"),
            ("http://0x7f.1/", "127.0.0.1"),
            ("http://0177.0.0.1/", "127.0.0.1"),
            ("http://127.1/", "127.0.0.1"),
            ("http://127.0.0.1./", "127.0.0.1"),
            ("http://%31%32%37.0.0.1/", "127.0.0.1"),
            ("http://１２７.0.0.1/", "127.0.0.1"),
            ("http://[::1]/", "::1"),
            ("http://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1"),
            ("http:\\\\127.0.0.1\\", "127.0.0.1"),
        ] {
            let target = Target::parse(url).unwrap();
            assert_eq!(target.address(), Some(address.parse().unwrap()), "{url}");
        }
    }

    #[test]
    fn a_url_that_is_more_or_less_than_a_place_is_refused() {
        for url in [
            "",
            "example.org",
            "/path",
            "ftp://example.org/",
            "file:///etc/passwd",
            "http://",
            "http://user@example.org/",
            "http://user:secret@example.org/",
            "http://:secret@example.org/",
            "http://example.org:0/",
            "http://example.org:70000/",
            "http://exa mple.org/",
        ] {
            assert!(Target::parse(url).is_err(), "{url}");
        }
        assert!(Target::parse(&format!("http://example.org/{}", "x".repeat(MAX_BYTES))).is_err());
    }

    #[test]
    fn calls_of_one_place_have_one_target_however_it_is_written() {
        let target = |url: &str| target_of(json!({ "url": url }).as_object().unwrap()).unwrap();
        for (one, others) in [
            (
                "localhost:80",
                ["http://LocalHost", "http://localhost.:80/a", "http://localhost./?b"],
            ),
            (
                "127.0.0.1:443",
                [
                    "https://127.1",
                    "https://[::ffff:127.0.0.1]",
                    "https://[::ffff:7f00:1]:443/c",
                ],
            ),
            (
                "[::1]:8080",
                ["http://[::1]:8080", "http://[0:0::1]:8080/", "https://[::0001]:8080/d"],
            ),
        ] {
            assert_eq!(others.map(target), [one; 3]);
        }
        assert_ne!(target("http://localhost"), target("https://localhost"));
    }

    #[test]
    fn debug_shows_no_path_and_no_query() {
        let target = Target::parse("https://Example.org/hook/secret?token=secret").unwrap();
        assert_eq!(format!("{target:?}"), "https://example.org:443");
    }
}
