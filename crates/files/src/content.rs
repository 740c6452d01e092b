//! The content of a file: decompressed, up to a limit, if it is gzip; with a digest of the bytes of the file.

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;
use md5::{Digest, Md5};

use crate::tree::io_text;

/// The digest of a file.
pub type FileDigest = [u8; 16];

/// How much of a file is read at once.
const PORTION: usize = 64 << 10;

/// The first bytes of a gzip file.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Reads the content of a file.
pub struct Content<R> {
    from: Form<R>,
    /// The bytes that may still come.
    left: u64,
    limit: u64,
    source: Rc<Source>,
}

enum Form<R> {
    Plain(BufReader<Counted<R>>),
    Gzip(Box<MultiGzDecoder<BufReader<Counted<R>>>>),
}

/// Why a file cannot be read to its end. It is the inner error of an [`io::Error`].
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    #[error("its content is larger than {0} MB")]
    TooLarge(u64),
    #[error("it is cut off: the compressed data ends too early")]
    Truncated,
    #[error("its compressed data is damaged")]
    Damaged,
    #[error("{0}")]
    Io(String),
}

/// The bytes of the file read so far: their number and their digest.
#[derive(Default)]
struct Source {
    bytes: Cell<u64>,
    digest: RefCell<Md5>,
}

struct Counted<R> {
    file: R,
    source: Rc<Source>,
}

impl<R: Read> Content<R> {
    /// Begins to read a file. The content of a compressed one may have as many megabytes as `limit_mb` says.
    pub fn of(file: R, limit_mb: u64) -> io::Result<Self> {
        let source = Rc::new(Source::default());
        let mut input = BufReader::with_capacity(PORTION, Counted { file, source: Rc::clone(&source) });
        // A file is not read byte by byte, so both bytes are there.
        let is_gzip = input.fill_buf().map_err(wrapped)?.starts_with(&GZIP);
        let from =
            if is_gzip { Form::Gzip(Box::new(MultiGzDecoder::new(input))) } else { Form::Plain(input) };
        let limit = limit_mb.saturating_mul(1 << 20);
        Ok(Self { from, left: limit, limit, source })
    }

    /// The number of bytes of the file that were read.
    pub fn bytes_read(&self) -> u64 {
        self.source.bytes.get()
    }

    /// The digest of the bytes of the file that were read: that of the whole file, once all of its content was read.
    pub fn digest(&self) -> FileDigest {
        self.source.digest.borrow().clone().finalize().into()
    }
}

/// The text of an error of reading a [`Content`].
pub fn text_of(error: &io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<ContentError>()) {
        Some(error) => error.to_string(),
        None => io_text(error),
    }
}

/// The digest of a file that is only compared, and not loaded.
pub fn digest_of(mut file: impl Read, mut tick: impl FnMut()) -> io::Result<FileDigest> {
    let mut digest = Md5::new();
    let mut portion = vec![0; PORTION];
    loop {
        tick();
        match file.read(&mut portion) {
            Ok(0) => return Ok(digest.finalize().into()),
            Ok(read) => digest.update(portion.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

impl<R: Read> Read for Content<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.from {
            Form::Plain(file) => file.read(into),
            Form::Gzip(file) => file.read(into),
        };
        let read = read.map_err(wrapped)?;
        // Plain files have no limit, because their size shows how large their content is.
        if let Form::Gzip(_) = self.from {
            match self.left.checked_sub(read as u64) {
                Some(left) => self.left = left,
                None => return Err(io::Error::other(ContentError::TooLarge(self.limit >> 20))),
            }
        }
        Ok(read)
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(into)?;
        let bytes = into.get(..read).unwrap_or_default();
        self.source.digest.borrow_mut().update(bytes);
        self.source.bytes.set(self.source.bytes.get() + read as u64);
        Ok(read)
    }
}

/// An error of reading or decompressing, in the words of [`ContentError`].
fn wrapped(error: io::Error) -> io::Error {
    let what = match error.kind() {
        io::ErrorKind::Interrupted => return error,
        io::ErrorKind::UnexpectedEof => ContentError::Truncated,
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => ContentError::Damaged,
        _ => ContentError::Io(io_text(&error)),
    };
    io::Error::other(what)
}
