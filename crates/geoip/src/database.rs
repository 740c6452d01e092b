//! One MMDB file.

use crate::cache::Cache;
use crate::record::{Fields, PROVIDED};
use crate::shared_names::SharedNames;
use ipnet::{IpNet, Ipv4Net};
use maxminddb::{MaxMindDbError, Reader, WithinOptions};
use memmap2::Mmap;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

/// The number of networks after which a walk over the whole file calls its interrupt.
pub(crate) const STEP: u64 = 4096;

/// An open database. Lookups cache decoded records, so a database belongs to one thread.
pub struct Database {
    reader: Reader<Bytes>,
    /// The content of the file, shared with the reader.
    bytes: Bytes,
    records: RefCell<Cache<u64, Rc<Fields>>>,
    names: RefCell<SharedNames>,
    locates: OnceCell<Locates>,
    /// Keeps the shared lock on a copy for as long as it is mapped.
    _file: Option<File>,
}

/// The kinds of addresses for which a database has coordinates, if any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locates {
    pub ipv4: bool,
    pub ipv6: bool,
}

impl Locates {
    /// Whether the database supplies coordinates at all.
    pub fn anything(self) -> bool {
        self.ipv4 || self.ipv6
    }

    /// Whether it supplies coordinates for every kind of address for which the other does.
    pub fn includes(self, other: Self) -> bool {
        (self.ipv4 || !other.ipv4) && (self.ipv6 || !other.ipv6)
    }
}

