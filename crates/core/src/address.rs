//! Reads IP addresses of hosts, and tells public ones, which GeoIP can locate, from private ones.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV4};

/// The host that an address denotes. An IPv4-mapped IPv6 address denotes the IPv4 address inside it.
#[inline]
pub fn host(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// Reads a text that denotes one host: an address as CloudTrail writes it, optionally with the prefix length of a host
/// (`192.0.2.5/32`, as PostgreSQL prints an `inet`) or with a port (`192.0.2.5:443`, `[2001:db8::1]:443`, or the
/// brackets alone). White space around it is ignored. Returns `None` for anything else: the name of a service, a
/// shorter prefix, a zone id, a list, an octet with leading zeros (which PostgreSQL's `inet` would accept as decimal).
pub fn parse(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches(|character: char| character.is_ascii_whitespace());
    text.parse().ok().or_else(|| with_prefix(text)).or_else(|| with_port(text)).map(host)
}

/// Reads an address with a prefix length, which must be that of a host.
fn with_prefix(text: &str) -> Option<IpAddr> {
    let (address, bits) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    (bits == if address.is_ipv4() { "32" } else { "128" }).then_some(address)
}

fn with_port(text: &str) -> Option<IpAddr> {
    let Some(bracketed) = text.strip_prefix('[') else {
        return text.parse().ok().map(|socket: SocketAddrV4| (*socket.ip()).into());
    };
    let (address, port) = bracketed.split_once(']')?;
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    let address: Ipv6Addr = address.parse().ok()?;
    (port.is_empty() || port.strip_prefix(':').is_some_and(is_port)).then_some(address.into())
}

/// Returns whether an address does not belong to the public internet: it is private, shared, loopback, link-local,
/// unspecified, multicast or reserved. Documentation ranges count as public.
#[inline]
pub fn is_private(address: IpAddr) -> bool {
    match host(address) {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => is_private_v6(v6),
    }
}

/// [`is_private`] for an IPv4 address.
#[inline]
pub fn is_private_v4(address: Ipv4Addr) -> bool {
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
    fn a_text_of_one_host_is_read() {
        let v4 = ["192.0.2.7", "::ffff:192.0.2.7", "192.0.2.7/32", "::ffff:192.0.2.7/128", "192.0.2.7:443"];
        for text in
            v4.into_iter().chain(["192.0.2.7:0", "[::ffff:192.0.2.7]:443", " 192.0.2.7", "192.0.2.7/32\n"])
        {
            assert_eq!(parse(text), Some("192.0.2.7".parse().unwrap()), "{text}");
        }
        let v6 = ["2001:DB8::1", "2001:db8::1/128", "[2001:db8::1]", "[2001:db8::1]:443", "\t2001:db8::1 "];
        for text in v6 {
            assert_eq!(parse(text), Some("2001:db8::1".parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn what_means_no_single_host_is_not_read() {
        let refused = [
            "",
            " ",
            "075.050.255.67",
            "1.2.3",
            "ec2.amazonaws.com",
            "192.0.2.0/24",
            "192.0.2.1/0",
            "192.0.2.1/128",
            "192.0.2.1/032",
            "192.0.2.1/",
            "192.0.2.1/32/32",
            "2001:db8::/32",
            "2001:db8::1/64",
            "::ffff:192.0.2.7/96",
            "fe80::1%eth0",
            "[fe80::1%eth0]:443",
            "[fe80::1%1]:443",
            "fe80::1%eth0/128",
            "192.0.2.1, 10.0.0.1",
            "192.0.2.1,10.0.0.1",
            "192.0.2.1 10.0.0.1",
            "192.0.2.1:",
            "192.0.2.1:65536",
            "192.0.2.1:+443",
            "192.0.2.1:443:443",
            "192.0.2.1/32:443",
            "192.0.2.1:443/32",
            "[192.0.2.1]:443",
            "[192.0.2.1]",
            "[2001:db8::1]:",
            "[2001:db8::1]:65536",
            "[2001:db8::1]:+1",
            "[2001:db8::1]443",
            "[2001:db8::1",
            "2001:db8::1]:443",
            "[2001:db8::1]/128",
            "[]",
            "[]:443",
            "192.0.2.1:https",
        ];
        for text in refused {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
