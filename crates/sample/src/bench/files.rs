//! The records of the events in files, as S3 delivers them: each file has records of one account, from a span of time.

use super::events::{Event, Order, each, record};
use crate::cloudtrail::delivery::path;
use crate::time::Time;
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Makes the files with this many records each, the last of each account with fewer, and passes the path and the
/// content of each to `save`. Memory grows with the number of accounts.
pub fn write(
    order: Order,
    records: usize,
    mut save: impl FnMut(&str, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut open: BTreeMap<u64, OpenFile> = BTreeMap::new();
    let mut number = 0_u64;
    let mut end = |account: u64, file: OpenFile| {
        number += 1;
        let last = file.last;
        let path = path(&account.to_string(), "us-east-1", last, &format!("{number:016}"));
        save(&path, &file.end()?)
    };
    each(order, |event| {
        let file = open.entry(event.account).or_insert_with(|| OpenFile::new(event.time));
        file.add(event)?;
        match open.get(&event.account).is_some_and(|file| file.records == records) {
            true => open.remove(&event.account).map_or(Ok(()), |file| end(event.account, file)),
            false => Ok(()),
        }
    })?;
    open.into_iter().try_for_each(|(account, file)| end(account, file))
}

/// A file that is being written.
struct OpenFile {
    gzip: GzEncoder<Vec<u8>>,
    records: usize,
    /// The time of the last record.
    last: Time,
}

impl OpenFile {
    fn new(time: Time) -> Self {
        // No name and no time in the header: the same bytes on every run.
        let gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::default());
        Self { gzip, records: 0, last: time }
    }

    fn add(&mut self, event: Event) -> io::Result<()> {
        self.gzip.write_all(if self.records == 0 { br#"{"Records":["# } else { b"," })?;
        self.gzip.write_all(record(event).as_bytes())?;
        self.records += 1;
        self.last = event.time;
        Ok(())
    }

    fn end(mut self) -> io::Result<Vec<u8>> {
        self.gzip.write_all(b"]}")?;
        self.gzip.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::world::World;
    use super::*;
    use flate2::read::GzDecoder;
    use serde_json::Value;
    use std::collections::BTreeSet;

    #[test]
    fn each_file_has_records_of_its_account_and_no_record_is_lost() {
        let order =
            Order { world: World::new(1000).unwrap(), events: 5_000, keys: 300, accounts: 3, days: 30 };
        let (mut ids, mut paths, mut full) = (BTreeSet::new(), BTreeSet::new(), 0);
        write(order, 500, |path, bytes| {
            assert!(paths.insert(path.to_owned()));
            let document: Value = serde_json::from_reader(GzDecoder::new(bytes))?;
            let records = document["Records"].as_array().unwrap();
            full += usize::from(records.len() == 500);
            for record in records {
                let account = record["recipientAccountId"].as_str().unwrap();
                assert!(path.starts_with(&format!("AWSLogs/{account}/CloudTrail/us-east-1/2026/")), "{path}");
                assert!(ids.insert(record["eventID"].as_str().unwrap().to_owned()));
            }
            Ok(())
        })
        .unwrap();
        assert_eq!(ids.len(), 5_000);
        assert!((5_000 / 500 - 3..=5_000 / 500).contains(&full), "{full}");
        assert!(paths.len() <= full + 3);
    }
}
