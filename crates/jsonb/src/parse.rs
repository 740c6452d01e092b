//! Parsing a text. The result is `None` for anything that is not read here or is not valid; PostgreSQL then reads the
//! text itself.

use crate::{Builder, DEEPEST, Member, Members, Text, Value};

/// Reads a text that is one array or one object.
pub fn parse(text: &[u8], builder: &mut Builder) -> Option<Value> {
    let mut parser = Parser { text, at: 0, builder };
    let root = match parser.skip_blanks()? {
        b'{' | b'[' => parser.value(0)?,
        _ => return None,
    };
    parser.skip_blanks().is_none().then_some(root)
}

struct Parser<'p> {
    text: &'p [u8],
    at: usize,
    builder: &'p mut Builder,
}

/// The longest number of digits that always fit into an `i64`.
const MOST_DIGITS: usize = 18;

impl Parser<'_> {
    fn value(&mut self, depth: usize) -> Option<Value> {
        match self.skip_blanks()? {
            b'"' => self.string().map(Value::Text),
            b'{' if depth < DEEPEST => self.object(depth + 1),
            b'[' if depth < DEEPEST => self.array(depth + 1),
            b't' => self.word(b"true", Value::Bool(true)),
            b'f' => self.word(b"false", Value::Bool(false)),
            b'n' => self.word(b"null", Value::Null),
            _ => self.integer(),
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        self.at += 1;
        let open = self.builder.open.len();
        if self.skip_blanks()? == b'}' {
            self.at += 1;
        } else {
            loop {
                if self.skip_blanks()? != b'"' {
                    return None;
                }
                let key = self.string()?;
                if self.skip_blanks()? != b':' {
                    return None;
                }
                self.at += 1;
                let value = self.value(depth)?;
                let order = Member::order(self.builder.bytes(self.text, key));
                self.builder.push(Member { order, key, value })?;
                if self.is_last(b'}')? {
                    break;
                }
            }
        }
        self.sort(open);
        Some(Value::Object(self.close(open)))
    }

    fn array(&mut self, depth: usize) -> Option<Value> {
        self.at += 1;
        let open = self.builder.open.len();
        if self.skip_blanks()? == b']' {
            self.at += 1;
        } else {
            loop {
                let value = self.value(depth)?;
                let key = Text { start: 0, length: 0, is_unescaped: false };
                self.builder.push(Member { order: 0, key, value })?;
                if self.is_last(b']')? {
                    break;
                }
            }
        }
        Some(Value::Array(self.close(open)))
    }

    /// Reads a comma, or the end of a container.
    fn is_last(&mut self, end: u8) -> Option<bool> {
        let byte = self.skip_blanks()?;
        self.at += 1;
        match byte {
            b',' => Some(false),
            byte => (byte == end).then_some(true),
        }
    }

    /// Brings the members of an object into the order of jsonb. Of members with the same key, the last one stays.
    fn sort(&mut self, open: usize) {
        let Builder { open: members, unescaped, .. } = &mut *self.builder;
        let text = self.text;
        let bytes = |key: Text| {
            let whole = if key.is_unescaped { unescaped.as_slice() } else { text };
            whole.get(key.start as usize..(key.start + key.length) as usize).unwrap_or_default()
        };
        let of_object = members.get_mut(open..).unwrap_or_default();
        of_object.sort_by(|a, b| a.order.cmp(&b.order).then_with(|| bytes(a.key).cmp(bytes(b.key))));
        let is_same = |a: &Member, b: &Member| a.order == b.order && bytes(a.key) == bytes(b.key);
        if of_object.windows(2).any(|pair| matches!(pair, [a, b] if is_same(a, b))) {
            // The sort is stable, so of equal keys the last one of the text is the last one here.
            let mut last = open;
            for next in open + 1..members.len() {
                if !is_same(&members[last], &members[next]) {
                    last += 1;
                }
                members[last] = members[next];
            }
            members.truncate(last + 1);
        }
    }

    /// Ends a container: moves its members behind those of the containers that ended before.
    fn close(&mut self, open: usize) -> Members {
        let Builder { open: members, members: read, .. } = &mut *self.builder;
        let start = read.len() as u32;
        read.extend(members.drain(open..));
        Members { start, end: read.len() as u32 }
    }

    /// Reads a string from its quote on.
    fn string(&mut self) -> Option<Text> {
        self.at += 1;
        let start = self.at;
        self.at += plain(self.text.get(start..)?);
        match self.text.get(self.at)? {
            b'"' => {
                let length = self.at - start;
                self.at += 1;
                Some(Text { start: start as u32, length: length as u32, is_unescaped: false })
            }
            b'\\' => self.unescape(start),
            // A control character.
            _ => None,
        }
    }

    /// Reads the rest of a string from its first escape on.
    fn unescape(&mut self, start: usize) -> Option<Text> {
        let begin = self.builder.unescaped.len();
        self.builder.unescaped.extend_from_slice(self.text.get(start..self.at)?);
        loop {
            match self.text.get(self.at)? {
                b'"' => {
                    self.at += 1;
                    let length = self.builder.unescaped.len() - begin;
                    return Some(Text { start: begin as u32, length: length as u32, is_unescaped: true });
                }
                b'\\' => {
                    let escaped = match self.text.get(self.at + 1)? {
                        b'u' => {
                            let character = self.unicode()?;
                            let mut bytes = [0; 4];
                            self.builder
                                .unescaped
                                .extend_from_slice(character.encode_utf8(&mut bytes).as_bytes());
                            continue;
                        }
                        b'b' => 0x08,
                        b'f' => 0x0c,
                        b'n' => b'\n',
                        b'r' => b'\r',
                        b't' => b'\t',
                        same @ (b'"' | b'\\' | b'/') => *same,
                        _ => return None,
                    };
                    self.builder.unescaped.push(escaped);
                    self.at += 2;
                }
                byte if *byte < 0x20 => return None,
                _ => {
                    let rest = self.text.get(self.at..)?;
                    let plain = rest.get(..plain(rest))?;
                    self.builder.unescaped.extend_from_slice(plain);
                    self.at += plain.len();
                }
            }
        }
    }

    /// Reads a character that is escaped by its code, or by two codes. PostgreSQL cannot store NUL.
    fn unicode(&mut self) -> Option<char> {
        let first = self.code()?;
        let code = match first {
            0xd800..0xdc00 => {
                if self.text.get(self.at..self.at + 2)? != b"\\u" {
                    return None;
                }
                let second = self.code()?;
                if !(0xdc00..0xe000).contains(&second) {
                    return None;
                }
                0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            code => code,
        };
        char::from_u32(code).filter(|character| *character != '\0')
    }

    /// Reads `\u` and four digits.
    fn code(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at + 2..self.at + 6)?;
        self.at += 6;
        digits.iter().try_fold(0, |code, digit| Some(code * 16 + char::from(*digit).to_digit(16)?))
    }

    /// Reads a whole number. A fraction or an exponent is not read.
    fn integer(&mut self) -> Option<Value> {
        let is_negative = self.text.get(self.at) == Some(&b'-');
        self.at += usize::from(is_negative);
        let rest = self.text.get(self.at..)?;
        let digits = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        let is_whole = !matches!(rest.get(digits), Some(b'.' | b'e' | b'E'));
        let has_zero_ahead = digits > 1 && rest.first() == Some(&b'0');
        if digits == 0 || digits > MOST_DIGITS || has_zero_ahead || !is_whole {
            return None;
        }
        self.at += digits;
        let digits = rest.get(..digits)?;
        let number = digits.iter().fold(0, |number: i64, digit| number * 10 + i64::from(digit - b'0'));
        Some(Value::Integer(if is_negative { -number } else { number }))
    }

    fn word(&mut self, word: &[u8], value: Value) -> Option<Value> {
        let is_it = self.text.get(self.at..)?.starts_with(word);
        self.at += word.len();
        is_it.then_some(value)
    }

    /// The next byte that is not blank.
    fn skip_blanks(&mut self) -> Option<u8> {
        loop {
            match self.text.get(self.at)? {
                b' ' | b'\n' | b'\t' | b'\r' => self.at += 1,
                byte => return Some(*byte),
            }
        }
    }
}

/// The number of bytes before the first quote, backslash or control character, eight at a time.
fn plain(text: &[u8]) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let (chunks, rest) = text.as_chunks::<8>();
    // The lowest byte that is marked is right; a higher one may be marked because of it.
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    for (at, chunk) in chunks.iter().enumerate() {
        let word = u64::from_le_bytes(*chunk);
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let marked = control | zero(word ^ (ONES * u64::from(b'"'))) | zero(word ^ (ONES * u64::from(b'\\')));
        if marked != 0 {
            return at * 8 + marked.trailing_zeros() as usize / 8;
        }
    }
    let is_end = |byte: &u8| matches!(byte, b'"' | b'\\') || *byte < 0x20;
    let before = text.len() - rest.len();
    before + rest.iter().position(is_end).unwrap_or(rest.len())
}