/// The error for a file that is not a database, or for a damaged database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("cannot map the file: {0}")]
    Map(#[source] std::io::Error),
    #[error(transparent)]
    Format(#[from] MaxMindDbError),
}

/// The number of decoded records that are cached. Adjacent networks share records: a city has one for many networks.
const KEPT_RECORDS: usize = 1 << 16;

/// The number of networks, and of addresses of each IP version, that are sampled to find the fields of a database.
const SAMPLES: usize = 256;

impl Database {
    /// Opens a file by mapping it.
    ///
    /// No process may change the file while it is open. It must be a verified private copy that was renamed into place
    /// when it was complete and is only ever unlinked.
    pub(crate) fn map(file: File) -> Result<Self, DatabaseError> {
        // SAFETY: the file is our own immutable copy (see above). No process writes to it or truncates it.
        let map = unsafe { Mmap::map(&file) }.map_err(DatabaseError::Map)?;
        Self::open(Bytes::Mapped(Rc::new(map)), Some(file))
    }

    /// Opens a database in memory.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, DatabaseError> {
        Self::open(Bytes::Owned(Rc::new(bytes)), None)
    }

    fn open(bytes: Bytes, file: Option<File>) -> Result<Self, DatabaseError> {
        let reader = Reader::from_source(bytes.clone())?;
        Ok(Self {
            reader,
            bytes,
            records: RefCell::new(Cache::new(KEPT_RECORDS)),
            names: RefCell::default(),
            locates: OnceCell::new(),
            _file: file,
        })
    }

    pub(crate) fn reader(&self) -> &Reader<impl AsRef<[u8]>> {
        &self.reader
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    pub fn database_type(&self) -> &str {
        &self.reader.metadata().database_type
    }

    /// 4 or 6. A database of version 6 also contains IPv4 addresses.
    pub fn ip_version(&self) -> u16 {
        self.reader.metadata().ip_version
    }

    /// Seconds since the Unix epoch.
    pub fn built_at(&self) -> u64 {
        self.reader.metadata().build_epoch
    }

    /// The record of an address, and the network to which the record applies. `None` if the database does not contain
    /// the address, or no addresses of its version.
    pub fn lookup(&self, address: IpAddr) -> Result<Option<(Rc<Fields>, IpNet)>, DatabaseError> {
        if address.is_ipv6() && self.ip_version() == 4 {
            return Ok(None);
        }
        let found = self.reader.lookup(address)?;
        let Some(offset) = found.offset() else {
            return Ok(None);
        };
        let network = found.network()?;
        let network = match (address, network.ip()) {
            // A record for more than the whole IPv4 space applies, for an IPv4 address, to the whole IPv4 space.
            (IpAddr::V4(_), IpAddr::V6(_)) => Ipv4Net::default().into(),
            (_, address) => IpNet::new(address, network.prefix()).unwrap_or_else(|_| address.into()),
        };
        if let Some(fields) = self.records.borrow().get(offset as u64) {
            return Ok(Some((Rc::clone(fields), network)));
        }
        let mut fields = found.decode::<Fields>()?.unwrap_or_default();
        self.names.borrow_mut().share(&mut fields);
        let fields = Rc::new(fields);
        self.records.borrow_mut().insert(offset as u64, Rc::clone(&fields));
        Ok(Some((fields, network)))
    }

    /// The kinds of addresses for which the database has coordinates. It reads records until it finds some. A database
    /// without any is read to its end, but only once, because the store keeps the answer with the copy.
    pub fn locates(&self) -> Locates {
        self.find_locates(&mut || {})
    }

    /// The same. `interrupt` is called now and then; it may unwind.
    pub(crate) fn find_locates(&self, interrupt: &mut dyn FnMut()) -> Locates {
        *self.locates.get_or_init(|| Locates {
            ipv4: self.has_coordinates_within("0.0.0.0/0", interrupt),
            // The range of assigned IPv6 addresses. IPv4 addresses have their own subtree outside this range.
            ipv6: self.ip_version() == 6 && self.has_coordinates_within("2000::/3", interrupt),
        })
    }

    /// Sets the result that was found when the file was copied.
    pub(crate) fn set_locates(&self, locates: Locates) {
        // If a result is already set, it is the same, because it is a property of the content.
        let _ = self.locates.set(locates);
    }

    fn has_coordinates_within(&self, prefix: &str, interrupt: &mut dyn FnMut()) -> bool {
        let Ok(prefix) = prefix.parse() else { return false };
        let Ok(networks) = self.reader.within(prefix, WithinOptions::default()) else { return false };
        let mut seen = HashSet::new();
        (0_u64..).zip(networks.map_while(Result::ok)).any(|(at, found)| {
            if at.is_multiple_of(STEP) {
                interrupt();
            }
            let is_new = found.offset().is_some_and(|offset| seen.insert(offset));
            is_new
                && matches!(found.decode::<Fields>(), Ok(Some(fields)) if fields.coordinates.is_some() && !fields.anycast)
        })
    }

    /// The fields that the database supplies, by the names of [`PROVIDED`], as far as a sample of its records shows.
    pub fn provides(&self) -> Vec<&'static str> {
        let mut there = [false; PROVIDED.len()];
        self.sample(|fields| {
            for name in fields.provides() {
                if let Some(at) = PROVIDED.iter().position(|provided| *provided == name) {
                    there[at] = true;
                }
            }
        });
        PROVIDED.into_iter().zip(there).filter_map(|(name, there)| there.then_some(name)).collect()
    }

    /// The keys of the first records, if a sample of the records has no field that is used.
    pub fn unrecognized_keys(&self) -> Option<Vec<String>> {
        let mut is_recognized = false;
        self.sample(|fields| is_recognized |= !fields.is_empty());
        if is_recognized {
            return None;
        }
        let networks = self.reader.networks(Default::default()).into_iter().flatten().take(SAMPLES);
        let records =
            networks.filter_map(|found| found.ok()?.decode::<BTreeMap<String, IgnoredAny>>().ok()?);
        Some(records.flat_map(BTreeMap::into_keys).collect::<BTreeSet<_>>().into_iter().collect())
    }

    /// Calls `note` with the records of a sample.
    fn sample(&self, mut note: impl FnMut(&Fields)) {
        if let Ok(networks) = self.reader.networks(Default::default()) {
            for fields in networks.take(SAMPLES).filter_map(|found| found.ok()?.decode().ok()?) {
                note(&fields);
            }
        }
        // The first networks are similar, so addresses from the whole space are sampled, too.
        for at in 0..SAMPLES as u32 {
            let v4 = IpAddr::V4(Ipv4Addr::from_bits(at.wrapping_mul(0x9E37_79B1)));
            let v6 = IpAddr::V6(Ipv6Addr::from_bits(
                0x2000 << 112 | u128::from(at.wrapping_mul(0x1E37_79B1)) << 96,
            ));
            for address in [v4, v6] {
                if let Ok(Some((fields, _))) = self.lookup(address) {
                    note(&fields);
                }
            }
        }
    }
}

/// The content of a file.
#[derive(Clone)]
enum Bytes {
    Mapped(Rc<Mmap>),
    Owned(Rc<Vec<u8>>),
}

impl AsRef<[u8]> for Bytes {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Database").field("metadata", self.reader.metadata()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
