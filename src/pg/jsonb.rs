//! PostgreSQL's binary jsonb (utils/jsonb.h), read where it lies. Every access is checked: damage reads as null.
//!
//! A container is a header (kind and count), one 4-byte entry for each child (an object's keys come first, then its
//! values), then their data. An entry holds the child's length or, in every 32nd, the position after it.

use super::memory::varlena;
use pgrx::pg_sys;
use std::borrow::Cow;
use std::cmp::Ordering;
use travel_cloudtrail::{Json, Kind};

const COUNT: u32 = 0x0fff_ffff;
const IS_SCALAR: u32 = 0x1000_0000;
const IS_OBJECT: u32 = 0x2000_0000;
const IS_ARRAY: u32 = 0x4000_0000;

const LENGTH_OR_END: u32 = 0x0fff_ffff;
const TYPE: u32 = 0x7000_0000;
const HAS_END: u32 = 0x8000_0000;
const STRING: u32 = 0x0000_0000;
const NUMERIC: u32 = 0x1000_0000;
const FALSE: u32 = 0x2000_0000;
const TRUE: u32 = 0x3000_0000;
const NULL: u32 = 0x4000_0000;
const CONTAINER: u32 = 0x5000_0000;

/// A value inside a jsonb.
#[derive(Clone, Copy)]
pub enum Node<'a> {
    Null,
    Bool(bool),
    /// Its bytes: most texts of a record are passed over, and only those that are read are looked at.
    String(&'a [u8]),
    /// A numeric as it is stored, its header included.
    Number(&'a [u8]),
    Array(Container<'a>),
    Object(Container<'a>),
}

#[derive(Clone, Copy)]
pub struct Container<'a> {
    bytes: &'a [u8],
    count: usize,
}

impl<'a> Node<'a> {
    /// The value that a jsonb is.
    ///
    /// # Safety
    /// `datum` must be a jsonb that outlives `'a`.
    pub unsafe fn of(datum: pg_sys::Datum) -> Self {
        // SAFETY: by the caller.
        let bytes = unsafe { super::function::varlena_bytes(datum) };
        match Self::container(bytes) {
            Some((Self::Array(array), header)) if header & IS_SCALAR != 0 => {
                array.elements().next().unwrap_or(Self::Null)
            }
            Some((node, _)) => node,
            None => Self::Null,
        }
    }

    /// A new jsonb of this array or object, in the current memory context; a scalar gives none.
    pub fn to_jsonb(self) -> Option<pg_sys::Datum> {
        match self {
            Self::Array(container) | Self::Object(container) => Some(varlena(container.bytes)),
            _ => None,
        }
    }

    fn container(bytes: &'a [u8]) -> Option<(Self, u32)> {
        let header = word(bytes, 0)?;
        let container = Container { bytes, count: (header & COUNT) as usize };
        if header & IS_OBJECT != 0 {
            Some((Self::Object(container), header))
        } else if header & IS_ARRAY != 0 {
            Some((Self::Array(container), header))
        } else {
            None
        }
    }

    fn child(entry: u32, data: &'a [u8], start: usize, end: usize) -> Option<Self> {
        let bytes = || data.get(start..end);
        // Numbers and containers are aligned to 4 bytes within the data.
        let aligned = || data.get(start.next_multiple_of(4)..end);
        match entry & TYPE {
            STRING => bytes().map(Self::String),
            NUMERIC => aligned().map(Self::Number),
            FALSE => Some(Self::Bool(false)),
            TRUE => Some(Self::Bool(true)),
            CONTAINER => Self::container(aligned()?).map(|(node, _)| node),
            NULL => Some(Self::Null),
            _ => None,
        }
    }
}

impl<'a> Container<'a> {
    fn entry(self, i: usize) -> Option<u32> {
        word(self.bytes, 4 + i * 4)
    }

    /// The data behind `children` entries.
    fn data(self, children: usize) -> &'a [u8] {
        self.bytes.get(4 + children * 4..).unwrap_or_default()
    }

    /// Where child `i` starts: the lengths before it, back to an entry that holds a position.
    fn start(self, i: usize) -> Option<usize> {
        let mut start = 0;
        for before in (0..i).rev() {
            let entry = self.entry(before)?;
            start += (entry & LENGTH_OR_END) as usize;
            if entry & HAS_END != 0 {
                break;
            }
        }
        Some(start)
    }

    fn bounds(self, i: usize) -> Option<(u32, usize, usize)> {
        let (entry, start) = (self.entry(i)?, self.start(i)?);
        Some((entry, start, end(entry, start)))
    }

    fn elements(self) -> Elements<'a> {
        Elements {
            cursor: Cursor { container: self, next: 0, at: 0 },
            data: self.data(self.count),
            count: self.count,
        }
    }

    fn get(self, key: &str) -> Option<Node<'a>> {
        let data = self.data(self.count.checked_mul(2)?);
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            let (_, start, end) = self.bounds(middle)?;
            let found = data.get(start..end)?;
            // Keys are sorted by their length, then by their bytes.
            match found.len().cmp(&key.len()).then_with(|| found.cmp(key.as_bytes())) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => {
                    let (entry, start, end) = self.bounds(self.count + middle)?;
                    return Node::child(entry, data, start, end);
                }
            }
        }
        None
    }
}

