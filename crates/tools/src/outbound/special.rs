//! Which addresses are not public: the IANA special-purpose registries, and what is known to serve cloud metadata.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::range::AddressRange;

/// IPv4 ranges that are not public, each with the word for it (RFC 6890 and the registry it founded).
const V4: [(AddressRange, &str); 17] = [
    (AddressRange::v4([0, 0, 0, 0], 8), "unspecified"),
    (AddressRange::v4([10, 0, 0, 0], 8), "private"),
    (AddressRange::v4([100, 64, 0, 0], 10), "carrier-grade NAT"),
    (AddressRange::v4([127, 0, 0, 0], 8), "loopback"),
    // Azure serves instance metadata and keys from this address, public by its number only.
    (AddressRange::v4([168, 63, 129, 16], 32), "metadata service"),
    (AddressRange::v4([169, 254, 0, 0], 16), "link-local"),
    (AddressRange::v4([172, 16, 0, 0], 12), "private"),
    (AddressRange::v4([192, 0, 0, 0], 24), "reserved"),
    (AddressRange::v4([192, 0, 2, 0], 24), "documentation"),
    (AddressRange::v4([192, 88, 99, 0], 24), "6to4 relay"),
    (AddressRange::v4([192, 168, 0, 0], 16), "private"),
    (AddressRange::v4([198, 18, 0, 0], 15), "benchmarking"),
    (AddressRange::v4([198, 51, 100, 0], 24), "documentation"),
    (AddressRange::v4([203, 0, 113, 0], 24), "documentation"),
    (AddressRange::v4([224, 0, 0, 0], 4), "multicast"),
    (AddressRange::v4([255, 255, 255, 255], 32), "broadcast"),
    (AddressRange::v4([240, 0, 0, 0], 4), "reserved"),
];

/// IPv6 ranges that are not public. The words of the ranges outside `2000::/3` only make the message better:
/// nothing outside it is public anyway.
const V6: [(AddressRange, &str); 7] = [
    (AddressRange::v6([0xfc00, 0, 0], 7), "unique-local"),
    (AddressRange::v6([0xfe80, 0, 0], 10), "link-local"),
    (AddressRange::v6([0xff00, 0, 0], 8), "multicast"),
    // Teredo, ORCHID, benchmarking and the other protocol assignments.
    (AddressRange::v6([0x2001, 0, 0], 23), "reserved"),
    (AddressRange::v6([0x2001, 0xdb8, 0], 32), "documentation"),
    (AddressRange::v6([0x3fff, 0, 0], 20), "documentation"),
    (AddressRange::v6([0x64, 0xff9b, 1], 48), "private NAT64"),
];

const GLOBAL_UNICAST: AddressRange = AddressRange::v6([0x2000, 0, 0], 3);
const NAT64: AddressRange = AddressRange::v6([0x64, 0xff9b, 0], 96);
const SIX_TO_FOUR: AddressRange = AddressRange::v6([0x2002, 0, 0], 16);

/// The address that a connection to `address` really goes to: an IPv4-mapped IPv6 address is IPv4 to the system.
pub(crate) fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// Why `address` (canonical) is not public; nothing where it is.
pub(crate) fn not_public(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(_) => word(&V4, address),
        IpAddr::V6(v6) => match embedded(v6) {
            Some(v4) => not_public(IpAddr::V4(v4)),
            None => v6_not_public(v6),
        },
    }
}

/// The IPv4 address to which a translator (NAT64, RFC 6052) or a tunnel (6to4, RFC 3056) hands the connection on.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [_, b, c, _, _, _, g, h] = address.segments();
    let (high, low) = if NAT64.contains(IpAddr::V6(address)) {
        (g, h)
    } else if SIX_TO_FOUR.contains(IpAddr::V6(address)) {
        (b, c)
    } else {
        return None;
    };
    Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
}

fn v6_not_public(address: Ipv6Addr) -> Option<&'static str> {
    if address.is_loopback() {
        return Some("loopback");
    }
    if address.is_unspecified() {
        return Some("unspecified");
    }
    let address = IpAddr::V6(address);
    word(&V6, address).or((!GLOBAL_UNICAST.contains(address)).then_some("reserved"))
}

fn word(table: &[(AddressRange, &'static str)], address: IpAddr) -> Option<&'static str> {
    table
        .iter()
        .find(|(range, _)| range.contains(address))
        .map(|(_, word)| *word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(address: &str) -> Option<&'static str> {
        not_public(canonical(address.parse().unwrap()))
    }

    #[test]
    fn public_addresses_are_public() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "64:ff9b::808:808",
            "2002:808:808::1",
        ] {
            assert_eq!(why(address), None, "{address}");
        }
    }

    #[test]
    fn every_other_address_has_a_word_for_what_it_is() {
        for (address, word) in [
            ("0.0.0.0", "unspecified"),
            ("10.1.2.3", "private"),
            ("100.64.0.1", "carrier-grade NAT"),
            ("100.100.100.200", "carrier-grade NAT"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("168.63.129.16", "metadata service"),
            ("169.254.169.254", "link-local"),
            ("192.0.0.192", "reserved"),
            ("192.168.1.1", "private"),
            ("198.19.0.1", "benchmarking"),
            ("224.0.0.1", "multicast"),
            ("255.255.255.255", "broadcast"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::7f00:1", "reserved"),
            ("::ffff:127.0.0.1", "loopback"),
            ("::ffff:169.254.169.254", "link-local"),
            ("64:ff9b::7f00:1", "loopback"),
            ("64:ff9b::a9fe:a9fe", "link-local"),
            ("64:ff9b:1::1", "private NAT64"),
            ("2002:7f00:1::", "loopback"),
            ("2002:a00:1::1", "private"),
            ("2001::1", "reserved"),
            ("2001:db8::1", "documentation"),
            ("fd00:ec2::254", "unique-local"),
            ("fe80::1", "link-local"),
            ("fec0::1", "reserved"),
            ("ff02::1", "multicast"),
        ] {
            assert_eq!(why(address), Some(word), "{address}");
        }
    }
}
