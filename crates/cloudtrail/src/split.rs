//! Splitting a file of any size into records, without parsing them.
//!
//! A file of CloudTrail is one line of many megabytes. [`Splitter`] reads it in portions and returns the text of one
//! element of its list of records after the other, so the memory that it takes does not depend on the size of the file.
//! It finds the elements that [`records`](crate::records) finds in the parsed document; a test compares the two. A
//! document that is not a list, such as a line of NDJSON or an EventBridge event, is returned whole.
//!
//! The splitter checks the syntax around the elements. Inside an element it only looks for the end, because the
//! caller parses the element.

mod scan;

use std::fmt;
use std::io::{self, Read};

use memchr::{memchr, memchr_iter};
use serde::de::IgnoredAny;

use crate::document::{KeyRole, key_role};
use crate::text::is_document;
use scan::Scan;

/// The longest item, in bytes. CloudTrail's own limit for a record is 256 KB.
pub const LONGEST_ITEM: usize = 8 << 20;

/// The most lists inside each other. CloudTrail writes one, and some tools put its documents into another.
const DEEPEST_LIST: usize = 64;

/// How many bytes of broken documents are read in vain before each line is looked at alone. A line can be the beginning
/// of a document that ends nowhere; reading on to the end from each such line would take time without limit.
const PATIENCE: usize = 8 * LONGEST_ITEM;

/// How much is read at once. It fits into the caches of a processor.
const PORTION: usize = 256 << 10;

/// A part of a file for the caller to parse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'b> {
    /// A whole document that is not a list.
    Document(&'b [u8]),
    /// An element of a list of records.
    Element(&'b [u8]),
}

/// Why the next item cannot be read.
#[derive(Debug)]
pub enum SplitError {
    /// Reading the input failed.
    Read(io::Error),
    /// A document is broken. [`Splitter::skip_broken`] says whether the documents after it can be read.
    Broken(Broken),
}

/// An error in the syntax around elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub what: &'static str,
    /// The line of the error, counted from 1.
    pub line: u64,
}

/// Reads a text document by document, and a document that is a list element by element.
pub struct Splitter<R> {
    input: R,
    /// The bytes that were read. They end at `end`; those still needed begin at `kept`.
    buffer: Vec<u8>,
    end: usize,
    /// The start of the item that is being read.
    kept: usize,
    /// The next byte to look at.
    at: usize,
    has_ended: bool,
    /// The number of lines before `counted`.
    lines: u64,
    /// Up to where in the buffer lines were counted, at most to `kept`.
    counted: usize,
    /// The lists that are open, the innermost last.
    levels: Vec<Level>,
    next: Next,
    /// The line in which the document began, while it is not yet known whether lines are documents.
    began: u64,
    /// Whether a line was seen that is a document. Only then is it known where to continue after a broken one.
    one_a_line: bool,
    /// How many bytes of broken documents were read.
    in_vain: usize,
    lists: u64,
}

/// A list that is open.
#[derive(Clone, Copy)]
enum Level {
    /// An array that is a document.
    Array,
    /// The list in an envelope: `{"Records": […]}`, `{"Events": […]}`.
    Envelope(List),
}

/// A list in an envelope. If an object has both, it is that of `Records`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Records,
    Events,
}

/// What may follow in the innermost list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    ElementOrEnd,
    Element,
    CommaOrEnd,
}

/// How far an object was read.
enum ObjectEnd {
    /// To its end.
    Closed,
    /// To the bracket of the list that it envelops.
    List(List),
}

impl<R: Read> Splitter<R> {
    pub fn new(input: R) -> Self {
        Self {
            input,
            buffer: vec![0; 2 * PORTION],
            end: 0,
            kept: 0,
            at: 0,
            has_ended: false,
            lines: 0,
            counted: 0,
            levels: Vec::new(),
            next: Next::ElementOrEnd,
            began: 1,
            one_a_line: false,
            in_vain: 0,
            lists: 0,
        }
    }

    /// The input that the splitter reads.
    pub fn input(&self) -> &R {
        &self.input
    }

    /// The number of documents so far that are lists.
    pub fn lists(&self) -> u64 {
        self.lists
    }

