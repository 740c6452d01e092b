//! Tests against a real server that need a client with logic.
//!
//! `run` checks the invariant of a detection rule. Any split of the same events into scans, in any order of arrival and
//! with repetitions, ends in what one scan over everything ends in. The core crate and the plain second implementation
//! end in the same. `geoip FOLDER` writes the database that locates the addresses of these cases. SEED, CASES and FIRST
//! in the environment choose other cases.
//!
//! `many-sessions`, `changing-types`, `dropped-extension` and `load` run statements in several sessions at once. Tests
//! that need no logic are specs in `tests/isolation`.
//!
//! PGHOST, PGUSER and PGDATABASE name the server.

#![forbid(unsafe_code)]

#[allow(dead_code)]
#[path = "../../../crates/core/tests/rule/arbitrary.rs"]
mod arbitrary;
mod case;
mod changing_types;
mod dropped_extension;
mod expected;
mod explained;
mod geoip;
mod load;
mod many_sessions;
#[allow(dead_code)]
#[path = "../../../crates/core/tests/rule/model/mod.rs"]
mod model;
mod plan;
mod run;
mod server;
mod sessions;
mod shrink;
mod sql;
mod stored;
#[allow(dead_code)]
#[path = "../../../crates/core/tests/rule/world.rs"]
mod world;

use case::Case;
use server::{Failure, Server};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

/// An arbitrary number.
const SEED: u64 = 20_260_301;
const CASES: u64 = 250;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let seed = from_environment("SEED", SEED);
    let first = from_environment("FIRST", 0);
    let cases = (first..first + from_environment("CASES", CASES)).map(|number| Case::random(seed, number));
    let done = match arguments[..] {
        ["geoip", folder] => geoip::write(folder, cases).map(|()| true),
        ["run"] => run_all(seed, cases),
        ["many-sessions"] => passed(many_sessions::run()),
        ["changing-types"] => passed(changing_types::run()),
        ["load", folder, clients, seconds, isolation] => match (clients.parse(), seconds.parse()) {
            (Ok(clients), Ok(seconds)) => passed(load::run(folder, clients, seconds, isolation)),
            _ => Err("the clients and the seconds of load must be numbers".into()),
        },
        ["dropped-extension"] => passed(dropped_extension::run()),
        _ => Err(
            "usage: travel-invariant geoip FOLDER | run | many-sessions | changing-types | dropped-extension | \
             load FOLDER CLIENTS SECONDS ISOLATION"
                .into(),
        ),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn passed(result: sessions::Result) -> Result<bool, Box<dyn std::error::Error>> {
    match result {
        Ok(()) => Ok(true),
        Err(error) => Err(error),
    }
}

fn run_all(seed: u64, cases: impl Iterator<Item = Case>) -> Result<bool, Box<dyn std::error::Error>> {
    let began = Instant::now();
    let mut server = Server::connect()?;
    let mut kinds: BTreeMap<&'static str, usize> = BTreeMap::new();
    let (mut passed, mut failed) = (0, 0);
    for case in cases {
        for kind in case.kinds() {
            *kinds.entry(kind).or_default() += 1;
        }
        match run::run(&mut server, &case) {
            Ok(()) => passed += 1,
            Err(Failure { what, .. }) => {
                failed += 1;
                println!("FAILED: case {} of seed {seed}: {what}", case.number);
                // One failing case is enough to work on; the others are only named.
                if failed <= from_environment("SHRINK", 1) {
                    shrink::report_smallest(&mut server, case);
                }
            }
        }
    }
    for (kind, count) in kinds {
        println!("   {count:5} {kind}");
    }
    println!(
        "   seed {seed}: {passed} cases passed, {failed} failed, in {:.0} s",
        began.elapsed().as_secs_f64()
    );
    Ok(failed == 0)
}

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
