//! PostgreSQL's binary jsonb (utils/jsonb.h), read where it lies. Every access is checked: damage reads as null.
//!
//! A container is a header (kind and count), one 4-byte entry for each child (an object's keys come first, then its
//! values), then their data. An entry holds the child's length or, in every 32nd, the position after it.

use super::attempt::class;
use super::memory::varlena;
use pgrx::pg_sys::panic::CaughtError;
use pgrx::{PgSqlErrorCode, PgTryBuilder, pg_sys};
use std::cell::Cell;
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::slice;
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

/// A value inside a jsonb. What it holds is looked at only where someone asks: most of a record is passed over.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    /// One of the types of an entry.
    kind: u32,
    /// A string's text, a numeric as it is stored with its header, a container from its header on.
    bytes: &'a [u8],
}

impl<'a> Node<'a> {
    const NOTHING: Self = Self { kind: NULL, bytes: &[] };

    /// The value that a jsonb is.
    ///
    /// # Safety
    /// `datum` must be a jsonb that outlives `'a`.
    pub unsafe fn of(datum: pg_sys::Datum) -> Self {
        // SAFETY: by the caller.
        let bytes = unsafe { super::function::varlena_bytes(datum) };
        fetch(bytes);
        let root = Self { kind: CONTAINER, bytes };
        if root.header() & IS_SCALAR != 0 { root.elements().next().unwrap_or(Self::NOTHING) } else { root }
    }

    /// A new jsonb of this array or object, in the current memory context; a scalar gives none.
    pub fn to_jsonb(self) -> Option<pg_sys::Datum> {
        (self.header() & (IS_OBJECT | IS_ARRAY) != 0).then(|| varlena(self.bytes))
    }

    /// That of an array or object, else 0.
    #[inline]
    fn header(self) -> u32 {
        match self.bytes.first_chunk() {
            Some(header) if self.kind == CONTAINER => word(*header),
            _ => 0,
        }
    }

    #[inline]
    fn child(entry: u32, data: &'a [u8], range: Range<usize>) -> Self {
        let kind = entry & TYPE;
        // Numbers and containers are aligned to 4 bytes within the data.
        let align = if matches!(kind, NUMERIC | CONTAINER) { 4 } else { 1 };
        match data.get(range.start.next_multiple_of(align)..range.end) {
            Some(bytes) => Self { kind, bytes },
            None => Self::NOTHING,
        }
    }

    /// The entries of the children of a container that has this flag, `each` for each one that its header counts, and
    /// the data behind them.
    #[inline]
    fn children(self, flag: u32, each: usize) -> (&'a [Word], &'a [u8]) {
        let header = self.header();
        let size = (header & COUNT) as usize * each * size_of::<Word>();
        match self.bytes.get(size_of::<Word>()..).and_then(|rest| rest.split_at_checked(size)) {
            Some((entries, data)) if header & flag != 0 => (entries.as_chunks().0, data),
            _ => Default::default(),
        }
    }
}

/// Walks entries in order, so that each position is known without looking back.
#[derive(Clone)]
struct Cursor<'a> {
    entries: slice::Iter<'a, Word>,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// From the position after others on: their lengths, since the last one that holds a position.
    #[inline]
    fn after(others: &[Word], entries: &'a [Word]) -> Self {
        let since = others.iter().rposition(|entry| word(*entry) & HAS_END != 0).unwrap_or(0);
        let lengths = others.iter().skip(since).map(|entry| (word(*entry) & LENGTH_OR_END) as usize);
        Self { entries: entries.iter(), at: lengths.sum() }
    }
}

impl Iterator for Cursor<'_> {
    /// An entry, and where in the data its child is.
    type Item = (u32, Range<usize>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let entry = word(*self.entries.next()?);
        let (start, value) = (self.at, (entry & LENGTH_OR_END) as usize);
        self.at = if entry & HAS_END != 0 { value } else { start + value };
        Some((entry, start..self.at))
    }
}

pub struct Elements<'a> {
    cursor: Cursor<'a>,
    data: &'a [u8],
}

impl<'a> Iterator for Elements<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        let (entry, range) = self.cursor.next()?;
        Some(Node::child(entry, self.data, range))
    }
}

pub struct Entries<'a> {
    keys: Cursor<'a>,
    values: Cursor<'a>,
    data: &'a [u8],
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a str, Node<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (_, key) = self.keys.next()?;
        let (entry, value) = self.values.next()?;
        Some((utf8(self.data.get(key)?), Node::child(entry, self.data, value)))
    }
}

/// Brings a record into the processor's cache: its lines one after another are faster than where keys and values lead.
fn fetch(bytes: &[u8]) {
    const LINE: usize = 64;
    const RECORD: usize = 4096;
    std::hint::black_box(bytes.iter().take(RECORD).step_by(LINE).fold(0, |all, byte| all | byte));
}

/// The text that a key or a string is.
#[inline]
fn utf8(bytes: &[u8]) -> &str {
    // SAFETY: PostgreSQL checks the encoding of every text that it takes in, and installation refuses databases
    // that are not UTF8.
    unsafe { std::str::from_utf8_unchecked(bytes) }
}

