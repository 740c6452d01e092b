//! Looks up addresses in GeoIP files without a server: `geoip FILE[,FILE…] ADDRESS…` says what is known of addresses,
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
        let mut last = Instant::now();
        let mut longest = std::time::Duration::ZERO;
        let verified = database.verify(&mut || {
            longest = longest.max(last.elapsed());
            last = Instant::now();
        });
        longest = longest.max(last.elapsed());
        println!(
            "{path}: {} v{} built {} provides {:?}; verified in {:?}, at most {longest:?} between two interrupts: {verified:?}",
            database.database_type(),
            database.ip_version(),
            database.built_at(),
            database.provides(),
            start.elapsed()
        );
        databases.push((Arc::from(path), Rc::new(database)));
    }
    let stack = Stack::new(databases.iter().cloned());
    let addresses: Vec<IpAddr> = arguments.map(|text| text.parse()).collect::<Result<_, _>>()?;
    for &address in &addresses {
        println!("{address}: {:#?}", stack.locate(address)?);
    }
    if addresses.is_empty() {
        measure(&stack, &Stack::new(databases))?;
    }
    Ok(())
}

fn measure(stack: &Stack, fresh: &Stack) -> Result<(), Box<dyn std::error::Error>> {
    const ADDRESSES: u32 = 4_000_000;
    // Spread over the whole space, so that no cache line of the tree serves twice in a row.
    let spread = |at: u32| IpAddr::V4(Ipv4Addr::from_bits(at.wrapping_mul(0x9E37_79B1)));
    let mut located = Vec::new();
    let start = Instant::now();
    for at in 0..ADDRESSES {
        if stack.coordinates(spread(at))?.is_some() {
            located.push(spread(at));
        }
    }
    println!("{:?} for an address, {} of {ADDRESSES} located", start.elapsed() / ADDRESSES, located.len());
    let count = u32::try_from(located.len())?.max(1);
    let start = Instant::now();
    for &address in &located {
        black_box(fresh.locate(address)?);
    }
    println!("{:?} for a located address that was not asked for before", start.elapsed() / count);
    for hot in [100, 10_000, 40_000] {
        let hot: Vec<IpAddr> = located.iter().copied().take(hot).collect();
        for round in 0..3 {
            let start = Instant::now();
            for &address in hot.iter().cycle().take(1_000_000) {
                black_box(fresh.coordinates(address)?);
            }
            if round == 2 {
                let each = start.elapsed() / 1_000_000;
                println!("{each:?} for the coordinates of one of {} addresses again", hot.len());
            }
        }
        let start = Instant::now();
        for &address in hot.iter().cycle().take(1_000_000) {
            black_box(fresh.locate(address)?);
        }
        println!("{:?} for its place", start.elapsed() / 1_000_000);
    }
    Ok(())
}
