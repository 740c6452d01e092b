//! A writer of MaxMind DB files (format version 2.0): a binary tree of address bits, followed by a section of typed
//! values.
//!
//! Tests need files of every layout without shipping the data of others, and benchmarks need files that are built like
//! real ones: equal values are stored once and referenced by pointers, and records have 24, 28 or 32 bits.
//!
//! The crate `maxminddb-writer` (0.1.3) was tried in its place. It supports every type, nested maps, IPv4 networks in
//! an IPv6 tree and all metadata, and the tests of `travel-geoip` use it. It writes no pointers, however, so every
//! record repeats all of its strings. The benchmark's database of 300,000 networks takes 98.5 MB with that crate and
//! 23.6 MB with this writer, and readers never follow a pointer in it, which they do for every record of a real file.
//! Benchmarks over such files would not say much about real ones. The crate also leaves unreachable nodes behind when a
//! wide network replaces narrow ones, and does not report networks that do not fit into the tree.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

/// A value of the data section.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Text(String),
    Double(f64),
    Float(f32),
    Bytes(Vec<u8>),
    U16(u16),
    U32(u32),
    I32(i32),
    U64(u64),
    Bool(bool),
    /// Entries in the order in which they are stored.
    Map(Vec<(String, Value)>),
    Array(Vec<Value>),
}

impl Value {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A map with the entries in the given order.
    pub fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Value)>) -> Self {
        Self::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }
}

/// The addresses of a tree. An IPv6 tree also contains IPv4 addresses, under `::/96`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpVersion {
    V4,
    V6,
}

/// The error if a network cannot be added or a file cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    NoNetwork(String),
    NotInTree(String),
    ValueTooLong,
    FileTooLarge,
}

/// A database under construction. If networks overlap, the one inserted last wins.
#[derive(Clone, Debug)]
pub struct Writer {
    database_type: String,
    description: String,
    ip_version: IpVersion,
    build_epoch: u64,
    nodes: Vec<[Record; 2]>,
    data: DataSection,
}

impl Writer {
    pub fn new(database_type: &str, ip_version: IpVersion, build_epoch: u64) -> Self {
        Self {
            database_type: database_type.to_owned(),
            description: format!("{database_type} (sample)"),
            ip_version,
            build_epoch,
            nodes: vec![[Record::Empty; 2]],
            data: DataSection::default(),
        }
    }

    /// Adds a network written like `192.0.2.0/24` or `2001:db8::/32`. Bits beyond the prefix are ignored.
    pub fn insert(&mut self, network: &str, value: &Value) -> Result<(), Error> {
        let no_network = || Error::NoNetwork(network.to_owned());
        let (address, prefix) = network.split_once('/').ok_or_else(no_network)?;
        let address = address.parse().map_err(|_| no_network())?;
        let prefix = prefix.parse().map_err(|_| no_network())?;
        self.insert_prefix(address, prefix, value)
    }

    /// Adds the network of the first `prefix` bits of `address`.
    pub fn insert_prefix(&mut self, address: IpAddr, prefix: u8, value: &Value) -> Result<(), Error> {
        // Bits are read from the top of 128 bits. In an IPv4 tree, an IPv4 address is in the topmost 32.
        let (bits, length, longest) = match (self.ip_version, address) {
            (IpVersion::V4, IpAddr::V4(a)) => (u128::from(u32::from(a)) << 96, prefix, 32),
            (IpVersion::V6, IpAddr::V4(a)) => (u128::from(u32::from(a)), prefix.saturating_add(96), 128),
            (IpVersion::V6, IpAddr::V6(a)) => (u128::from(a), prefix, 128),
            (IpVersion::V4, IpAddr::V6(_)) => return Err(Error::NotInTree(format!("{address}/{prefix}"))),
        };
        if length == 0 || length > longest {
            return Err(Error::NoNetwork(format!("{address}/{prefix}")));
        }
        let leaf = Record::Data(self.data.intern(value)?);
        let side = |depth: u8| usize::from((bits >> (127 - depth)) & 1 == 1);
        let mut node = 0;
        for depth in 0..length - 1 {
            node = match self.nodes[node][side(depth)] {
                Record::Node(next) => next as usize,
                // The old record applies to both halves until one of them is overwritten below.
                inherited => {
                    let next = u32::try_from(self.nodes.len()).map_err(|_| Error::FileTooLarge)?;
                    self.nodes.push([inherited; 2]);
                    self.nodes[node][side(depth)] = Record::Node(next);
                    next as usize
                }
            };
        }
        self.nodes[node][side(length - 1)] = leaf;
        Ok(())
    }

