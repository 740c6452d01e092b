//! The entry of a file in the list of an events table.

use crate::events_table::FileList;
use crate::pg::errors::TravelError;
use crate::pg::spi::{self, Argument};
use crate::pg::time::nearest_from_unix_us;
use travel_files::Stamp;
use travel_files::content::FileDigest;

/// The longest path that the index of a list can hold, in bytes.
pub const LONGEST_PATH: usize = 2000;

/// The stored entry of a file.
pub struct Entry {
    size: Option<i64>,
    modified_at: Option<i64>,
    digest: Option<String>,
    has_failed: bool,
}

/// A new entry for a file.
pub struct NewEntry<'e> {
    pub path: &'e str,
    pub stamp: Option<Stamp>,
    pub digest: Option<FileDigest>,
    pub records: i64,
    pub inserted: i64,
    pub duplicates: i64,
    pub skipped: i64,
    pub error: Option<&'e str>,
}

impl Entry {
    /// Reads the entry of a file.
    pub fn read(list: &FileList, path: &str) -> Result<Option<Self>, TravelError> {
        spi::connected(|| {
            let query = format!(
                "SELECT size, modified_at, digest, error FROM {} WHERE path OPERATOR(pg_catalog.=) $1",
                list.name
            );
            let rows = spi::select(&query, &[Argument::text(path)]);
            spi::columns!(rows => size, modified_at, digest, error);
            let Some(row) = rows.first() else { return Ok(None) };
            Ok(Some(Self {
                size: row.i64(size),
                modified_at: row.i64(modified_at),
                digest: row.string(digest)?,
                has_failed: row.text(error)?.is_some(),
            }))
        })
    }

    /// Whether the file was loaded, and has not changed since.
    pub fn is_of(&self, stamp: Stamp) -> bool {
        self.has_size(stamp) && self.modified_at == Some(nearest_from_unix_us(stamp.modified_us))
    }

    /// The digest of the file when it was loaded, if it had the same size.
    pub fn digest_of_size(&self, stamp: Stamp) -> Option<&str> {
        self.digest.as_deref().filter(|_| self.has_size(stamp))
    }

    fn has_size(&self, stamp: Stamp) -> bool {
        !self.has_failed && self.size == i64::try_from(stamp.size).ok()
    }
}

/// Stores the new time of a file whose content has not changed.
pub fn touch(list: &FileList, path: &str, stamp: Stamp) {
    let statement = format!("UPDATE {} SET modified_at = $2 WHERE path OPERATOR(pg_catalog.=) $1", list.name);
    let time = Argument::time(nearest_from_unix_us(stamp.modified_us));
    spi::connected(|| spi::execute(&statement, &[Argument::text(path), time]));
}

/// Stores the entry of a file, and replaces an older one. A file whose path is too long gets no entry.
pub fn write(list: &FileList, entry: &NewEntry) {
    if entry.path.len() > LONGEST_PATH {
        return;
    }
    let statement = format!(
        "INSERT INTO {} (path, size, modified_at, digest, loaded_at, records, inserted, duplicates, skipped, error)
         VALUES ($1, $2, $3, $4, pg_catalog.clock_timestamp(), $5, $6, $7, $8, $9)
         ON CONFLICT (path) DO UPDATE SET size = excluded.size, modified_at = excluded.modified_at,
             digest = excluded.digest, loaded_at = excluded.loaded_at, records = excluded.records,
             inserted = excluded.inserted, duplicates = excluded.duplicates, skipped = excluded.skipped,
             error = excluded.error",
        list.name
    );
    let digest = entry.digest.map(|digest| hexadecimal(&digest));
    let arguments = [
        Argument::text(entry.path),
        Argument::bigint(entry.stamp.and_then(|stamp| i64::try_from(stamp.size).ok())),
        Argument::time(entry.stamp.map(|stamp| nearest_from_unix_us(stamp.modified_us))),
        Argument::optional_text(digest.as_deref()),
        Argument::bigint(entry.records),
        Argument::bigint(entry.inserted),
        Argument::bigint(entry.duplicates),
        Argument::bigint(entry.skipped),
        Argument::optional_text(entry.error),
    ];
    spi::connected(|| spi::execute(&statement, &arguments));
}

pub fn hexadecimal(digest: &FileDigest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
