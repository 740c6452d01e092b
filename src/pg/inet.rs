//! Reading and making values of inet and cidr, in their binary form (utils/inet.h).

use pgrx::pg_sys;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use travel_core::address;
use travel_core::site::Site;

/// utils/inet.h: `PGSQL_AF_INET` is the system's `AF_INET` (2 wherever PostgreSQL runs), `PGSQL_AF_INET6` one more.
const FAMILY_IPV4: u8 = 2;
const FAMILY_IPV6: u8 = 3;

/// The host of an inet or cidr. Its netmask is ignored, and an IPv4-mapped IPv6 address becomes the IPv4 address.
///
/// # Safety
/// `datum` must be an inet or a cidr.
pub unsafe fn read(datum: pg_sys::Datum) -> Option<IpAddr> {
    // SAFETY: by the caller.
    unsafe { read_prefix(datum) }.map(|(address, _)| address::host(address))
}

/// The host of an inet or cidr as a site.
///
/// # Safety
/// `datum` must be an inet or a cidr.
#[inline]
pub unsafe fn site(datum: pg_sys::Datum) -> Option<Site> {
    // SAFETY: by the caller.
    let bytes = unsafe { super::function::varlena_bytes(datum) };
    if let [FAMILY_IPV4, _, a, b, c, d, ..] = *bytes {
        return Some(Site::from_ipv4(Ipv4Addr::new(a, b, c, d)));
    }
    // SAFETY: by the caller.
    unsafe { read(datum) }.map(Site::from_address)
}

/// Returns the IPv4 address of an inet or cidr. Returns `None` for an IPv6 address, and for a value that PostgreSQL has
/// to decompress first. This function does not call PostgreSQL.
///
/// # Safety
/// `datum` must be an inet or a cidr.
#[inline]
pub unsafe fn plain_ipv4(datum: pg_sys::Datum) -> Option<Ipv4Addr> {
    // SAFETY: by the caller.
    match unsafe { super::function::plain_bytes(datum) } {
        Some(&[FAMILY_IPV4, _, a, b, c, d, ..]) => Some(Ipv4Addr::new(a, b, c, d)),
        _ => None,
    }
}

/// The address of an inet or cidr, unchanged, and the length of its prefix.
///
/// # Safety
/// `datum` must be an inet or a cidr.
#[inline]
pub unsafe fn read_prefix(datum: pg_sys::Datum) -> Option<(IpAddr, u8)> {
    // SAFETY: by the caller.
    let bytes = unsafe { super::function::varlena_bytes(datum) };
    let (family, rest) = bytes.split_first()?;
    let (bits, octets) = rest.split_first()?;
    let address: IpAddr = match *family {
        FAMILY_IPV4 => Ipv4Addr::from(*octets.first_chunk::<4>()?).into(),
        FAMILY_IPV6 => Ipv6Addr::from(*octets.first_chunk::<16>()?).into(),
        _ => return None,
    };
    Some((address, *bits))
}

/// The content of an inet or cidr as PostgreSQL stores it, in a buffer, and the length of the content.
pub fn content(address: IpAddr, bits: u8) -> ([u8; 18], usize) {
    let mut bytes = [0; 18];
    bytes[1] = bits;
    match address {
        IpAddr::V4(v4) => {
            bytes[0] = FAMILY_IPV4;
            bytes[2..6].copy_from_slice(&v4.octets());
            (bytes, 6)
        }
        IpAddr::V6(v6) => {
            bytes[0] = FAMILY_IPV6;
            bytes[2..18].copy_from_slice(&v6.octets());
            (bytes, 18)
        }
    }
}

/// A host as an inet, in the current memory context.
pub fn host(address: IpAddr) -> pg_sys::Datum {
    let (bytes, length) = content(address, if address.is_ipv4() { 32 } else { 128 });
    super::memory::varlena(&bytes[..length])
}
