//! Which addresses a request may go to: public ones, and those that the operator allowed by name.

mod range;
mod resolver;
mod rule;
mod special;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::str::FromStr;

pub(crate) use resolver::{DnsFailure, Lookup, PolicyResolver, system_lookup};
use rule::Rule;

/// The most entries that an allow list may have.
const MAX_RULES: usize = 256;

/// Decides which addresses may be connected to. The default: public ones only.
///
/// Not public are private, loopback, link-local, unique-local, carrier-grade NAT, multicast, unspecified, reserved and
/// documentation addresses, the metadata addresses of clouds, and IPv6 addresses that carry one of these (IPv4-mapped,
/// NAT64, 6to4). An allow list, as in `GATHERING_OUTBOUND_ALLOW`, lets some of them through. It is read with
/// [`str::parse`] and holds, separated by commas:
///
/// | entry | lets through |
/// |---|---|
/// | `10.0.0.0/8`, `fd00::/8` | every address of the range, under whatever name it was found |
/// | `127.0.0.1`, `::1` | that address |
/// | `receiver.internal` | that host, to whatever address it leads |
/// | `127.0.0.1:8080`, `[::1]:8080`, `receiver.internal:8080` | the same, for that port only |
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutboundPolicy {
    rules: Vec<Rule>,
}

/// An allow list that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AllowListError {
    /// One entry is neither a range, an address nor a host.
    #[error("the outbound allow list has the entry `{entry}`: {reason}")]
    Entry {
        /// The entry as it was written.
        entry: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There are more entries than are looked through for each connection.
    #[error("the outbound allow list has {0} entries; join them into ranges, {MAX_RULES} are the most")]
    TooMany(usize),
}

impl OutboundPolicy {
    /// Public addresses only.
    pub fn public_only() -> Self {
        Self::default()
    }

    /// Whether a request for `host` may connect to `address` on `port`.
    pub fn permits(&self, host: &str, port: u16, address: IpAddr) -> bool {
        self.judge(host, Some(port), address).is_ok()
    }

    /// The same, with the word for the kind of address where it may not. No port is one that no entry names.
    pub(crate) fn judge(&self, host: &str, port: Option<u16>, address: IpAddr) -> Result<(), &'static str> {
        let address = special::canonical(address);
        match special::not_public(address) {
            Some(_)
                if self
                    .rules
                    .iter()
                    .any(|rule| rule.admits(rule::normal(host), port, address)) =>
            {
                Ok(())
            }
            Some(word) => Err(word),
            None => Ok(()),
        }
    }

    /// The ports that entries name.
    pub(crate) fn ports(&self) -> BTreeSet<u16> {
        self.rules.iter().filter_map(|rule| rule.port).collect()
    }
}

impl FromStr for OutboundPolicy {
    type Err = AllowListError;

    fn from_str(list: &str) -> Result<Self, Self::Err> {
        let entries: Vec<&str> = list
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .collect();
        if entries.len() > MAX_RULES {
            return Err(AllowListError::TooMany(entries.len()));
        }
        let rule = |entry: &str| {
            Rule::parse(entry).map_err(|reason| AllowListError::Entry {
                entry: entry.to_owned(),
                reason,
            })
        };
        Ok(Self {
            rules: entries.into_iter().map(rule).collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(list: &str) -> OutboundPolicy {
        list.parse().unwrap()
    }

    fn permits(list: &str, host: &str, port: u16, address: &str) -> bool {
        policy(list).permits(host, port, address.parse().unwrap())
    }

    #[test]
    fn by_default_only_public_addresses_may_be_reached() {
        assert!(permits("", "example.org", 443, "1.1.1.1"));
        assert!(!permits("", "example.org", 443, "127.0.0.1"));
        assert_eq!(policy(" , "), OutboundPolicy::public_only());
    }

    #[test]
    fn a_range_lets_its_addresses_through_under_any_name_and_port() {
        assert!(permits("10.0.0.0/8, fd00::/8", "a.internal", 80, "10.1.2.3"));
        assert!(permits("10.0.0.0/8, fd00::/8", "b.internal", 9000, "fd00::1"));
        assert!(permits("10.0.0.0/8", "mapped", 80, "::ffff:10.1.2.3"));
        assert!(!permits("10.0.0.0/8", "a.internal", 80, "192.168.0.1"));
    }

    #[test]
    fn a_host_lets_itself_through_wherever_it_leads_and_nobody_else() {
        assert!(permits("Receiver.Internal", "receiver.internal", 80, "10.1.2.3"));
        assert!(permits("receiver.internal", "receiver.internal.", 80, "10.1.2.3"));
        assert!(!permits("receiver.internal", "other.internal", 80, "10.1.2.3"));
        assert!(!permits("receiver.internal", "x.receiver.internal", 80, "10.1.2.3"));
    }

    #[test]
    fn an_entry_with_a_port_holds_for_that_port_only() {
        for list in ["127.0.0.1:8080", "localhost:8080"] {
            assert!(permits(list, "localhost", 8080, "127.0.0.1"), "{list}");
            assert!(!permits(list, "localhost", 5432, "127.0.0.1"), "{list}");
        }
        assert!(permits("[::1]:8080", "::1", 8080, "::1"));
        assert_eq!(policy("10.0.0.1:1,b:2,c:1,d").ports(), BTreeSet::from([1, 2]));
    }

    #[test]
    fn an_entry_that_cannot_be_read_is_named_with_its_reason() {
        for (list, part) in [
            ("10.0.0.0/8,10.0.0.1/8", "`10.0.0.1/8`: the address has bits set"),
            ("http://example.org", "`http://example.org`: the part before the slash"),
            ("*.internal", "wildcards are not supported"),
            ("10.0.0.300", "no CIDR, address or host name"),
            ("127.1", "an address is written in full"),
            ("2130706433", "an address is written in full"),
            ("host:70000", "no port"),
            ("host:0", "port 0"),
            ("user@host", "no CIDR, address or host name"),
            ("a b", "no CIDR, address or host name"),
        ] {
            let message = list.parse::<OutboundPolicy>().unwrap_err().to_string();
            assert!(message.contains(part), "{list}: {message}");
        }
    }

    #[test]
    fn a_list_without_end_is_refused() {
        let list = vec!["10.0.0.0/8"; MAX_RULES + 1].join(",");
        assert_eq!(
            list.parse::<OutboundPolicy>(),
            Err(AllowListError::TooMany(MAX_RULES + 1))
        );
    }
}
