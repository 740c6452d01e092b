//! Values from the bytes of an input. When the bytes are used up, every value is the smallest.

use arbitrary::Unstructured;
use serde_json::{Map, Value};

/// The rest of an input.
pub struct Input<'a>(Unstructured<'a>);

impl<'a> Input<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self(Unstructured::new(data))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        self.0.arbitrary().unwrap_or_default()
    }

    pub fn is(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// A number less than `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.int_in_range(0..=end - 1).unwrap_or_default()
    }

    pub fn u32(&mut self) -> u32 {
        self.0.arbitrary().unwrap_or_default()
    }

    pub fn u128(&mut self) -> u128 {
        self.0.arbitrary().unwrap_or_default()
    }

    pub fn i64(&mut self) -> i64 {
        self.0.arbitrary().unwrap_or_default()
    }

    pub fn f64(&mut self) -> f64 {
        f64::from_bits(self.i64() as u64)
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// Up to `most` bytes.
    pub fn bytes(&mut self, most: usize) -> &'a [u8] {
        let length = self.below(most + 1).min(self.0.len());
        self.0.bytes(length).unwrap_or_default()
    }

    /// All bytes that are left.
    pub fn rest(&mut self) -> &'a [u8] {
        let length = self.0.len();
        self.0.bytes(length).unwrap_or_default()
    }

    /// A text of up to `most` bytes, or a little more.
    pub fn text(&mut self, most: usize) -> String {
        String::from_utf8_lossy(self.bytes(most)).into_owned()
    }

    /// A text that is missing in half of the cases.
    pub fn maybe_text(&mut self, most: usize) -> Option<String> {
        self.is().then(|| self.text(most))
    }

    /// JSON whose keys and texts are mostly these.
    pub fn json(&mut self, keys: &[&str], texts: &[&str], depth: usize) -> Value {
        match self.below(if depth == 0 { 6 } else { 10 }) {
            0 => Value::Null,
            1 => self.is().into(),
            2 => self.i64().into(),
            3 => self.f64().into(),
            4 => self.pick(texts).into(),
            5 => self.text(40).into(),
            6 => (0..self.below(5)).map(|_| self.json(keys, texts, depth - 1)).collect(),
            7 => self.json(keys, texts, depth - 1).to_string().into(),
            _ => {
                let mut entries = Map::new();
                for _ in 0..self.below(12) {
                    let key = if self.below(16) == 15 { self.text(8) } else { self.pick(keys).to_owned() };
                    entries.insert(key, self.json(keys, texts, depth - 1));
                }
                Value::Object(entries)
            }
        }
    }
}
