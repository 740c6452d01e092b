//! Reading jsonb in its binary form, which [`travel_jsonb::format`] describes, without a copy. Every access is checked,
//! and damaged data reads as null.

use super::attempt::class;
use super::memory::varlena;
use pgrx::pg_sys::panic::CaughtError;
use pgrx::{PgSqlErrorCode, PgTryBuilder, pg_sys};
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::slice;
use travel_cloudtrail::{Json, Kind, LONGEST_ITEM};
use travel_jsonb::Builder;
use travel_jsonb::format::{
    CONTAINER, COUNT, FALSE, HAS_END, IS_ARRAY, IS_OBJECT, IS_SCALAR, KIND, LENGTH_OR_END, NULL, NUMERIC,
    STRING, TRUE,
};

/// A value inside a jsonb. It is decoded only when it is asked for, because most of a record is never read.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    /// One of the types of an entry.
    kind: u32,
    /// The text of a string, a numeric with its header, or a container from its header on.
    bytes: &'a [u8],
}

impl<'a> Node<'a> {
    const NOTHING: Self = Self { kind: NULL, bytes: &[] };

    /// The root value of a jsonb.
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

    /// This array or object as a new jsonb, in the current memory context. `None` for a scalar.
    pub fn to_jsonb(self) -> Option<pg_sys::Datum> {
        (self.header() & (IS_OBJECT | IS_ARRAY) != 0).then(|| varlena(self.bytes))
    }

    /// The bytes of this value, as PostgreSQL stores them.
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The header of an array or object. 0 for any other value.
    #[inline]
    fn header(self) -> u32 {
        match self.bytes.first_chunk() {
            Some(header) if self.kind == CONTAINER => word(*header),
            _ => 0,
        }
    }

    #[inline]
    fn child(entry: u32, data: &'a [u8], range: Range<usize>) -> Self {
        let kind = entry & KIND;
        // Numbers and containers are aligned to 4 bytes within the data.
        let align = if matches!(kind, NUMERIC | CONTAINER) { 4 } else { 1 };
        match data.get(range.start.next_multiple_of(align)..range.end) {
            Some(bytes) => Self { kind, bytes },
            None => Self::NOTHING,
        }
    }

    /// The entries of a container's children and the data behind them, if the container has this flag. `each` is the
    /// number of entries for each child that the header counts.
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

/// Walks through entries in order. Each offset follows from the one before.
#[derive(Clone)]
struct Cursor<'a> {
    entries: slice::Iter<'a, Word>,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Starts at the end of `others`, which is the sum of their lengths since the last entry that has an offset.
    #[inline]
    fn after(others: &[Word], entries: &'a [Word]) -> Self {
        let since = others.iter().rposition(|entry| word(*entry) & HAS_END != 0).unwrap_or(0);
        let lengths = others.iter().skip(since).map(|entry| (word(*entry) & LENGTH_OR_END) as usize);
        Self { entries: entries.iter(), at: lengths.sum() }
    }
}

impl Iterator for Cursor<'_> {
    /// An entry, and the range of its child in the data.
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

/// Reads a record once from front to back to bring it into the processor's cache. This is faster than to let the keys
/// and values be fetched in the order in which they are read.
fn fetch(bytes: &[u8]) {
    const LINE: usize = 64;
    const RECORD: usize = 4096;
    std::hint::black_box(bytes.iter().take(RECORD).step_by(LINE).fold(0, |all, byte| all | byte));
}

/// The text of a key or a string.
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
        // Keys are sorted by length, then by bytes, so the search ends at the first longer key.
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
        Some(of_short_json(text).map(|datum| unsafe { Self::of(datum) }))
    }
}

/// An entry, or a header.
type Word = [u8; 4];

#[inline]
fn word(bytes: Word) -> u32 {
    u32::from_ne_bytes(bytes)
}

thread_local! {
    static BUILDER: RefCell<Builder> = RefCell::default();
    static REPLACED: Cell<usize> = const { Cell::new(0) };
}

/// The number of escapes that [`of_json`] replaced since the last call of this function.
pub fn take_replaced() -> usize {
    REPLACED.take()
}

/// Parses a JSON text into a new jsonb, in the current memory context. An error says what is wrong with the text.
/// Escapes of characters that PostgreSQL text cannot contain are replaced. Limits, such as the depth, are those of
/// jsonb itself.
pub fn of_json(text: &str) -> Result<pg_sys::Datum, String> {
    let built = BUILDER.with_borrow_mut(|builder| builder.build(text).map(varlena));
    if let Some(datum) = built {
        return Ok(datum);
    }
    let (text, replaced) = travel_cloudtrail::replace_escapes(text);
    REPLACED.set(REPLACED.get() + replaced);
    // Control characters are escaped in JSON, NUL among them.
    let text = std::ffi::CString::new(text.as_bytes()).map_err(|_| "it has a NUL character".to_owned())?;
    // SAFETY: jsonb_in takes a C string, which outlives the call.
    let read = || unsafe {
        pgrx::direct_function_call_as_datum(pg_sys::jsonb_in, &[Some(pg_sys::Datum::from(text.as_ptr()))])
    };
    // There is no subtransaction here, because a parallel worker cannot begin one. None is needed: jsonb_in only
    // computes, and its errors leave nothing behind but memory.
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

/// Like [`of_json`], but a text of more than [`LONGEST_ITEM`] bytes is an error. For values in a query: PostgreSQL cannot
/// be interrupted while it converts one value, and needs a quarter of a second for 8 MB.
pub fn of_short_json(text: &str) -> Result<pg_sys::Datum, String> {
    if text.len() > LONGEST_ITEM {
        return Err(format!("it has more than {} MB", LONGEST_ITEM >> 20));
    }
    of_json(text)
}

/// Whether an error is about the text: class 22 (data), class 54 (limits of the program, such as the depth and the
/// number of keys), or the internal error that PostgreSQL raises for an allocation of more than 1 GB, which an array of
/// 17 million numbers needs.
fn is_about_text(code: PgSqlErrorCode) -> bool {
    matches!(&class(code), b"22" | b"54") || code == PgSqlErrorCode::ERRCODE_INTERNAL_ERROR
}
