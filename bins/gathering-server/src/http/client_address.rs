//! Where a request really comes from: behind proxies that are trusted, what they say; else, the connection. Never what a client says of itself.

use std::net::{IpAddr, SocketAddr};

use actix_web::http::header::{FORWARDED, HeaderMap, HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The most proxies in a row that are believed.
const MOST_HOPS: usize = 32;

/// The header in which trusted proxies say who connected to them. Only one of the two is ever looked at: proxies leave the other one as the client sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ForwardedHeader {
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// Whom to believe about where a request comes from.
#[derive(Debug, Clone)]
pub(crate) struct Trust {
    /// The proxies.
    pub(crate) proxies: Vec<IpNet>,
    /// What they write.
    pub(crate) header: ForwardedHeader,
}

/// The address that is to be held responsible for a request.
///
/// Each proxy appends who connected to it, so the lists are read from their ends: as long as whoever is named is trusted itself, the one before is
/// believed. What cannot be read is believed by nobody.
pub(crate) fn of(peer: IpAddr, headers: &HeaderMap, trust: &Trust) -> IpAddr {
    let is_trusted = |address: IpAddr| trust.proxies.iter().any(|network| network.contains(&address));
    let mut address = peer.to_canonical();
    let hops = match trust.header {
        ForwardedHeader::XForwardedFor => hops(headers, &X_FORWARDED_FOR, Some),
        ForwardedHeader::Forwarded => hops(headers, &FORWARDED, forwarded_for),
    };
    for hop in hops.into_iter().rev().take(MOST_HOPS) {
        if !is_trusted(address) {
            break;
        }
        match hop {
            Some(before) => address = before,
            None => break,
        }
    }
    address
}

/// The elements of all headers of a name, in their order; `None` for one that names no address.
fn hops<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    of_element: impl Fn(&'a str) -> Option<&'a str>,
) -> Vec<Option<IpAddr>> {
    let texts = headers.get_all(name).map(|value| value.to_str().unwrap_or_default());
    texts
        .flat_map(|text| split(text, ','))
        .map(|element| of_element(element.trim()).and_then(parse))
        .collect()
}

/// The `for` of an element of `Forwarded` (RFC 7239, section 4).
fn forwarded_for(element: &str) -> Option<&str> {
    let mut pairs = split(element, ';')
        .into_iter()
        .filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    Some(value.trim().trim_matches('"'))
}

/// The parts between separators that stand in no quoted string (RFC 9110, section 5.6.4).
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut from) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (place, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if letter == separator && !quoted => {
                parts.push(&text[from..place]);
                from = place + letter.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn parse(text: &str) -> Option<IpAddr> {
    let bracketed = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let address = text
        .parse::<IpAddr>()
        .ok()
        .or_else(|| bracketed?.parse().ok())
        .or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn seen(peer: &str, headers: &[(&'static str, &str)], trusted: &str) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        let header = if headers.iter().any(|(name, _)| *name == "x-forwarded-for") {
            ForwardedHeader::XForwardedFor
        } else {
            ForwardedHeader::Forwarded
        };
        let proxies = trusted
            .split_whitespace()
            .map(|network| network.parse().unwrap())
            .collect();
        of(peer.parse().unwrap(), &map, &Trust { proxies, header }).to_string()
    }

    #[test]
    fn a_client_is_not_believed_about_itself() {
        let headers = [("x-forwarded-for", "198.51.100.9"), ("forwarded", "for=198.51.100.9")];
        assert_eq!(seen("192.0.2.1", &headers, ""), "192.0.2.1");
        assert_eq!(seen("192.0.2.1", &headers, "10.0.0.0/8"), "192.0.2.1");
    }

    #[test]
    fn a_trusted_proxy_is_believed_about_who_connected_to_it_and_not_about_what_that_one_claimed() {
        let headers = [("x-forwarded-for", "198.51.100.9, 192.0.2.1")];
        assert_eq!(seen("10.0.0.1", &headers, "10.0.0.0/8"), "192.0.2.1");
        let several = [
            ("x-forwarded-for", "198.51.100.9"),
            ("x-forwarded-for", "192.0.2.1, 10.0.0.2"),
        ];
        assert_eq!(seen("10.0.0.1", &several, "10.0.0.0/8"), "192.0.2.1");
    }

    #[test]
    fn forwarded_is_read_in_all_its_forms() {
        for (header, address) in [
            ("for=192.0.2.1", "192.0.2.1"),
            ("proto=https; For=\"[2001:db8::1]:443\";by=_proxy", "2001:db8::1"),
            ("for=198.51.100.9, for=\"192.0.2.1:80\"", "192.0.2.1"),
            ("by=\";for=198.51.100.9;\";for=192.0.2.1", "192.0.2.1"),
            ("by=\"a,for=198.51.100.9\";for=192.0.2.1", "192.0.2.1"),
            ("for=192.0.2.1;host=\"x\\\", for=198.51.100.9\"", "192.0.2.1"),
        ] {
            assert_eq!(seen("10.0.0.1", &[("forwarded", header)], "10.0.0.0/8"), address);
        }
    }

    #[test]
    fn of_the_two_headers_only_the_one_that_the_proxies_write_is_looked_at() {
        let mut headers = HeaderMap::new();
        headers.append(X_FORWARDED_FOR, HeaderValue::from_static("198.51.100.9"));
        headers.append(FORWARDED, HeaderValue::from_static("for=192.0.2.1"));
        let mut trust = Trust {
            proxies: vec!["10.0.0.0/8".parse().unwrap()],
            header: ForwardedHeader::Forwarded,
        };
        let peer = "10.0.0.1".parse().unwrap();
        assert_eq!(of(peer, &headers, &trust).to_string(), "192.0.2.1");
        trust.header = ForwardedHeader::XForwardedFor;
        assert_eq!(of(peer, &headers, &trust).to_string(), "198.51.100.9");
    }

    #[test]
    fn what_cannot_be_read_leads_no_further() {
        for header in ["unknown", "_hidden", "192.0.2.1, nonsense", "", "999.1.1.1", "[::1"] {
            assert_eq!(
                seen("10.0.0.1", &[("x-forwarded-for", header)], "10.0.0.0/8"),
                "10.0.0.1"
            );
        }
        assert_eq!(
            seen("10.0.0.1", &[("forwarded", "proto=https")], "10.0.0.0/8"),
            "10.0.0.1"
        );
    }

    #[test]
    fn an_ipv4_address_in_ipv6_clothes_is_the_same_address() {
        let headers = [("x-forwarded-for", "::ffff:192.0.2.1")];
        assert_eq!(seen("::ffff:10.0.0.1", &headers, "10.0.0.0/8"), "192.0.2.1");
    }

    #[test]
    fn an_endless_row_of_trusted_proxies_ends() {
        let many = vec!["10.0.0.1"; 10_000].join(",");
        assert_eq!(
            seen("10.0.0.1", &[("x-forwarded-for", &many)], "10.0.0.0/8"),
            "10.0.0.1"
        );
    }
}
