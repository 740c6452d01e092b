//! Joins values that are jsonb already into a larger one. PostgreSQL takes a value apart, element by element, to put it
//! into another one, and does not check for a cancel meanwhile. Here, the bytes of the elements are copied as they are.

use crate::format::{CONTAINER, HAS_END, IS_ARRAY, IS_OBJECT, LENGTH_OR_END, STRIDE, STRING};

/// An object with a text and a list: `{"type": "FeatureCollection", "features": [...]}`, for example.
pub struct TextAndList<'a> {
    /// The key and the value of the text.
    pub text: (&'a str, &'a str),
    /// The key of the list. jsonb orders keys by their length and then by their bytes: this must be the second one.
    pub list: &'a str,
}

/// The joined value would be larger than jsonb can be: 256 MB.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLarge;

/// The bytes of a word.
const WORD: usize = 4;

impl TextAndList<'_> {
    /// The size of the value in bytes, without the header that PostgreSQL puts in front of it. The elements of the list
    /// are objects or arrays, each from its header on, given by their sizes.
    pub fn size(&self, elements: impl ExactSizeIterator<Item = usize>) -> Result<usize, TooLarge> {
        let list = WORD + WORD * elements.len();
        let size =
            elements.fold(self.before_list() + list, |size, element| size.next_multiple_of(WORD) + element);
        if size <= LENGTH_OR_END as usize { Ok(size) } else { Err(TooLarge) }
    }

    /// Writes the value into `out`, which has its size. `tick` is called for each element.
    pub fn write<'e>(
        &self,
        out: &mut [u8],
        elements: impl ExactSizeIterator<Item = &'e [u8]>,
        mut tick: impl FnMut(),
    ) {
        let mut object = Container::begin(out, 0, IS_OBJECT, 2, 4);
        let (key, text) = self.text;
        for part in [key, self.list, text] {
            object.push(out, STRING, part.as_bytes());
        }
        let begin = fill(out, object.data);
        let mut list = Container::begin(out, begin, IS_ARRAY, elements.len(), elements.len());
        for element in elements {
            tick();
            list.push(out, CONTAINER, element);
        }
        object.close(out, CONTAINER, list.data);
    }

    /// The bytes before the list: the header, four entries, the keys, the text and the gap.
    fn before_list(&self) -> usize {
        let (key, text) = self.text;
        (5 * WORD + key.len() + self.list.len() + text.len()).next_multiple_of(WORD)
    }
}

/// A container that is being written.
struct Container {
    /// Where its next entry goes, and the number of entries before it.
    entry: usize,
    count: usize,
    /// Where its data begins, and where that of the next child does.
    begin: usize,
    data: usize,
}

impl Container {
    fn begin(out: &mut [u8], at: usize, kind: u32, children: usize, entries: usize) -> Self {
        put(out, at, &(kind | children as u32).to_ne_bytes());
        let begin = at + WORD + WORD * entries;
        Self { entry: at + WORD, count: 0, begin, data: begin }
    }

    fn push(&mut self, out: &mut [u8], kind: u32, child: &[u8]) {
        let at = if kind == CONTAINER { fill(out, self.data) } else { self.data };
        put(out, at, child);
        self.close(out, kind, at + child.len());
    }

    /// Writes the entry of a child whose data ends here.
    fn close(&mut self, out: &mut [u8], kind: u32, end: usize) {
        let entry = if self.count.is_multiple_of(STRIDE) {
            kind | HAS_END | (end - self.begin) as u32
        } else {
            kind | (end - self.data) as u32
        };
        put(out, self.entry, &entry.to_ne_bytes());
        self.entry += WORD;
        self.count += 1;
        self.data = end;
    }
}

/// Fills the gap before a container with zeros, and returns where the container begins.
fn fill(out: &mut [u8], at: usize) -> usize {
    let begin = at.next_multiple_of(WORD);
    put(out, at, &[0; WORD][..begin - at]);
    begin
}

fn put(out: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = out.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}
