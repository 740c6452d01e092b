//! Splitting a file of any size into records, without parsing them.
//!
//! A file of CloudTrail is one line of many megabytes. [`Splitter`] reads it in portions and returns the text of one
//! element of its list of records after the other, so the memory that it takes does not depend on the size of the file.
//! It finds the elements that [`records`](crate::records) finds in the parsed document; a test compares the two. A
//! document that is not a list, such as a line of NDJSON or an EventBridge event, is returned whole.
//!
//! The splitter checks the syntax around the elements. Inside an element it only looks for the end, because the
//! caller parses the element.
//!
//! | module | what it holds |
//! |---|---|
//! | this one | documents, their lists, and what may follow in a list |
//! | `window` | the part of the text that is in memory, and finding the ends of values in it |
//! | `scan` | the state of such a search between two portions of text |

mod scan;
mod window;

use std::fmt;
use std::io::{self, Read};

use memchr::memchr;
use serde::de::IgnoredAny;

use crate::document::{KeyRole, key_role};
use crate::text::is_document;
use scan::Scan;
use window::Window;

/// The longest item, in bytes. CloudTrail's own limit for a record is 256 KB.
pub const LONGEST_ITEM: usize = 8 << 20;

/// The most lists inside each other. CloudTrail writes one, and some tools put its documents into another.
const DEEPEST_LIST: usize = 64;

