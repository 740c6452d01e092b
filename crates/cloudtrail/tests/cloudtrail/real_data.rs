//! A lab's CloudTrail of 2023-07-10, which lies beside the repository and not in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, read_dir};
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use travel_cloudtrail::for_each_event;

use crate::columns::assert_columns_agree;

/// The texts of all files, or none where the data is not there.
fn files() -> Option<Vec<Vec<u8>>> {
    let data = std::env::var_os("REAL_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let folder = data.join("cloudtrail");
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
            assert_columns_agree(record);
            assert_eq!(record["sourceIPAddress"].as_str(), event.source_text);
            assert!(event.event_id.is_some() && event.event_time.is_some() && event.read_only.is_some());
            keys.extend(event.access_key_id.map(str::to_owned));
            let mut count = |name: String| *counts.entry(name).or_default() += 1;
            count(format!("source_kind {}", event.source_kind.into_str()));
            count(format!("outcome {}", event.outcome.into_str()));
            count(format!("identity_type {}", event.identity_type.unwrap_or("NULL")));
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