    /// Reads the next item. `None` is the end of the text.
    pub fn next_item(&mut self) -> Result<Option<Item<'_>>, SplitError> {
        loop {
            self.kept = self.at;
            let Some(first) = self.skip_blanks()? else {
                let is_whole = self.levels.is_empty();
                return if is_whole { Ok(None) } else { Err(self.broken("unexpected end of the text")) };
            };
            self.kept = self.at;
            self.count_lines();
            if self.levels.is_empty() {
                self.note_start();
                if self.one_a_line && self.in_vain > PATIENCE {
                    self.check_line()?;
                }
                match first {
                    b'\xEF' if self.is_mark()? => self.at += 3,
                    b'[' => self.open(Level::Array)?,
                    b'{' => match self.object()? {
                        ObjectEnd::Closed => return self.document(),
                        ObjectEnd::List(list) => self.open(Level::Envelope(list))?,
                    },
                    _ => {
                        self.value()?;
                        self.check_scalar()?;
                        return self.document();
                    }
                }
                continue;
            }
            match (self.next, first) {
                (Next::ElementOrEnd | Next::CommaOrEnd, b']') => self.close()?,
                (Next::CommaOrEnd, b',') => {
                    self.at += 1;
                    self.next = Next::Element;
                }
                (Next::CommaOrEnd, _) => return Err(self.broken("expected a comma or the end of a list")),
                (_, b'{') => match self.object()? {
                    ObjectEnd::Closed => return Ok(Some(self.element())),
                    ObjectEnd::List(list) => self.open(Level::Envelope(list))?,
                },
                _ => {
                    self.value()?;
                    return Ok(Some(self.element()));
                }
            }
        }
    }

    /// Skips a broken document: the line in which the unread part begins, if lines are documents. Otherwise nothing
    /// more can be read, and the result is false. It is for errors of the splitter, and for a document that was found
    /// to be broken when it was parsed.
    pub fn skip_broken(&mut self) -> Result<bool, SplitError> {
        self.in_vain = self.in_vain.saturating_add(self.at - self.kept);
        self.at = self.kept;
        self.levels.clear();
        self.next = Next::ElementOrEnd;
        loop {
            let rest = self.rest();
            match memchr(b'\n', rest) {
                Some(end) => {
                    self.at += end + 1;
                    break;
                }
                None => {
                    self.at = self.end;
                    self.kept = self.at;
                    if !self.fill()? {
                        return Ok(self.one_a_line);
                    }
                }
            }
        }
        self.kept = self.at;
        if !self.one_a_line {
            self.one_a_line = self.is_document_ahead()?;
        }
        Ok(self.one_a_line)
    }

    /// Checks that a document is whole at the end of its line. One that is too long for that is read as any other.
    fn check_line(&mut self) -> Result<(), SplitError> {
        loop {
            let rest = self.rest();
            let end = memchr(b'\n', rest);
            if end.is_some() || rest.len() > LONGEST_ITEM || self.has_ended {
                let line = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
                let is_whole =
                    line.len() > LONGEST_ITEM || serde_json::from_slice::<IgnoredAny>(line).is_ok();
                return if is_whole { Ok(()) } else { Err(self.broken("a line that is not a document")) };
            }
            self.fill()?;
        }
    }

    /// The line of the next byte to look at, counted from 1.
    pub fn line(&self) -> u64 {
        self.lines + count_lines(self.buffer.get(self.counted..self.at).unwrap_or_default()) + 1
    }

    /// Counts the lines before what is kept.
    fn count_lines(&mut self) {
        self.lines += count_lines(self.buffer.get(self.counted..self.kept).unwrap_or_default());
        self.counted = self.kept;
    }

    /// Remembers where a document begins.
    fn note_start(&mut self) {
        if !self.one_a_line {
            self.began = self.line();
        }
    }

    fn document(&mut self) -> Result<Option<Item<'_>>, SplitError> {
        if !self.one_a_line && is_document(self.item()) {
            self.note_end()?;
        }
        Ok(Some(Item::Document(self.item())))
    }

    /// Remembers whether the document that ends here is a line.
    fn note_end(&mut self) -> Result<(), SplitError> {
        if !self.one_a_line {
            self.one_a_line = self.began == self.line() && self.is_end_of_line()?;
        }
        Ok(())
    }

    fn element(&mut self) -> Item<'_> {
        self.next = Next::CommaOrEnd;
        Item::Element(self.item())
    }

    /// The bytes that were read but not looked at yet.
    fn rest(&self) -> &[u8] {
        self.buffer.get(self.at..self.end).unwrap_or_default()
    }

    fn item(&self) -> &[u8] {
        self.buffer.get(self.kept..self.at).unwrap_or_default()
    }

    /// Enters a list at its bracket.
    fn open(&mut self, level: Level) -> Result<(), SplitError> {
        if self.levels.len() == DEEPEST_LIST {
            return Err(self.broken("too many lists inside each other"));
        }
        self.at += 1;
        self.levels.push(level);
        self.next = Next::ElementOrEnd;
        Ok(())
    }

    /// Leaves a list at its bracket, together with the envelope around it.
    fn close(&mut self) -> Result<(), SplitError> {
        self.at += 1;
        if let Some(Level::Envelope(list)) = self.levels.pop() {
            self.rest_of_envelope(list)?;
        }
        self.next = Next::CommaOrEnd;
        if self.levels.is_empty() {
            self.lists += 1;
            self.note_end()?;
        }
        Ok(())
    }

    /// Reads an object from its brace on, to its end or to the list that it envelops. It envelops one only if no key
    /// before says that it is itself a record or a summary.
    fn object(&mut self) -> Result<ObjectEnd, SplitError> {
        self.at += 1;
        if self.skip_blanks()? == Some(b'}') {
            self.at += 1;
            return Ok(ObjectEnd::Closed);
        }
        let mut has_records = false;
        loop {
            let role = self.key()?;
            let list = match role {
                KeyRole::Records => Some(List::Records),
                KeyRole::Events if !has_records => Some(List::Events),
                _ => None,
            };
            match list {
                Some(list) if self.skip_blanks()? == Some(b'[') => return Ok(ObjectEnd::List(list)),
                _ => {}
            }
            if role == KeyRole::Own {
                // The keys that are left do not matter.
                self.scan(Scan::inside_of_one())?;
                return Ok(ObjectEnd::Closed);
            }
            has_records |= role == KeyRole::Records;
            self.value()?;
            if self.is_last_member()? {
                return Ok(ObjectEnd::Closed);
            }
        }
    }

    /// Reads the rest of an object after the list that it envelops. A key that contradicts what the object was taken
    /// for is an error, because the elements of the list have been returned already.
    fn rest_of_envelope(&mut self, list: List) -> Result<(), SplitError> {
        while !self.is_last_member()? {
            self.kept = self.at;
            let is_contradiction = match self.key()? {
                KeyRole::Own | KeyRole::Records => true,
                KeyRole::Events => list == List::Events,
                KeyRole::Other => false,
            };
            if is_contradiction {
                return Err(self.broken("an object that is both a list of records and something else"));
            }
            self.value()?;
            self.kept = self.at;
        }
        Ok(())
    }

    /// Reads the key of a member, and the colon behind it.
    fn key(&mut self) -> Result<KeyRole, SplitError> {
        if self.skip_blanks()? != Some(b'"') {
            return Err(self.broken("expected a key"));
        }
        let from = self.at - self.kept;
        self.value()?;
        let key = self.item().get(from..).unwrap_or_default();
        let role = if memchr(b'\\', key).is_some() {
            serde_json::from_slice(key).map_or(KeyRole::Other, |key: String| key_role(&key))
        } else {
            let inner = key.get(1..key.len() - 1).unwrap_or_default();
            std::str::from_utf8(inner).map_or(KeyRole::Other, key_role)
        };
        if self.skip_blanks()? != Some(b':') {
            return Err(self.broken("expected a colon"));
        }
        self.at += 1;
        Ok(role)
    }

    /// Reads what follows a member: a comma, or the end of the object.
    fn is_last_member(&mut self) -> Result<bool, SplitError> {
        let is_last = match self.skip_blanks()? {
            Some(b',') => false,
            Some(b'}') => true,
            _ => return Err(self.broken("expected a comma or the end of an object")),
        };
        self.at += 1;
        Ok(is_last)
    }

    /// Reads a value.
    fn value(&mut self) -> Result<(), SplitError> {
        match self.skip_blanks()? {
            Some(b'"' | b'{' | b'[') => self.scan(Scan::default()),
            _ => self.scalar(),
        }
    }

    /// Reads to the end that the scan looks for.
    fn scan(&mut self, mut scan: Scan) -> Result<(), SplitError> {
        loop {
            let rest = self.rest();
            match scan.find_end(rest) {
                Ok(Some(end)) => {
                    self.at += end;
                    return Ok(());
                }
                Ok(None) => {
                    self.at = self.end;
                    self.fill_item()?;
                }
                Err(at) => {
                    self.at += at;
                    return Err(self.broken("a line break in a string"));
                }
            }
        }
    }

    /// Reads a number, a boolean or null.
    fn scalar(&mut self) -> Result<(), SplitError> {
        let from = self.at - self.kept;
        loop {
            let rest = self.rest();
            let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
            let end = rest.iter().position(|byte| !is_part(byte));
            self.at += end.unwrap_or(rest.len());
            if end.is_some() || !self.fill()? {
                break;
            }
            self.check_length()?;
        }
        if self.at - self.kept == from { Err(self.broken("expected a value")) } else { Ok(()) }
    }

    /// A document that is a scalar is parsed here: where words follow each other, each would be a document.
    fn check_scalar(&mut self) -> Result<(), SplitError> {
        match serde_json::from_slice::<IgnoredAny>(self.item()) {
            Ok(_) => Ok(()),
            Err(_) => Err(self.broken("expected a value")),
        }
    }

    /// Skips blanks and returns the byte behind them, or `None` at the end of the text.
    fn skip_blanks(&mut self) -> Result<Option<u8>, SplitError> {
        loop {
            let rest = self.rest();
            match rest.iter().position(|byte| !byte.is_ascii_whitespace()) {
                Some(found) => {
                    self.at += found;
                    return Ok(self.rest().first().copied());
                }
                None => {
                    // Blanks between items are given up at once.
                    let is_between = self.kept == self.at;
                    self.at = self.end;
                    if is_between {
                        self.kept = self.at;
                    }
                    self.check_length()?;
                    if !self.fill()? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Whether the text begins here with a byte order mark.
    fn is_mark(&mut self) -> Result<bool, SplitError> {
        const MARK: &[u8] = b"\xEF\xBB\xBF";
        let is_start = self.lines == 0 && self.at == 0;
        while self.end < self.at + MARK.len() && self.fill()? {}
        Ok(is_start && self.rest().starts_with(MARK))
    }

    /// Whether nothing follows in this line.
    fn is_end_of_line(&mut self) -> Result<bool, SplitError> {
        let mut from = self.at - self.kept;
        loop {
            let rest = self.buffer.get(self.kept + from..self.end).unwrap_or_default();
            match rest.iter().position(|byte| *byte == b'\n' || !byte.is_ascii_whitespace()) {
                Some(found) => return Ok(rest.get(found) == Some(&b'\n')),
                None => {
                    from += rest.len();
                    if from > LONGEST_ITEM || !self.fill()? {
                        return Ok(from <= LONGEST_ITEM);
                    }
                }
            }
        }
    }

    /// Whether the next line that is not empty is a document.
    fn is_document_ahead(&mut self) -> Result<bool, SplitError> {
        self.skip_blanks()?;
        self.kept = self.at;
        loop {
            let rest = self.rest();
            match memchr(b'\n', rest) {
                Some(end) => return Ok(is_document(rest.get(..end).unwrap_or_default())),
                None if rest.len() > LONGEST_ITEM => return Ok(false),
                None => {
                    if !self.fill()? {
                        return Ok(is_document(self.rest()));
                    }
                }
            }
        }
    }

    /// Reads more of an item that does not end here.
    fn fill_item(&mut self) -> Result<(), SplitError> {
        self.check_length()?;
        if self.fill()? { Ok(()) } else { Err(self.broken("unexpected end of the text")) }
    }

    fn check_length(&mut self) -> Result<(), SplitError> {
        if self.at - self.kept > LONGEST_ITEM {
            return Err(self.broken("a record longer than 8 MB"));
        }
        Ok(())
    }

    /// Reads the next portion, and gives up what is no longer needed. False is the end of the text.
    fn fill(&mut self) -> io::Result<bool> {
        if self.has_ended {
            return Ok(false);
        }
        self.count_lines();
        self.buffer.copy_within(self.kept..self.end, 0);
        self.at -= self.kept;
        self.end -= self.kept;
        self.kept = 0;
        self.counted = 0;
        if self.buffer.len() - self.end < PORTION {
            self.buffer.resize(self.end + PORTION, 0);
        }
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        let read = loop {
            match self.input.read(room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.end += read;
        self.has_ended = read == 0;
        Ok(!self.has_ended)
    }

    fn broken(&self, what: &'static str) -> SplitError {
        SplitError::Broken(Broken { what, line: self.line() })
    }
}

fn count_lines(text: &[u8]) -> u64 {
    memchr_iter(b'\n', text).count() as u64
}

impl From<io::Error> for SplitError {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} at line {}", self.what, self.line)
    }
}
