//! The messages between `travel.load_files` and its worker processes.

/// A file that a worker has to load.
#[derive(Debug, PartialEq, Eq)]
pub struct Job<'j> {
    /// The number of skipped records that the worker may name.
    pub named: usize,
    /// The path within the tree.
    pub file: &'j str,
}

impl<'j> Job<'j> {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = (self.named as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(self.file.as_bytes());
        bytes
    }

    pub fn of_bytes(bytes: &'j [u8]) -> Option<Self> {
        let (named, file) = bytes.split_first_chunk()?;
        Some(Self { named: u64::from_le_bytes(*named) as usize, file: std::str::from_utf8(file).ok()? })
    }
}

/// A message of a worker to the session.
#[derive(Debug, PartialEq, Eq)]
pub enum Told<'t> {
    /// The worker has started, and waits for files.
    Ready,
    /// How much the worker has read of its file: compressed bytes, and records.
    Read { bytes: u64, records: u64 },
    /// The worker has finished its file.
    Ended(Ended),
    /// An error, a warning or a notice, in the form of PostgreSQL's protocol.
    Report(&'t [u8]),
}

/// The result of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    pub outcome: Outcome,
    /// The size of the file.
    pub bytes: u64,
    pub records: i64,
    pub inserted: i64,
    pub duplicates: i64,
    pub skipped: i64,
    /// The number of skipped records that were named.
    pub named: usize,
}

/// How the loading of a file ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    Loaded,
    Failed,
    /// The file was loaded before: another session has loaded it in the meantime, or only its time has changed.
    #[default]
    Known,
    /// The transaction of the file waited for another one, which waited for it. Nothing of the file is loaded, and it
    /// can be tried again.
    Deadlocked,
}

const READY: u8 = 1;
const READ: u8 = 2;
const ENDED: u8 = 3;
/// The type of an error in PostgreSQL's protocol.
pub const ERROR: u8 = b'E';
/// The types of an error and of a notice.
const REPORTS: [u8; 2] = [ERROR, b'N'];

impl Outcome {
    const ALL: [Self; 4] = [Self::Loaded, Self::Failed, Self::Known, Self::Deadlocked];
}

impl<'t> Told<'t> {
    pub fn to_bytes(&self) -> Vec<u8> {
        let message = |kind: u8, numbers: &[u64]| {
            let mut bytes = vec![kind];
            bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
            bytes
        };
        match self {
            Self::Ready => message(READY, &[]),
            Self::Read { bytes, records } => message(READ, &[*bytes, *records]),
            Self::Ended(ended) => {
                let counts = [ended.records, ended.inserted, ended.duplicates, ended.skipped];
                let [records, inserted, duplicates, skipped] = counts.map(|count| count as u64);
                let outcome = ended.outcome as u64;
                message(
                    ENDED,
                    &[outcome, ended.bytes, records, inserted, duplicates, skipped, ended.named as u64],
                )
            }
            Self::Report(report) => report.to_vec(),
        }
    }

    pub fn of_bytes(bytes: &'t [u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let (numbers, left) = rest.as_chunks();
        let numbers: Vec<u64> = numbers.iter().map(|number| u64::from_le_bytes(*number)).collect();
        match (*kind, &numbers[..], left) {
            (kind, ..) if REPORTS.contains(&kind) => Some(Self::Report(bytes)),
            (READY, [], []) => Some(Self::Ready),
            (READ, [bytes, records], []) => Some(Self::Read { bytes: *bytes, records: *records }),
            (ENDED, [outcome, bytes, records, inserted, duplicates, skipped, named], []) => {
                Some(Self::Ended(Ended {
                    outcome: *Outcome::ALL.get(usize::try_from(*outcome).ok()?)?,
                    bytes: *bytes,
                    records: *records as i64,
                    inserted: *inserted as i64,
                    duplicates: *duplicates as i64,
                    skipped: *skipped as i64,
                    named: *named as usize,
                }))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let ended = |outcome| {
            let counts = Ended { bytes: u64::MAX, records: 1, inserted: 2, ..Ended::default() };
            Told::Ended(Ended { outcome, duplicates: 3, skipped: i64::MAX, named: 20, ..counts })
        };
        let all = [
            Told::Ready,
            Told::Read { bytes: 7, records: 0 },
            ended(Outcome::Loaded),
            ended(Outcome::Failed),
            ended(Outcome::Known),
            ended(Outcome::Deadlocked),
            Told::Report(b"E rror"),
            Told::Report(b"N"),
        ];
        for told in all {
            assert_eq!(Told::of_bytes(&told.to_bytes()), Some(told));
        }
        let job = Job { named: 3, file: "a/ü.json" };
        assert_eq!(Job::of_bytes(&job.to_bytes()), Some(job));
    }

    #[test]
    fn other_bytes_are_no_message() {
        for bytes in [&b""[..], b"\0", b"\x01x", b"\x02\0\0\0\0\0\0\0\0", b"Z"] {
            assert_eq!(Told::of_bytes(bytes), None, "{bytes:?}");
        }
        let mut unknown = Told::Ended(Ended::default()).to_bytes();
        unknown[1] = 4;
        assert_eq!(Told::of_bytes(&unknown), None);
        assert_eq!(Job::of_bytes(b"short"), None);
        assert_eq!(Job::of_bytes(b"\0\0\0\0\0\0\0\0\xff"), None);
    }
}
