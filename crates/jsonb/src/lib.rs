//! Builds the bytes of PostgreSQL's jsonb from JSON text or from parts, without calling PostgreSQL.
//!
//! PostgreSQL's own `jsonb_in` takes about half of the time of loading CloudTrail files, because it allocates each key
//! and value several times. A [`Builder`] allocates nothing once it is warm. It makes the same bytes as `jsonb_in`; a
//! test in the server compares the two. For a text with values that it does not read, such as fractions, or with an
//! error, [`Builder::build`] returns `None`, and the caller passes the text to `jsonb_in`.
//!
//! | module | what it holds |
//! |---|---|
//! | this one | the builder, and what it keeps of a text |
//! | [`mod@format`] | the numbers of the binary form |
//! | [`join`] | joining values that are jsonb already |
//! | `parse` | reading a text |
//! | `emit` | writing the bytes |

#![forbid(unsafe_code)]

mod emit;
pub mod format;
pub mod join;
mod parse;

use std::ops::Range;

/// The longest text, in bytes. The values built from a text take many times its size.
pub const LONGEST_TEXT: usize = 8 << 20;

/// The most members and elements. Each takes at least 64 bytes, and may be as little as two bytes of a text.
const MOST_MEMBERS: usize = 1 << 19;

/// The deepest nesting. Reading and writing recurse for each level.
const DEEPEST: usize = 64;

/// How much memory is kept for the next text, in bytes.
const KEPT: usize = 1 << 20;

/// Makes jsonb of one text after the other. It keeps its memory for the next one.
#[derive(Default)]
pub struct Builder {
    /// The members of the containers that are being read, the innermost last.
    open: Vec<Member>,
    /// The members of the containers that were read. Those of one container lie together.
    members: Vec<Member>,
    /// The texts that have escapes, without them.
    unescaped: Vec<u8>,
    out: Vec<u8>,
}

/// A member of an object, or an element of an array.
#[derive(Clone, Copy)]
struct Member {
    /// Its key in an order that is quick to compare: see [`Member::order`]. 0 for an element.
    order: u128,
    key: Text,
    value: Value,
}

#[derive(Clone, Copy)]
enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Text(Text),
    Array(Members),
    Object(Members),
}

/// A part of [`Builder::members`].
#[derive(Clone, Copy)]
struct Members {
    start: u32,
    end: u32,
}

/// A part of the text, or of [`Builder::unescaped`].
#[derive(Clone, Copy)]
struct Text {
    start: u32,
    length: u32,
    is_unescaped: bool,
}

impl Builder {
    /// The content of the jsonb that PostgreSQL makes of a text, without the header of a variable-length value. `None`
    /// if PostgreSQL must read the text itself, or report what is wrong with it.
    pub fn build(&mut self, text: &str) -> Option<&[u8]> {
        if text.len() > LONGEST_TEXT {
            return None;
        }
        self.clear();
        let root = parse::parse(text.as_bytes(), self)?;
        let mut out = std::mem::take(&mut self.out);
        emit::emit(&mut out, self, text.as_bytes(), root);
        self.out = out;
        Some(&self.out)
    }

    fn clear(&mut self) {
        let size = (self.open.capacity() + self.members.capacity()) * size_of::<Member>()
            + self.unescaped.capacity()
            + self.out.capacity();
        if size > KEPT {
            *self = Self::default();
        }
        self.open.clear();
        self.members.clear();
        self.unescaped.clear();
        self.out.clear();
    }

    /// Adds a member to those that are being read. `None` if there are too many.
    fn push(&mut self, member: Member) -> Option<()> {
        let has_room = self.open.len() + self.members.len() < MOST_MEMBERS;
        has_room.then(|| self.open.push(member))
    }

    fn bytes<'b>(&'b self, text: &'b [u8], part: Text) -> &'b [u8] {
        let whole = if part.is_unescaped { &self.unescaped } else { text };
        let start = part.start as usize;
        whole.get(start..start + part.length as usize).unwrap_or_default()
    }

    fn members(&self, of: Members) -> &[Member] {
        self.members.get(Range::from(of)).unwrap_or_default()
    }
}

impl Member {
    /// The order of jsonb: by length, then by bytes. It has the length and the first 12 bytes.
    fn order(key: &[u8]) -> u128 {
        let mut order = [0; 16];
        let (length, beginning) = order.split_at_mut(4);
        length.copy_from_slice(&(key.len() as u32).to_be_bytes());
        for (to, from) in beginning.iter_mut().zip(key) {
            *to = *from;
        }
        u128::from_be_bytes(order)
    }
}

impl From<Members> for Range<usize> {
    fn from(members: Members) -> Self {
        members.start as usize..members.end as usize
    }
}
