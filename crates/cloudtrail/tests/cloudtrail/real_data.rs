//! A lab's CloudTrail of 2023-07-10, which lies beside the repository and not in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, read_dir};
use std::io::Read;
use std::path::Path;
use std::time::Instant;

use flate2::read::GzDecoder;
use serde_json::Value;
use travel_cloudtrail::{for_each_event, parse, read_json, records};

/// The texts of all files, or none where the data is not there.
fn files() -> Option<Vec<Vec<u8>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/cloudtrail");
    let Ok(entries) = read_dir(&folder) else {
        println!("SKIPPED: no {}", folder.display());
        return None;
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: &Path| {
        let mut text = Vec::new();
        GzDecoder::new(File::open(path).unwrap()).read_to_end(&mut text).unwrap();
        text
    };
    Some(
        paths
            .iter()
            .filter(|path| path.extension().is_some_and(|end| end == "gz"))
            .map(|path| read(path))
            .collect(),
    )
}

#[test]
fn every_record_of_a_real_trail_is_read() {
    let Some(files) = files() else { return };
    let (mut events, mut keys) = (0, BTreeSet::new());
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for text in &files {
        let read: Result<(), travel_cloudtrail::EventError> = for_each_event(text, |event| {
            let (record, event) = event?;
            events += 1;
            assert_eq!(record["sourceIPAddress"].as_str(), event.source_text.as_deref());
            assert!(event.event_id.is_some() && event.event_time.is_some() && event.read_only.is_some());
            keys.extend(event.access_key_id.as_deref().map(str::to_owned));
            let mut count = |name: String| *counts.entry(name).or_default() += 1;
            count(format!("source_kind {}", event.source_kind.as_str()));
            count(format!("outcome {}", event.outcome.as_str()));
            count(format!("identity_type {}", event.identity_type.as_deref().unwrap_or("NULL")));
            count(format!("mfa_used {:?}", event.mfa_used));
            count(format!("from_console {:?}", event.from_console));
            for (name, there) in [
                ("session_name", event.session_name.is_some()),
                ("principal", event.principal.is_some()),
                ("actor", event.actor.is_some()),
                ("access_key_id", event.access_key_id.is_some()),
                ("issued_access_key_id", event.issued_access_key_id.is_some()),
                ("invoked_by", event.invoked_by.is_some()),
                ("source_identity", event.source_identity.is_some()),
            ] {
                count(format!("{name} {}", if there { "there" } else { "NULL" }));
            }
            Ok(())
        });
        read.unwrap();
    }
    println!("{events} events, {} access keys", keys.len());
    counts.iter().for_each(|(name, count)| println!("{name}: {count}"));
    assert_eq!((events, keys.len()), (2900, 133));
}

/// Nanoseconds a record; run with `--release -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn how_long_a_record_takes() {
    let Some(files) = files() else { return };
    let texts: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    let documents: Vec<Value> = texts.iter().map(|text| read_json(text).unwrap()).collect();
    let all: Vec<&Value> =
        documents.iter().flat_map(|document| document["Records"].as_array().unwrap()).collect();
    let per_record = |name: &str, rounds: u32, run: &mut dyn FnMut() -> usize| {
        let best = (0..rounds)
            .map(|_| {
                let start = Instant::now();
                assert!(std::hint::black_box(run()) > 0);
                start.elapsed()
            })
            .min()
            .unwrap();
        println!("{name}: {:.0} ns a record", best.as_nanos() as f64 / all.len() as f64);
    };
    per_record("parse", 200, &mut || {
        all.iter()
            .filter(|record| {
                parse(std::hint::black_box(**record)).is_ok_and(|event| event.event_time.is_some())
            })
            .count()
    });
    per_record("records", 200, &mut || {
        documents.iter().map(|document| records(document).unwrap().count()).sum()
    });
    per_record("text to event", 5, &mut || {
        let mut count = 0;
        for text in &texts {
            let _: Result<(), ()> = for_each_event(text, |event| {
                count += usize::from(event.is_ok());
                Ok(())
            });
        }
        count
    });
    let one = all.iter().find(|record| record.as_object().is_some_and(|keys| keys.len() == 20)).unwrap();
    per_record("one record of 20 keys", 200, &mut || {
        (0..all.len())
            .filter(|_| parse(std::hint::black_box(*one)).is_ok_and(|event| event.event_time.is_some()))
            .count()
    });
}