    /// Writes the whole file.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        self.to_bytes_with(24)
    }

    fn to_bytes_with(&self, least_record_bits: u16) -> Result<Vec<u8>, Error> {
        let nodes = self.reachable_nodes();
        let node_count = nodes.len() as u64;
        let largest = node_count + SEPARATOR.len() as u64 + self.data.bytes.len() as u64;
        let record_bits = match largest {
            0..0x100_0000 => 24,
            0x100_0000..0x1000_0000 => 28,
            0x1000_0000..0x1_0000_0000 => 32,
            _ => return Err(Error::FileTooLarge),
        }
        .max(least_record_bits);

        let mut file =
            Vec::with_capacity(nodes.len() * usize::from(record_bits) / 4 + self.data.bytes.len() + 1024);
        for [left, right] in nodes {
            let number = |record| match record {
                Record::Empty => node_count as u32,
                Record::Node(index) => index,
                Record::Data(offset) => node_count as u32 + SEPARATOR.len() as u32 + offset,
            };
            let (left, right) = (number(left).to_be_bytes(), number(right).to_be_bytes());
            match record_bits {
                24 => {
                    file.extend_from_slice(&left[1..]);
                    file.extend_from_slice(&right[1..]);
                }
                28 => {
                    file.extend_from_slice(&left[1..]);
                    // The byte in the middle contains the top four bits of both.
                    file.push((left[0] << 4) | right[0]);
                    file.extend_from_slice(&right[1..]);
                }
                _ => {
                    file.extend_from_slice(&left);
                    file.extend_from_slice(&right);
                }
            }
        }
        file.extend_from_slice(&SEPARATOR);
        file.extend_from_slice(&self.data.bytes);
        file.extend_from_slice(METADATA_MARKER);
        let metadata = Value::map([
            ("binary_format_major_version", Value::U16(2)),
            ("binary_format_minor_version", Value::U16(0)),
            ("build_epoch", Value::U64(self.build_epoch)),
            ("database_type", Value::text(&self.database_type)),
            ("description", Value::map([("en", Value::text(&self.description))])),
            ("ip_version", Value::U16(if self.ip_version == IpVersion::V4 { 4 } else { 6 })),
            ("languages", Value::Array(vec![Value::text("en")])),
            ("node_count", Value::U32(node_count as u32)),
            ("record_size", Value::U16(record_bits)),
        ]);
        file.extend_from_slice(&plain(&metadata)?);
        Ok(file)
    }

    /// The nodes that can be reached from the root, renumbered. A wide network that replaces narrow ones leaves nodes
    /// that cannot be reached.
    fn reachable_nodes(&self) -> Vec<[Record; 2]> {
        let mut order = vec![0usize];
        let mut renumbered = vec![0u32; self.nodes.len()];
        let mut next = 0;
        while let Some(&old) = order.get(next) {
            next += 1;
            for record in self.nodes[old] {
                if let Record::Node(child) = record {
                    renumbered[child as usize] = order.len() as u32;
                    order.push(child as usize);
                }
            }
        }
        let rename = |record| match record {
            Record::Node(child) => Record::Node(renumbered[child as usize]),
            other => other,
        };
        order.iter().map(|&old| self.nodes[old].map(rename)).collect()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoNetwork(network) => write!(f, "\"{network}\" is no network that a tree can hold"),
            Self::NotInTree(network) => write!(f, "{network} does not fit an IPv4 tree"),
            Self::ValueTooLong => f.write_str("a value is longer than the format allows"),
            Self::FileTooLarge => f.write_str("the file is larger than the format allows"),
        }
    }
}

impl std::error::Error for Error {}

const SEPARATOR: [u8; 16] = [0; 16];
const METADATA_MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";

/// One half of a node.
#[derive(Clone, Copy, Debug)]
enum Record {
    Empty,
    Node(u32),
    Data(u32),
}

#[derive(Clone, Debug, Default)]
struct DataSection {
    bytes: Vec<u8>,
    /// The offset of each value, by its encoding without pointers.
    offsets: HashMap<Vec<u8>, u32>,
}

impl DataSection {
    /// Returns the offset of a value. The value is written unless an equal one exists.
    fn intern(&mut self, value: &Value) -> Result<u32, Error> {
        let encoding = plain(value)?;
        if let Some(&offset) = self.offsets.get(&encoding) {
            return Ok(offset);
        }
        let offset = u32::try_from(self.bytes.len()).map_err(|_| Error::FileTooLarge)?;
        self.offsets.insert(encoding, offset);
        self.write_here(value)?;
        Ok(offset)
    }

