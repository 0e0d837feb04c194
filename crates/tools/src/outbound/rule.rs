//! One entry of the list of what may be reached although it is not public.

use std::net::{IpAddr, SocketAddr};

use reqwest::Url;

use super::range::AddressRange;

/// An address range or a host, and the one port for which it holds, or all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    target: Target,
    pub(crate) port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Range(AddressRange),
    Host(String),
}

impl Rule {
    /// Reads one entry: `10.0.0.0/8`, `127.0.0.1`, `[::1]:8080`, `receiver.internal`, `receiver.internal:8080`.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.contains('/') {
            return AddressRange::parse(text).map(|range| Self {
                target: Target::Range(range),
                port: None,
            });
        }
        if let Ok(socket) = text.parse::<SocketAddr>() {
            return Ok(Self {
                port: Some(port(socket.port())?),
                ..Self::address(socket.ip())
            });
        }
        let bare = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(text);
        match bare.parse::<IpAddr>() {
            Ok(address) => Ok(Self::address(address)),
            Err(_) => Self::host(text),
        }
    }

    /// Whether this entry lets a connection to `address` for `host` through; `port` is known where a rule names it.
    pub(crate) fn admits(&self, host: &str, port: Option<u16>, address: IpAddr) -> bool {
        let target = match &self.target {
            Target::Range(range) => range.contains(address),
            Target::Host(name) => name == host,
        };
        target && (self.port.is_none() || self.port == port)
    }

    fn address(address: IpAddr) -> Self {
        Self {
            target: Target::Range(AddressRange::single(address.to_canonical())),
            port: None,
        }
    }

    fn host(text: &str) -> Result<Self, &'static str> {
        let (name, written) = match text.rsplit_once(':') {
            Some((name, written)) => (name, Some(written)),
            None => (text, None),
        };
        let port = match written {
            Some(written) => Some(port(
                written.parse().ok().ok_or("the part after the colon is no port")?,
            )?),
            None => None,
        };
        Ok(Self {
            target: Target::Host(host_name(name)?),
            port,
        })
    }
}

/// A host as requests carry it: lower-case, international names in their ASCII form, no dot at the end.
pub(crate) fn normal(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

fn host_name(name: &str) -> Result<String, &'static str> {
    const NO_HOST: &str = "it is no CIDR, address or host name (wildcards are not supported)";
    let url = Url::parse(&format!("http://{name}/")).ok().ok_or(NO_HOST)?;
    let host = url.host_str().unwrap_or_default();
    if host.parse::<IpAddr>().is_ok() {
        return Err("an address is written in full, as in 127.0.0.1");
    }
    let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if host.is_empty() || url.path() != "/" || !url.username().is_empty() || !host.chars().all(letters) {
        return Err(NO_HOST);
    }
    Ok(normal(host).to_owned())
}

fn port(number: u16) -> Result<u16, &'static str> {
    if number == 0 {
        Err("port 0 is no port to connect to")
    } else {
        Ok(number)
    }
}