/// Walks the entries of a container in order, so that each position is known without looking back.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    container: Container<'a>,
    next: usize,
    at: usize,
}

impl Cursor<'_> {
    fn step(&mut self) -> Option<(u32, usize, usize)> {
        let entry = self.container.entry(self.next)?;
        let start = self.at;
        self.at = end(entry, start);
        self.next += 1;
        Some((entry, start, self.at))
    }
}

pub struct Elements<'a> {
    cursor: Cursor<'a>,
    data: &'a [u8],
    count: usize,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        if self.cursor.next >= self.count {
            return None;
        }
        let (entry, start, end) = self.cursor.step()?;
        Some(Node::child(entry, self.data, start, end).unwrap_or(Node::Null))
    }
}

pub struct Entries<'a> {
    keys: Cursor<'a>,
    values: Cursor<'a>,
    data: &'a [u8],
    count: usize,
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a str, Node<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.keys.next >= self.count {
            return None;
        }
        let (_, start, end) = self.keys.step()?;
        let key = self.data.get(start..end)?;
        // SAFETY: PostgreSQL checks the encoding of every text that it takes in, and installation refuses databases
        // that are not UTF8.
        let key = unsafe { std::str::from_utf8_unchecked(key) };
        let (entry, start, end) = self.values.step()?;
        Some((key, Node::child(entry, self.data, start, end).unwrap_or(Node::Null)))
    }
}

impl<'a> Json<'a> for Node<'a> {
    type Entries = Entries<'a>;
    type Elements = Elements<'a>;

    fn kind(self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Bool(_) => Kind::Bool,
            Self::String(_) => Kind::String,
            Self::Number(_) => Kind::Number,
            Self::Array(_) => Kind::Array,
            Self::Object(_) => Kind::Object,
        }
    }

    fn as_str(self) -> Option<&'a str> {
        match self {
            Self::String(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    fn as_bool(self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(truth),
            _ => None,
        }
    }

    fn number_text(self) -> Option<Cow<'a, str>> {
        let Self::Number(bytes) = self else { return None };
        // The copy is aligned, as numeric_out wants it; its own header says how long it is.
        let copy = varlena(bytes.get(4..)?);
        // SAFETY: the bytes are a numeric that jsonb stores; numeric_out gives a C string of ASCII.
        unsafe {
            let text = pgrx::direct_function_call_as_datum(pg_sys::numeric_out, &[Some(copy)])?;
            let text = std::ffi::CStr::from_ptr(text.cast_mut_ptr());
            Some(Cow::Owned(text.to_string_lossy().into_owned()))
        }
    }

    fn get(self, key: &str) -> Option<Self> {
        match self {
            Self::Object(container) => container.get(key),
            _ => None,
        }
    }

    fn entries(self) -> Entries<'a> {
        let container = match self {
            Self::Object(container) => container,
            _ => Container { bytes: &[], count: 0 },
        };
        let count = container.count;
        let values_at = container.start(count).unwrap_or(0);
        Entries {
            keys: Cursor { container, next: 0, at: 0 },
            values: Cursor { container, next: count, at: values_at },
            data: container.data(count * 2),
            count,
        }
    }

    fn elements(self) -> Elements<'a> {
        match self {
            Self::Array(container) => container.elements(),
            _ => Container { bytes: &[], count: 0 }.elements(),
        }
    }
}

fn end(entry: u32, start: usize) -> usize {
    let value = (entry & LENGTH_OR_END) as usize;
    if entry & HAS_END != 0 { value } else { start + value }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_ne_bytes(*four))
}

/// Whether jsonb can hold a value: its numbers are of PostgreSQL's numeric, whose digits and exponent are bounded.
pub fn can_hold(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Number(number) => {
            let text = number.as_str();
            let exponent = text.find(['e', 'E']).map_or("0", |at| &text[at + 1..]);
            text.len() <= 10_000 && exponent.parse::<i32>().is_ok_and(|exponent| exponent.abs() <= 10_000)
        }
        serde_json::Value::Array(elements) => elements.iter().all(can_hold),
        serde_json::Value::Object(entries) => entries.values().all(can_hold),
        _ => true,
    }
}

/// A jsonb of a value that did not come from one, in the current memory context.
pub fn from_value(mut value: serde_json::Value) -> Result<pg_sys::Datum, super::errors::TravelError> {
    if travel_cloudtrail::holds_nul(&value) {
        travel_cloudtrail::replace_nul(&mut value);
    }
    // JSON text holds no NUL: control characters are escaped in it.
    let text = std::ffi::CString::new(value.to_string()).unwrap_or_default();
    // SAFETY: jsonb_in takes a C string, which outlives the call.
    let datum = unsafe {
        pgrx::direct_function_call_as_datum(pg_sys::jsonb_in, &[Some(pg_sys::Datum::from(text.as_ptr()))])
    };
    datum.ok_or(super::errors::TravelError::NotCloudTrail { found: "no JSON".to_owned() })
}
