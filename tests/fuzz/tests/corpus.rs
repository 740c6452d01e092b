//! Each target over its corpus, and over inputs that are changed at random, with the stable compiler.
//!
//! `FUZZ_SECONDS` is how long each target gets changed inputs, and `FUZZ_SEED` makes a run repeatable.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::thread::Builder;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use travel_fuzz::mutate::{Random, mutate};
use travel_fuzz::*;

/// A test for each target, by the names of the files in `fuzz/fuzz_targets`.
macro_rules! targets {
    ($($name:ident = $run:path;)*) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];
        $(#[test] fn $name() { run(stringify!($name), $run); })*
    };
}

targets! {
    aws_ranges = networks::aws;
    aws_ranges_document = networks::aws_document;
    checkpoint_body = checkpoint::body;
    checkpoint_bytes = checkpoint::bytes;
    cloudtrail_document = cloudtrail::document;
    cloudtrail_record = cloudtrail::record;
    coverage_counts = exchanged::coverage_counts;
    coverage_rows = exchanged::coverage_rows;
    events_of_legs = exchanged::events_of_legs;
    file_content = content::file;
    geoip_file = geoip::file;
    geoip_lookup = geoip::lookup;
    journey_bytes = journey::bytes;
    journey_rows = journey::rows;
    journey_text = journey::text;
    jsonb_text = jsonb::text;
    layout = layout::layout;
    message = written::sentence;
    named_networks = networks::named;
    share_records = exchanged::share_records;
    source_text = texts::source;
    struct_text = cloudtrail::structure;
    suppression_like = suppression::like;
    template = written::template;
    time_text = texts::time;
    written_value = written::value;
}

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn every_target_has_a_binary_and_a_corpus() {
    let fuzz = project().join("fuzz");
    let files: Vec<String> = NAMES.iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(names(&fuzz.join("fuzz_targets")), files);
    assert_eq!(names(&fuzz.join("corpus")), NAMES);
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    for name in NAMES {
        assert!(!names(&fuzz.join("corpus").join(name)).is_empty(), "fuzz/corpus/{name} is empty");
        assert!(manifest.contains(&format!("name = \"{name}\"\n")), "fuzz/Cargo.toml has no binary {name}");
    }
}

/// Runs a target in a thread with as much stack as a session of PostgreSQL has. The decoder of GeoIP files follows
/// chains of up to 512 pointers, and the stack frames of an unoptimized build are several times larger.
fn run(name: &'static str, target: fn(&[u8])) {
    let thread = Builder::new().stack_size(8 << 20).spawn(move || run_here(name, target));
    thread.unwrap().join().unwrap_or_else(|panic| resume_unwind(panic));
}

fn run_here(name: &str, target: fn(&[u8])) {
    let corpus: Vec<Vec<u8>> = names(&project().join("fuzz/corpus").join(name))
        .iter()
        .map(|file| {
            let input = fs::read(project().join("fuzz/corpus").join(name).join(file)).unwrap();
            attempt(name, target, &input);
            input
        })
        .collect();
    let setting = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().unwrap());
    let seed = setting("FUZZ_SEED")
        .unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64);
    let mut random = Random::new(seed);
    let end = Instant::now() + Duration::from_secs(setting("FUZZ_SECONDS").unwrap_or(1));
    let mut count = 0_u64;
    while Instant::now() < end {
        let pick = |random: &mut Random| &corpus[random.below(corpus.len())];
        let (input, other) = (pick(&mut random), pick(&mut random));
        attempt(name, target, &mutate(&mut random, input, other));
        count += 1;
    }
    println!("{name}: {} inputs of the corpus and {count} others, FUZZ_SEED={seed}", corpus.len());
}

/// Runs a target, and keeps the input with which it fails.
fn attempt(name: &str, target: fn(&[u8]), input: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(input))) {
        let folder = project().join(".work/fuzz");
        let file = folder.join(format!(
            "{name}-{:x}",
            input.iter().fold(17_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(*byte)))
        ));
        fs::create_dir_all(&folder).unwrap();
        fs::write(&file, input).unwrap();
        eprintln!("the input with which {name} fails is {}; add it to fuzz/corpus/{name}", file.display());
        resume_unwind(panic);
    }
}