impl<'a> Json<'a> for Node<'a> {
    type Entries = Entries<'a>;
    type Elements = Elements<'a>;

    fn kind(self) -> Kind {
        match self.kind {
            STRING => Kind::String,
            NUMERIC => Kind::Number,
            FALSE | TRUE => Kind::Bool,
            CONTAINER if self.header() & IS_OBJECT != 0 => Kind::Object,
            CONTAINER if self.header() & IS_ARRAY != 0 => Kind::Array,
            _ => Kind::Null,
        }
    }

    #[inline]
    fn as_str(self) -> Option<&'a str> {
        (self.kind == STRING).then(|| utf8(self.bytes))
    }

    fn as_bool(self) -> Option<bool> {
        match self.kind {
            TRUE => Some(true),
            FALSE => Some(false),
            _ => None,
        }
    }

    /// In the current memory context.
    fn number_text(self) -> Option<&'a str> {
        if self.kind != NUMERIC {
            return None;
        }
        // The copy is aligned, as numeric_out wants it; its own header says how long it is.
        let copy = varlena(self.bytes.get(4..)?);
        // SAFETY: the bytes are a numeric that jsonb stores; numeric_out gives a C string of ASCII, which lives as
        // long as what a function of SQL reads.
        unsafe {
            let text = pgrx::direct_function_call_as_datum(pg_sys::numeric_out, &[Some(copy)])?;
            std::ffi::CStr::from_ptr(text.cast_mut_ptr()).to_str().ok()
        }
    }

    fn get(self, key: &str) -> Option<Self> {
        let (entries, data) = self.children(IS_OBJECT, 2);
        let count = entries.len() / 2;
        // Keys are sorted by their length, then by their bytes: what is longer is not looked at.
        let found = Cursor::after(&[], entries.get(..count)?)
            .take_while(|(_, range)| range.len() <= key.len())
            .position(|(_, range)| data.get(range) == Some(key.as_bytes()))?;
        let (before, value) = entries.split_at_checked(count + found)?;
        let (entry, range) = Cursor::after(before, value).next()?;
        Some(Node::child(entry, data, range))
    }

    #[inline]
    fn entries(self) -> Entries<'a> {
        let (entries, data) = self.children(IS_OBJECT, 2);
        let (keys, values) = entries.split_at(entries.len() / 2);
        Entries { keys: Cursor::after(&[], keys), values: Cursor::after(keys, values), data }
    }

    fn elements(self) -> Elements<'a> {
        let (entries, data) = self.children(IS_ARRAY, 1);
        Elements { cursor: Cursor::after(&[], entries), data }
    }

    /// In the current memory context, which lives as long as what a function of SQL reads.
    fn of_text(text: &str) -> Option<Result<Self, String>> {
        // SAFETY: a jsonb that was just made.
        Some(of_json(text).map(|datum| unsafe { Self::of(datum) }))
    }
}

/// An entry, or a header.
type Word = [u8; 4];

#[inline]
fn word(bytes: Word) -> u32 {
    u32::from_ne_bytes(bytes)
}

thread_local! {
    static REPLACED: Cell<usize> = const { Cell::new(0) };
}

/// How many escapes [`of_json`] replaced since the last call.
pub fn take_replaced() -> usize {
    REPLACED.take()
}

/// A new jsonb of a JSON text, in the current memory context, or what is wrong with the text. Escapes that no text of
/// PostgreSQL's holds are replaced. The limits are those of jsonb itself, so they are the same for every entry point.
pub fn of_json(text: &str) -> Result<pg_sys::Datum, String> {
    let (text, replaced) = travel_cloudtrail::replace_escapes(text);
    REPLACED.set(REPLACED.get() + replaced);
    // Control characters are escaped in JSON, NUL among them.
    let text = std::ffi::CString::new(text.as_bytes()).map_err(|_| "it has a NUL character".to_owned())?;
    // SAFETY: jsonb_in takes a C string, which outlives the call.
    let read = || unsafe {
        pgrx::direct_function_call_as_datum(pg_sys::jsonb_in, &[Some(pg_sys::Datum::from(text.as_ptr()))])
    };
    // No subtransaction: it could not begin in a parallel worker. jsonb_in only computes; all that its errors leave behind
    // is memory.
    let datum = PgTryBuilder::new(AssertUnwindSafe(|| Ok(read())))
        .catch_others(|caught| match &caught {
            CaughtError::PostgresError(report) | CaughtError::ErrorReport(report)
                if is_about_text(report.sql_error_code()) =>
            {
                let detail = report.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
                Err(format!("{}{detail}", report.message()).trim_end_matches('.').to_owned())
            }
            _ => caught.rethrow(),
        })
        .execute()?;
    datum.ok_or_else(|| "it is NULL".to_owned())
}

/// Classes 22 (data) and 54 (limits of the program: nested too deeply, too many keys).
fn is_about_text(code: PgSqlErrorCode) -> bool {
    matches!(&class(code), b"22" | b"54")
}
