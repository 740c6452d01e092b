//! Finding the end of a value in portions of text.

use memchr::memchr3;

/// The state between two portions of a string, an array or an object.
#[derive(Default)]
pub struct Scan {
    /// The number of brackets and braces that are open. They are not told apart: the parser does that.
    depth: usize,
    is_in_string: bool,
    is_escaped: bool,
}

/// The bytes that matter outside of strings.
const STRUCTURE: [bool; 256] = {
    let mut is = [false; 256];
    is[b'"' as usize] = true;
    is[b'{' as usize] = true;
    is[b'}' as usize] = true;
    is[b'[' as usize] = true;
    is[b']' as usize] = true;
    is
};

impl Scan {
    /// Looks for the end of an array or an object from somewhere between its values on.
    pub fn inside_of_one() -> Self {
        Self { depth: 1, ..Self::default() }
    }

    /// Continues in the next portion of the text. By default, the first portion begins with the value. Returns the
    /// offset behind the end of the value, or `None` if it does not end here. A line break in a string, at the offset
    /// of the error, is not JSON; it shows where a line was cut off.
    pub fn find_end(&mut self, text: &[u8]) -> Result<Option<usize>, usize> {
        let mut at = 0;
        loop {
            if self.is_escaped {
                if at == text.len() {
                    return Ok(None);
                }
                at += 1;
                self.is_escaped = false;
            }
            let rest = text.get(at..).unwrap_or_default();
            if self.is_in_string {
                let Some(found) = memchr3(b'"', b'\\', b'\n', rest) else { return Ok(None) };
                at += found + 1;
                match rest.get(found) {
                    Some(b'"') => {
                        self.is_in_string = false;
                        if self.depth == 0 {
                            return Ok(Some(at));
                        }
                    }
                    Some(b'\\') => self.is_escaped = true,
                    _ => return Err(at - 1),
                }
            } else {
                let is_structure = |byte: &u8| STRUCTURE[usize::from(*byte)];
                let Some(found) = rest.iter().position(is_structure) else { return Ok(None) };
                at += found + 1;
                match rest.get(found) {
                    Some(b'"') => self.is_in_string = true,
                    Some(b'{' | b'[') => self.depth += 1,
                    _ => {
                        self.depth = self.depth.saturating_sub(1);
                        if self.depth == 0 {
                            return Ok(Some(at));
                        }
                    }
                }
            }
        }
    }
}