/// How many bytes of broken documents are read in vain before each line is looked at alone. A line can be the beginning
/// of a document that ends nowhere; reading on to the end from each such line would take time without limit.
const PATIENCE: usize = 8 * LONGEST_ITEM;

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
    text: Window<R>,
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
            text: Window::new(input),
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
        self.text.input()
    }

    /// The number of documents so far that are lists.
    pub fn lists(&self) -> u64 {
        self.lists
    }

    /// Reads the next item. `None` is the end of the text.
    pub fn next_item(&mut self) -> Result<Option<Item<'_>>, SplitError> {
        loop {
            self.text.kept = self.text.at;
            let Some(first) = self.text.skip_blanks()? else {
                let is_whole = self.levels.is_empty();
                return if is_whole { Ok(None) } else { Err(self.text.broken("unexpected end of the text")) };
            };
            self.text.kept = self.text.at;
            self.text.count_lines();
            if self.levels.is_empty() {
                self.note_start();
                if self.one_a_line && self.in_vain > PATIENCE {
                    self.check_line()?;
                }
                match first {
                    b'\xEF' if self.text.is_mark()? => self.text.at += 3,
                    b'[' => self.open(Level::Array)?,
                    b'{' => match self.object()? {
                        ObjectEnd::Closed => return self.document(),
                        ObjectEnd::List(list) => self.open(Level::Envelope(list))?,
                    },
                    _ => {
                        self.text.value()?;
                        self.check_scalar()?;
                        return self.document();
                    }
                }
                continue;
            }
            match (self.next, first) {
                (Next::ElementOrEnd | Next::CommaOrEnd, b']') => self.close()?,
                (Next::CommaOrEnd, b',') => {
                    self.text.at += 1;
                    self.next = Next::Element;
                }
                (Next::CommaOrEnd, _) => {
                    return Err(self.text.broken("expected a comma or the end of a list"));
                }
                (_, b'{') => match self.object()? {
                    ObjectEnd::Closed => return Ok(Some(self.element())),
                    ObjectEnd::List(list) => self.open(Level::Envelope(list))?,
                },
                _ => {
                    self.text.value()?;
                    return Ok(Some(self.element()));
                }
            }
        }
    }

    /// Skips a broken document: the line in which the unread part begins, if lines are documents. Otherwise nothing
    /// more can be read, and the result is false. It is for errors of the splitter, and for a document that was found
    /// to be broken when it was parsed.
    pub fn skip_broken(&mut self) -> Result<bool, SplitError> {
        self.in_vain = self.in_vain.saturating_add(self.text.at - self.text.kept);
        self.text.at = self.text.kept;
        self.levels.clear();
        self.next = Next::ElementOrEnd;
        self.text.skip_line()?;
        if !self.one_a_line {
            self.one_a_line = self.is_document_ahead()?;
        }
        Ok(self.one_a_line)
    }

    /// Whether the next line that is not empty is a document.
    fn is_document_ahead(&mut self) -> Result<bool, SplitError> {
        self.text.skip_blanks()?;
        self.text.kept = self.text.at;
        Ok(self.text.rest_of_line()?.is_some_and(is_document))
    }

    /// Checks that a document is whole at the end of its line. One that is too long for that is read as any other.
    fn check_line(&mut self) -> Result<(), SplitError> {
        let line = self.text.rest_of_line()?;
        let is_whole = line.is_none_or(|line| {
            line.len() > LONGEST_ITEM || serde_json::from_slice::<IgnoredAny>(line).is_ok()
        });
        if is_whole { Ok(()) } else { Err(self.text.broken("a line that is not a document")) }
    }

    /// Remembers where a document begins.
    fn note_start(&mut self) {
        if !self.one_a_line {
            self.began = self.text.line();
        }
    }

    fn document(&mut self) -> Result<Option<Item<'_>>, SplitError> {
        if !self.one_a_line && is_document(self.text.item()) {
            self.note_end()?;
        }
        Ok(Some(Item::Document(self.text.item())))
    }

    /// Remembers whether the document that ends here is a line.
    fn note_end(&mut self) -> Result<(), SplitError> {
        if !self.one_a_line {
            self.one_a_line = self.began == self.text.line() && self.text.is_end_of_line()?;
        }
        Ok(())
    }

    fn element(&mut self) -> Item<'_> {
        self.next = Next::CommaOrEnd;
        Item::Element(self.text.item())
    }

    /// Enters a list at its bracket.
    fn open(&mut self, level: Level) -> Result<(), SplitError> {
        if self.levels.len() == DEEPEST_LIST {
            return Err(self.text.broken("too many lists inside each other"));
        }
        self.text.at += 1;
        self.levels.push(level);
        self.next = Next::ElementOrEnd;
        Ok(())
    }

    /// Leaves a list at its bracket, together with the envelope around it.
    fn close(&mut self) -> Result<(), SplitError> {
        self.text.at += 1;
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
        self.text.at += 1;
        if self.text.skip_blanks()? == Some(b'}') {
            self.text.at += 1;
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
                Some(list) if self.text.skip_blanks()? == Some(b'[') => return Ok(ObjectEnd::List(list)),
                _ => {}
            }
            if role == KeyRole::Own {
                // The keys that are left do not matter.
                self.text.scan(Scan::inside_of_one())?;
                return Ok(ObjectEnd::Closed);
            }
            has_records |= role == KeyRole::Records;
            self.text.value()?;
            if self.is_last_member()? {
                return Ok(ObjectEnd::Closed);
            }
        }
    }

    /// Reads the rest of an object after the list that it envelops. A key that contradicts what the object was taken
    /// for is an error, because the elements of the list have been returned already.
    fn rest_of_envelope(&mut self, list: List) -> Result<(), SplitError> {
        while !self.is_last_member()? {
            self.text.kept = self.text.at;
            let is_contradiction = match self.key()? {
                KeyRole::Own | KeyRole::Records => true,
                KeyRole::Events => list == List::Events,
                KeyRole::Other => false,
            };
            if is_contradiction {
                return Err(self.text.broken("an object that is both a list of records and something else"));
            }
            self.text.value()?;
            self.text.kept = self.text.at;
        }
        Ok(())
    }

    /// Reads the key of a member, and the colon behind it.
    fn key(&mut self) -> Result<KeyRole, SplitError> {
        if self.text.skip_blanks()? != Some(b'"') {
            return Err(self.text.broken("expected a key"));
        }
        let from = self.text.at - self.text.kept;
        self.text.value()?;
        let key = self.text.item().get(from..).unwrap_or_default();
        let role = if memchr(b'\\', key).is_some() {
            serde_json::from_slice(key).map_or(KeyRole::Other, |key: String| key_role(&key))
        } else {
            let inner = key.get(1..key.len() - 1).unwrap_or_default();
            std::str::from_utf8(inner).map_or(KeyRole::Other, key_role)
        };
        if self.text.skip_blanks()? != Some(b':') {
            return Err(self.text.broken("expected a colon"));
        }
        self.text.at += 1;
        Ok(role)
    }

    /// Reads what follows a member: a comma, or the end of the object.
    fn is_last_member(&mut self) -> Result<bool, SplitError> {
        let is_last = match self.text.skip_blanks()? {
            Some(b',') => false,
            Some(b'}') => true,
            _ => return Err(self.text.broken("expected a comma or the end of an object")),
        };
        self.text.at += 1;
        Ok(is_last)
    }

    /// A document that is a scalar is parsed here: where words follow each other, each would be a document.
    fn check_scalar(&mut self) -> Result<(), SplitError> {
        match serde_json::from_slice::<IgnoredAny>(self.text.item()) {
            Ok(_) => Ok(()),
            Err(_) => Err(self.text.broken("expected a value")),
        }
    }
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
