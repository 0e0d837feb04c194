//! A range of IP addresses, as CIDR notation writes it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses that share the first `prefix` bits of `network`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AddressRange {
    network: IpAddr,
    prefix: u8,
}

impl AddressRange {
    pub(crate) const fn v4(octets: [u8; 4], prefix: u8) -> Self {
        let [a, b, c, d] = octets;
        Self {
            network: IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
            prefix,
        }
    }

    pub(crate) const fn v6(first: [u16; 3], prefix: u8) -> Self {
        let [a, b, c] = first;
        Self {
            network: IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)),
            prefix,
        }
    }

    /// The one address `address`.
    pub(crate) fn single(address: IpAddr) -> Self {
        Self {
            network: address,
            prefix: width(address),
        }
    }

    /// Reads `10.0.0.0/8` or `fd00::/8`; the reason why not, where it cannot.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let (address, prefix) = text.split_once('/').ok_or("a range is written ADDRESS/BITS")?;
        let network: IpAddr = parse_or(address, "the part before the slash is no IP address")?;
        let prefix: u8 = parse_or(prefix, "the part after the slash is no number of bits")?;
        if prefix > width(network) {
            return Err("an IPv4 range has at most 32 bits, an IPv6 range at most 128");
        }
        let range = Self { network, prefix };
        if range.first() != network {
            return Err("the address has bits set beyond the prefix; write the first address of the range");
        }
        Ok(range)
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        width(address) == width(self.network)
            && Self {
                network: address,
                prefix: self.prefix,
            }
            .first()
                == self.first()
    }

    /// The first address of the range: all bits beyond the prefix are zero.
    fn first(&self) -> IpAddr {
        let prefix = u32::from(self.prefix);
        match self.network {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
            }
        }
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn parse_or<T: std::str::FromStr>(text: &str, reason: &'static str) -> Result<T, &'static str> {
    text.parse().ok().ok_or(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> AddressRange {
        AddressRange::parse(text).unwrap()
    }

    #[test]
    fn a_range_holds_its_first_and_its_last_address_and_not_their_neighbours() {
        let range = parsed("172.16.0.0/12");
        for (address, inside) in [
            ("172.15.255.255", false),
            ("172.16.0.0", true),
            ("172.31.255.255", true),
            ("172.32.0.0", false),
        ] {
            assert_eq!(range.contains(address.parse().unwrap()), inside, "{address}");
        }
    }

    #[test]
    fn a_prefix_of_zero_bits_holds_every_address_of_its_family_only() {
        assert!(parsed("0.0.0.0/0").contains("203.0.113.9".parse().unwrap()));
        assert!(!parsed("0.0.0.0/0").contains("::1".parse().unwrap()));
        assert!(parsed("::/0").contains("::1".parse().unwrap()));
    }

    #[test]
    fn a_single_address_is_a_range_of_one() {
        let range = AddressRange::single("::1".parse().unwrap());
        assert!(range.contains("::1".parse().unwrap()));
        assert!(!range.contains("::2".parse().unwrap()));
    }

    #[test]
    fn a_range_that_is_none_is_refused_with_its_reason() {
        for text in [
            "10.0.0.0",
            "10.0.0/8",
            "10.0.0.0/33",
            "10.0.0.1/8",
            "fd00::/129",
            "10.0.0.0/",
            "/8",
        ] {
            assert!(AddressRange::parse(text).is_err(), "{text}");
        }
    }
}