    fn write_here(&mut self, value: &Value) -> Result<(), Error> {
        match value {
            Value::Map(entries) => {
                control(&mut self.bytes, 7, entries.len())?;
                for (key, value) in entries {
                    self.write_part(&Value::Text(key.clone()))?;
                    self.write_part(value)?;
                }
            }
            Value::Array(items) => {
                control(&mut self.bytes, 11, items.len())?;
                for item in items {
                    self.write_part(item)?;
                }
            }
            scalar => write_plain(&mut self.bytes, scalar)?,
        }
        Ok(())
    }

    /// Writes a part of a larger value: a pointer if that is shorter, otherwise the value itself.
    fn write_part(&mut self, value: &Value) -> Result<(), Error> {
        let encoding = plain(value)?;
        if encoding.len() <= 4 {
            self.bytes.extend_from_slice(&encoding);
            return Ok(());
        }
        match self.offsets.get(&encoding) {
            Some(&offset) => pointer(&mut self.bytes, offset),
            None => {
                let offset = u32::try_from(self.bytes.len()).map_err(|_| Error::FileTooLarge)?;
                self.offsets.insert(encoding, offset);
                self.write_here(value)?;
            }
        }
        Ok(())
    }
}

/// The encoding of a value without pointers.
fn plain(value: &Value) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    write_plain(&mut bytes, value)?;
    Ok(bytes)
}

fn write_plain(out: &mut Vec<u8>, value: &Value) -> Result<(), Error> {
    match value {
        Value::Text(text) => sized(out, 2, text.as_bytes()),
        Value::Double(number) => sized(out, 3, &number.to_be_bytes()),
        Value::Bytes(bytes) => sized(out, 4, bytes),
        Value::U16(number) => sized(out, 5, significant(&number.to_be_bytes())),
        Value::U32(number) => sized(out, 6, significant(&number.to_be_bytes())),
        Value::I32(number) => sized(out, 8, &number.to_be_bytes()),
        Value::U64(number) => sized(out, 9, significant(&number.to_be_bytes())),
        // The size of a boolean is its value.
        Value::Bool(yes) => control(out, 14, usize::from(*yes)),
        Value::Float(number) => sized(out, 15, &number.to_be_bytes()),
        Value::Map(entries) => {
            control(out, 7, entries.len())?;
            for (key, value) in entries {
                sized(out, 2, key.as_bytes())?;
                write_plain(out, value)?;
            }
            Ok(())
        }
        Value::Array(items) => {
            control(out, 11, items.len())?;
            items.iter().try_for_each(|item| write_plain(out, item))
        }
    }
}

fn sized(out: &mut Vec<u8>, kind: u8, bytes: &[u8]) -> Result<(), Error> {
    control(out, kind, bytes.len())?;
    out.extend_from_slice(bytes);
    Ok(())
}

/// Unsigned numbers are stored without their leading zero bytes.
fn significant(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    &bytes[zeros..]
}

/// Writes the bytes for the kind and the size of a value.
fn control(out: &mut Vec<u8>, kind: u8, size: usize) -> Result<(), Error> {
    let (low, rest) = match size {
        0..29 => (size as u8, &[][..]),
        29..285 => (29, &((size - 29) as u32).to_be_bytes()[3..]),
        285..65_821 => (30, &((size - 285) as u32).to_be_bytes()[2..]),
        65_821..16_843_037 => (31, &((size - 65_821) as u32).to_be_bytes()[1..]),
        _ => return Err(Error::ValueTooLong),
    };
    if kind <= 7 {
        out.push((kind << 5) | low);
    } else {
        // A kind above 7 does not fit into three bits. The bits are 0, and a second byte contains the kind minus 7.
        out.extend_from_slice(&[low, kind - 7]);
    }
    out.extend_from_slice(rest);
    Ok(())
}

/// Writes the shortest form of a pointer. Each form starts to count where the shorter one ends.
fn pointer(out: &mut Vec<u8>, offset: u32) {
    const SECOND: u32 = 1 << 11;
    const THIRD: u32 = SECOND + (1 << 19);
    const FOURTH: u32 = THIRD + (1 << 27);
    let (form, value, length) = match offset {
        0..SECOND => (0, offset, 2),
        SECOND..THIRD => (1, offset - SECOND, 3),
        THIRD..FOURTH => (2, offset - THIRD, 4),
        FOURTH.. => (3, offset, 5),
    };
    let mut bytes = u64::from(value).to_be_bytes();
    let first = 8 - length;
    bytes[first] |= 0b0010_0000 | (form << 3);
    out.extend_from_slice(&bytes[first..]);
}

#[cfg(test)]
#[path = "mmdb_tests.rs"]
mod tests;
