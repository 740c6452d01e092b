//! The invariant of a detection rule, on a real server: any split of the same events into scans, in any order of arrival,
//! with repetitions, ends in what one scan over everything ends in; and that is what the crate says, and what the plain
//! second implementation says.
//!
//! `travel-invariant geoip FOLDER` writes the databases that place the addresses of the cases; `travel-invariant run`
//! runs the cases on the server that PGHOST, PGUSER and PGDATABASE name. Both by SEED, CASES and FIRST of the environment.

#![forbid(unsafe_code)]

#[allow(dead_code)]
#[path = "../../../crates/core/tests/rule/arbitrary.rs"]
mod arbitrary;
mod case;
mod expected;
mod found;
mod geoip;
#[allow(dead_code)]
#[path = "../../../crates/core/tests/rule/model/mod.rs"]
mod model;
mod plan;
mod run;
mod server;
mod shrink;
mod sql;
#[allow(dead_code)]
#[path = "../../../crates/core/tests/rule/world.rs"]
mod world;

use case::Case;
use server::{Failure, Server};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

/// No particular number.
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
        _ => Err("travel-invariant geoip FOLDER | travel-invariant run".into()),
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
                // One is enough to work on; the others are named.
                if failed <= from_environment("SHRINK", 1) {
                    shrink::show(&mut server, case);
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
