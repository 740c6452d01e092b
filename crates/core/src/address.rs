//! IP addresses as hosts: how they are read, and whether the public internet can know where they are.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The host that an address means: an IPv4-mapped IPv6 address is the IPv4 address inside it.
pub fn host(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// Reads an address as CloudTrail writes it. `None` for anything else: a service's name, a netmask, a scope,
/// an octet with leading zeros (which PostgreSQL's `inet` would accept as decimal).
pub fn parse(text: &str) -> Option<IpAddr> {
    text.parse().ok().map(host)
}

/// Whether an address belongs to no place on the public internet: private, shared, loopback, link-local,
/// unspecified, multicast or reserved. Documentation ranges count as public.
pub fn is_private(address: IpAddr) -> bool {
    match host(address) {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => is_private_v6(v6),
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    address.is_private()
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || address.is_loopback()
        || address.is_link_local()
        || a >= 224
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    address.is_unspecified()
        || address.is_loopback()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        || address.is_multicast()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_ranges_and_their_edges() {
        let private = [
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.1.1",
            "0.0.0.0",
            "0.255.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "ff02::1",
            "::",
            "::1",
            "::ffff:10.0.0.1",
        ];
        let public = [
            "9.255.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "223.255.255.255",
            "192.0.2.1",
            "198.18.0.1",
            "2001:db8::1",
            "fec0::1",
            "::2",
            "::ffff:8.8.8.8",
        ];
        for text in private {
            assert!(is_private(text.parse().unwrap()), "{text}");
        }
        for text in public {
            assert!(!is_private(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn only_plain_addresses_are_read() {
        assert_eq!(parse("::ffff:192.0.2.7"), Some("192.0.2.7".parse().unwrap()));
        assert_eq!(parse("2001:DB8::1"), Some("2001:db8::1".parse().unwrap()));
        for text in
            ["", "075.050.255.67", "192.0.2.0/24", "fe80::1%eth0", "ec2.amazonaws.com", " 192.0.2.1", "1.2.3"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
