//! The part of a text that is in memory, and finding the ends of values in it.

use std::io::{self, Read};

use memchr::{memchr, memchr_iter};

use super::scan::Scan;
use super::{Broken, LONGEST_ITEM, SplitError};

/// How much is read at once. It fits into the caches of a processor.
const PORTION: usize = 256 << 10;

/// A part of a text, from the start of the item that is being read on.
pub struct Window<R> {
    input: R,
    /// The bytes that were read. They end at `end`; those still needed begin at `kept`.
    buffer: Vec<u8>,
    end: usize,
    /// The start of the item that is being read.
    pub kept: usize,
    /// The next byte to look at.
    pub at: usize,
    has_ended: bool,
    /// The number of lines before `counted`.
    lines: u64,
    /// Up to where in the buffer lines were counted, at most to `kept`.
    counted: usize,
}

impl<R: Read> Window<R> {
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
        }
    }

    pub fn input(&self) -> &R {
        &self.input
    }

    /// The line of the next byte to look at, counted from 1.
    pub fn line(&self) -> u64 {
        self.lines + count_lines(self.buffer.get(self.counted..self.at).unwrap_or_default()) + 1
    }

    /// Adds the lines of the bytes that [`Self::fill`] may discard to the count.
    pub fn count_lines(&mut self) {
        self.lines += count_lines(self.buffer.get(self.counted..self.kept).unwrap_or_default());
        self.counted = self.kept;
    }

    /// The item as far as it was read.
    pub fn item(&self) -> &[u8] {
        self.buffer.get(self.kept..self.at).unwrap_or_default()
    }

    /// The bytes that were read but not looked at yet.
    fn rest(&self) -> &[u8] {
        self.buffer.get(self.at..self.end).unwrap_or_default()
    }

    /// The rest of the line, or `None` if it is longer than an item can be.
    pub fn rest_of_line(&mut self) -> io::Result<Option<&[u8]>> {
        let length = loop {
            let rest = self.rest();
            let length = rest.len();
            match memchr(b'\n', rest) {
                Some(end) => break end,
                None if length > LONGEST_ITEM => return Ok(None),
                None if self.fill()? => {}
                None => break length,
            }
        };
        Ok(self.rest().get(..length))
    }

    /// Skips the rest of the line, whatever its length.
    pub fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let end = memchr(b'\n', self.rest());
            self.at = end.map_or(self.end, |end| self.at + end + 1);
            self.kept = self.at;
            if end.is_some() || !self.fill()? {
                return Ok(());
            }
        }
    }

    /// Reads a value.
    pub fn value(&mut self) -> Result<(), SplitError> {
        match self.skip_blanks()? {
            Some(b'"' | b'{' | b'[') => self.scan(Scan::default()),
            _ => self.scalar(),
        }
    }

    /// Reads to the end that the scan looks for.
    pub fn scan(&mut self, mut scan: Scan) -> Result<(), SplitError> {
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

    /// Skips blanks and returns the byte behind them, or `None` at the end of the text.
    pub fn skip_blanks(&mut self) -> Result<Option<u8>, SplitError> {
        loop {
            let rest = self.rest();
            match rest.iter().position(|byte| !byte.is_ascii_whitespace()) {
                Some(found) => {
                    self.at += found;
                    return Ok(self.rest().first().copied());
                }
                None => {
                    // Blanks between items are discarded at once.
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
    pub fn is_mark(&mut self) -> Result<bool, SplitError> {
        const MARK: &[u8] = b"\xEF\xBB\xBF";
        let is_start = self.lines == 0 && self.at == 0;
        while self.end < self.at + MARK.len() && self.fill()? {}
        Ok(is_start && self.rest().starts_with(MARK))
    }

    /// Whether nothing follows in this line.
    pub fn is_end_of_line(&mut self) -> Result<bool, SplitError> {
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

    /// Reads more of an item that does not end here.
    fn fill_item(&mut self) -> Result<(), SplitError> {
        self.check_length()?;
        if self.fill()? { Ok(()) } else { Err(self.broken("unexpected end of the text")) }
    }

    fn check_length(&self) -> Result<(), SplitError> {
        if self.at - self.kept > LONGEST_ITEM {
            return Err(self.broken("a record longer than 8 MB"));
        }
        Ok(())
    }

    /// Discards the bytes before the current item and reads the next portion of the text. Returns false at the end of
    /// the text.
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

    pub fn broken(&self, what: &'static str) -> SplitError {
        SplitError::Broken(Broken { what, line: self.line() })
    }
}

fn count_lines(text: &[u8]) -> u64 {
    memchr_iter(b'\n', text).count() as u64
}
