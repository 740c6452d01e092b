//! The delivery of records in files: by account, region and time, in no order, some late, some twice.

use super::record::Record;
use crate::rng::Rng;
use crate::time::Time;
use flate2::{Compression, GzBuilder};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// A file as S3 delivers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// `AWSLogs/<account>/CloudTrail/<region>/<yyyy>/<mm>/<dd>/<name>.json.gz`
    pub path: String,
    pub bytes: Vec<u8>,
}

/// The records of the story in their files.
pub fn files() -> io::Result<Vec<File>> {
    let mut rng = Rng::new(7);
    let mut drops: BTreeMap<(&'static str, String, i64), Vec<Record>> = BTreeMap::new();
    for record in super::story::records() {
        // One in 25 comes twice, in files hours apart; those without an id too.
        let copies = if rng.below(25) == 0 || record.event_id.is_none() { 2 } else { 1 };
        for copy in 0..copies {
            let delivered = record.time.0 + delay(&mut rng) + copy * 3 * WINDOW;
            let key = (record.recipient_account_id, record.aws_region.clone(), delivered.div_euclid(WINDOW));
            drops.entry(key).or_default().push(record.clone());
        }
    }
    drops
        .into_iter()
        .map(|((account, region, window), mut records)| {
            rng.shuffle(&mut records);
            let time = Time((window + 1) * WINDOW);
            let suffix = rng.text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 16);
            Ok(File { path: path(account, &region, time, &suffix), bytes: pack(&records)? })
        })
        .collect()
}

/// The time that one file covers. CloudTrail delivers a file about every five minutes; the sample's files cover three
/// hours, because a week would otherwise be thousands of files.
const WINDOW: i64 = 3 * 3600;

/// Minutes as a rule; one record in 40 is hours late.
fn delay(rng: &mut Rng) -> i64 {
    let minutes = 2 + rng.below(11) as i64;
    if rng.below(40) == 0 { minutes * 60 + 7 * 3600 } else { minutes * 60 }
}

/// The path of a file with this time in its name.
pub fn path(account: &str, region: &str, time: Time, suffix: &str) -> String {
    let (year, month, day) = time.date();
    let (hour, minute, _) = time.clock();
    let folder = format!("AWSLogs/{account}/CloudTrail/{region}/{year:04}/{month:02}/{day:02}");
    let stamp = format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}Z");
    format!("{folder}/{account}_CloudTrail_{region}_{stamp}_{suffix}.json.gz")
}

fn pack(records: &[Record]) -> io::Result<Vec<u8>> {
    #[derive(Serialize)]
    struct Document<'a> {
        #[serde(rename = "Records")]
        records: &'a [Record],
    }
    // No name and no time in the header: the same bytes on every run.
    let mut gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::default());
    serde_json::to_writer(&mut gzip, &Document { records })?;
    gzip.flush()?;
    gzip.finish()
}
