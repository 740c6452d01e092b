//! The content of files, compressed or not.

use std::io::Read;
use travel_files::content::Content;

/// Any bytes of a file. Its content ends, and is not larger than the limit.
pub fn file(data: &[u8]) {
    let Ok(mut content) = Content::of(data, 1) else { return };
    let (mut bytes, mut total) = (vec![0; 4096], 0);
    loop {
        match content.read(&mut bytes) {
            Ok(0) => break,
            Ok(length) => total += length,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                return;
            }
        }
        let is_plain = !data.starts_with(&[0x1f, 0x8b]);
        assert!(is_plain || total <= 1 << 20, "{total} bytes");
    }
    assert_eq!(content.bytes_read(), data.len() as u64);
}
