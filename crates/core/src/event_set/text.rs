//! The text form of a set: `\x`, followed by two hexadecimal digits for each byte.

use super::{Memory, TooLarge, used};

/// The number of bytes that are converted between two calls of [`Memory::tick`].
const CHUNK: usize = 1 << 20;

const PREFIX: &[u8] = b"\\x";

/// The reason why a text is not the text form of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadText {
    NoPrefix,
    OddLength,
    NotADigit,
    TooLarge,
}

/// Reads the bytes of a text form. They need not be a valid set: [`super::validate`] checks that.
pub fn read_text<M: Memory>(text: &[u8], memory: &M) -> Result<M::Slice<u8>, BadText> {
    let digits = text.strip_prefix(PREFIX).ok_or(BadText::NoPrefix)?;
    let (pairs, []) = digits.as_chunks::<2>() else { return Err(BadText::OddLength) };
    let mut bytes = memory.slice::<u8>(pairs.len()).map_err(|TooLarge| BadText::TooLarge)?;
    let digit = |character: u8| char::from(character).to_digit(16).map(|value| value as u8);
    for (bytes, pairs) in bytes.chunks_mut(CHUNK).zip(pairs.chunks(CHUNK)) {
        memory.tick();
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte =
                digit(*high).zip(digit(*low)).map(|(high, low)| high << 4 | low).ok_or(BadText::NotADigit)?;
        }
    }
    Ok(bytes)
}

/// Writes the text form of a set, followed by the zero byte that ends a C string.
pub fn write_text<M: Memory>(set: &[u8], memory: &M) -> Result<M::Slice<u8>, TooLarge> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let set = &set[..used(set)];
    let mut text = memory.slice::<u8>(PREFIX.len() + 2 * set.len() + 1)?;
    text[..PREFIX.len()].copy_from_slice(PREFIX);
    let (pairs, _) = text[PREFIX.len()..].as_chunks_mut::<2>();
    for (pairs, bytes) in pairs.chunks_mut(CHUNK).zip(set.chunks(CHUNK)) {
        memory.tick();
        for (pair, byte) in pairs.iter_mut().zip(bytes) {
            *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::super::test_memory::{Heap, Ticking};
    use super::super::{HEADER_LEN, initialize};
    use super::*;

    fn empty() -> Vec<u8> {
        let mut set = vec![0; HEADER_LEN];
        initialize(&mut set, None, false);
        set
    }

    #[test]
    fn a_set_is_read_from_what_is_written() {
        let text = write_text(&empty(), &Heap).unwrap();
        let (end, text) = text.split_last().unwrap();
        assert_eq!((*end, &text[..2], text.len()), (0, &b"\\x"[..], 2 + 2 * HEADER_LEN));
        assert_eq!(read_text(text, &Heap), Ok(empty()));
        assert_eq!(
            read_text(&[b"\\x".to_vec(), text[2..].to_ascii_uppercase()].concat(), &Heap),
            Ok(empty())
        );
    }

    #[test]
    fn bytes_beyond_the_set_are_not_written() {
        let longer = [empty(), vec![7; 9]].concat();
        assert_eq!(write_text(&longer, &Heap), write_text(&empty(), &Heap));
    }

    #[test]
    fn other_texts_are_not_read() {
        for (text, why) in [
            ("", BadText::NoPrefix),
            ("\\X01", BadText::NoPrefix),
            (" \\x01", BadText::NoPrefix),
            ("\\x012", BadText::OddLength),
            ("\\x0 ", BadText::NotADigit),
            ("\\x+1", BadText::NotADigit),
            ("\\x0g", BadText::NotADigit),
        ] {
            assert_eq!(read_text(text.as_bytes(), &Heap), Err(why), "{text}");
        }
        assert_eq!(read_text(b"\\x", &Heap), Ok(Vec::new()));
    }

    #[test]
    #[cfg_attr(miri, ignore = "millions of bytes take minutes there")]
    fn a_long_text_can_be_interrupted() {
        let memory = Ticking::default();
        read_text(&[PREFIX, vec![b'0'; 6 * CHUNK].as_slice()].concat(), &memory).unwrap();
        assert_eq!(memory.0.get(), 3);
    }
}
