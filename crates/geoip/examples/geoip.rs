//! Looks into GeoIP files without a server: `geoip FILE[,FILE…] ADDRESS…` says what is known of addresses,
//! `geoip FILE[,FILE…]` which records the first file has, and how long lookups take.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;
use travel_geoip::{Database, Stack};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let files = arguments.next().ok_or("usage: geoip FILE[,FILE…] [ADDRESS…]")?;
    let mut databases = Vec::new();
    for path in files.split(',') {
        let database = Database::from_bytes(std::fs::read(path)?)?;
        let start = Instant::now();
        let verified = database.verify();
        println!(
            "{path}: {} v{} built {} provides {:?}; verified in {:?}: {verified:?}",
            database.database_type(),
            database.ip_version(),
            database.built_at(),
            database.provides(),
            start.elapsed()
        );
        databases.push((Arc::from(path), Rc::new(database)));
    }
    let stack = Stack::new(databases);
    let addresses: Vec<IpAddr> = arguments.map(|text| text.parse()).collect::<Result<_, _>>()?;
    for &address in &addresses {
        println!("{address}: {:#?}", stack.locate(address)?);
    }
    if addresses.is_empty() {
        measure(&stack)?;
    }
    Ok(())
}

fn measure(stack: &Stack) -> Result<(), Box<dyn std::error::Error>> {
    const MISSES: u32 = 2_000_000;
    // Spread over the whole space, so that no cache line of the tree serves twice in a row.
    let spread = |at: u32| IpAddr::V4(Ipv4Addr::from_bits(at.wrapping_mul(0x9E37_79B1)));
    let mut found = 0_u32;
    let start = Instant::now();
    for at in 0..MISSES {
        found += u32::from(black_box(stack.coordinates(spread(at))?).is_some());
    }
    println!("miss: {:?} an address; {found} of {MISSES} located", start.elapsed() / MISSES);
    for hot in [100, 10_000] {
        for at in 0..hot {
            stack.coordinates(spread(at))?;
        }
        let start = Instant::now();
        for at in 0..MISSES {
            black_box(stack.coordinates(spread(at % hot))?);
        }
        println!("hit, {hot} addresses: {:?} for coordinates", start.elapsed() / MISSES);
        let start = Instant::now();
        for at in 0..MISSES {
            black_box(stack.locate(spread(at % hot))?);
        }
        println!("hit, {hot} addresses: {:?} for a place", start.elapsed() / MISSES);
    }
    Ok(())
}
